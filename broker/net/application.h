/*
 * The application: what a server does with what its connections bring. HTTP and
 * WebSocket below it are the same for all of them: the broker itself, and the
 * echo server with which outside conformance suites test that part.
 */
#ifndef BROKER_NET_APPLICATION_H
#define BROKER_NET_APPLICATION_H

#include <stdbool.h>

#include "base/bytes.h"
#include "protocol/http_request.h"
#include "protocol/ws_receive.h"

struct rt_connection;
struct rt_http_session;

struct rt_application {
    /* The head of a request is whole: something to say now answers it, and its
     * body is skipped. */
    void (*begin)(struct rt_http_session *session,
                  const struct rt_http_request *request);
    /* A head like the session's last one, but for its target: sets the exchange
     * to that, or returns false, and then it is taken as a new head. Unless
     * NULL. */
    bool (*begin_alike)(struct rt_http_session *session,
                        struct rt_bytes target);
    /* The body of a request that has not been answered is whole. */
    void (*finish)(struct rt_http_session *session, struct rt_bytes payload);
    /* A whole WebSocket message, if any are taken. */
    void (*message)(struct rt_connection *connection,
                    uint8_t opcode,
                    struct rt_bytes payload);
    struct rt_ws_limits limits; /* of messages */
};

#endif
