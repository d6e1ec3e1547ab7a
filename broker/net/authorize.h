/*
 * Asking the host whether a peer may publish or subscribe. It answers at once,
 * or later: then the head of the request is held back, with what came behind
 * it, and is handled anew when there is a verdict.
 */
#ifndef BROKER_NET_AUTHORIZE_H
#define BROKER_NET_AUTHORIZE_H

#include "base/check.h"
#include "broker/net/http_session.h"
#include "protocol/http_request.h"
#include "protocol/target.h"
#include "ringtail/ringtail.h"

/*
 * Asks about a request whose topic is in the exchange and whose form has been
 * checked. 0 if it is allowed, at once without a host that wants to be asked;
 * RT_EINVAL if it is refused, and has been answered; RT_EAGAIN if it is held
 * back, until the session continues.
 */
RT_MUST_USE int rt_authorize(struct rt_http_session *session,
                             enum ringtail_action action,
                             const struct rt_http_request *request,
                             const struct rt_target *target);

/* The host has taken too long: the request is refused in this turn. */
void rt_authorize_give_up(struct rt_http_session *session);

/* The session ends, or waits no more: the host's answer will find nobody. */
void rt_authorize_detach(struct rt_http_session *session);

/* Goes on with the sessions that have a verdict now; for the server's check. */
void rt_authorize_continue(struct rt_server *server);

/* Frees what the host has left unanswered. */
void rt_authorize_finish(struct rt_server *server);

/* The size of what the host answers to, for the pool. */
size_t rt_authorize_size(void);

#endif
