/* What the files that handle POST /produce share. */
#ifndef BROKER_NET_PRODUCE_H
#define BROKER_NET_PRODUCE_H

#include "broker/core/core.h"
#include "broker/net/http_session.h"

/* --- what is done when the body is whole --- */

/* One event. */
void rt_produce_finish(struct rt_http_session *session,
                       struct rt_bytes payload);

/* A batch for one topic; or an event with a key. */
void rt_produce_finish_together(struct rt_http_session *session,
                                struct rt_bytes body);

/* --- events --- */

/* An event of the exchange's topic; its content is not known yet. */
struct rt_event rt_produce_event(const struct rt_http_session *session,
                                 struct rt_bytes payload);

/* Whether the payload is what the Content-Type says, and what that is; refuses
 * the request and returns RT_EINVAL if it is not. */
RT_MUST_USE int rt_produce_check_content(struct rt_http_session *session,
                                         struct rt_event *event);

/* Whether the request's condition holds; refuses it and returns RT_EINVAL if it
 * does not. */
RT_MUST_USE int rt_produce_check_condition(struct rt_http_session *session,
                                           struct rt_bytes topic);

/* --- answers --- */

/* Answers with a receipt, and lets the publisher wait if the topic's fan-out is
 * behind. */
void rt_produce_answer(struct rt_http_session *session,
                       struct rt_bytes topic,
                       const struct rt_receipt *receipt);

/* Answers with the receipt of a request that was done before. */
void rt_produce_answer_again(struct rt_http_session *session,
                             struct rt_bytes topic,
                             const struct rt_receipt *receipt);

/* Refuses what the core did not append: RT_ECLOSED or RT_ENOMEM. */
void rt_produce_refuse(struct rt_http_session *session,
                       struct rt_bytes topic,
                       int err);

#endif
