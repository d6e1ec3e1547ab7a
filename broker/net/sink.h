/*
 * The core's sink, on libuv: events go to a subscriber's connection as they
 * are, notices and the end in the connection's own way.
 */
#ifndef BROKER_NET_SINK_H
#define BROKER_NET_SINK_H

#include "broker/core/sink.h"

extern const struct rt_sink_ops rt_connection_sink;

#endif
