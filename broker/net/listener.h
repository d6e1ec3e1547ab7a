/* A listener: a socket that accepts connections for a server. */
#ifndef BROKER_NET_LISTENER_H
#define BROKER_NET_LISTENER_H

#include "base/check.h"
#include "broker/net/server.h"

/*
 * Listens on an address as text. `roles` as in ringtail_broker_listen. 0,
 * RINGTAIL_EADDRESS, RINGTAIL_EDESCRIPTOR, RINGTAIL_EINSECURE, RT_ENOMEM, or
 * libuv's error.
 */
RT_MUST_USE int
rt_listener_open(struct rt_server *server, const char *address, unsigned roles);

/* Calls `visit` with the handle of every listener. */
void rt_listeners_visit(struct rt_server *server,
                        void (*visit)(uv_handle_t *handle));

/* A turn is over: those who had accepted enough in it go on. */
void rt_listeners_continue(struct rt_server *server);

/* Closes all listeners of a server. */
void rt_listeners_close(struct rt_server *server);

#endif
