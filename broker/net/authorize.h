/*
 * Whether a request is allowed. While the host has not said so, the head of the
 * request is held back, with what came behind it, and is handled anew when
 * there is a verdict.
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

/* The same, for what the host is shown; the verdict that was waited for must be
 * dropped before the next question. */
RT_MUST_USE int rt_authorize_asked(struct rt_http_session *session,
                                   const struct rt_asked *asked);

/* What the host is shown of a request, but for its topic. */
struct rt_asked rt_authorize_asked_of(enum ringtail_action action,
                                      const struct rt_http_request *request,
                                      const struct rt_target *target);

/* What a verdict is to whoever asked about a topic: whether it is in favour, or
 * the refusal. */
RT_MUST_USE bool rt_verdict_allows(enum rt_verdict verdict,
                                   struct rt_bytes topic,
                                   struct rt_refusal *refusal);

#endif
