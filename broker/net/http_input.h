/*
 * The reading half of an HTTP session: from bytes to requests. One step takes
 * a head, or a piece of one, or what there is of a body.
 */
#ifndef BROKER_NET_HTTP_INPUT_H
#define BROKER_NET_HTTP_INPUT_H

#include "base/bytes.h"
#include "broker/net/http_session.h"

/* How long the body of the request under way may be; before its head has been
 * handled. What is longer cannot be skipped. */
void rt_http_input_limit(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         uint64_t bytes_max);

/* Takes the next part of the input off `bytes`, which are not empty unless a
 * body is held. A request that is whole is handled; that may close or upgrade
 * the connection. */
void rt_http_input_step(struct rt_http_session *session,
                        struct rt_bytes *bytes);

#endif
