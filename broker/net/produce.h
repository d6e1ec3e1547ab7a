/* What the files that handle POST /produce share. */
#ifndef BROKER_NET_PRODUCE_H
#define BROKER_NET_PRODUCE_H

#include "broker/core/core.h"
#include "broker/core/publication.h"
#include "broker/net/http_session.h"
#include "protocol/batch.h"
#include "protocol/http_request.h"
#include "protocol/target.h"

/* --- what is done when the body is whole --- */

/* One event. */
void rt_produce_finish(struct rt_http_session *session,
                       struct rt_bytes payload);

/* A batch for one topic; or an event with a key. */
void rt_produce_finish_together(struct rt_http_session *session,
                                struct rt_bytes body);

/* A batch whose events name their topics. */
void rt_produce_topics_finish(struct rt_http_session *session,
                              struct rt_bytes body);

/* --- heads --- */

/* What holds of all requests to publish: the parameters, the media type and the
 * key. Refuses the request and returns RT_EINVAL if something is wrong. */
RT_MUST_USE int rt_produce_take_head(struct rt_http_session *session,
                                     const struct rt_http_request *request,
                                     const struct rt_target *target);

/* The payload is not looked at before the disk has caught up, if it is behind:
 * a connection may have this request alone, so to wait after it is too late. */
void rt_produce_await_disk(struct rt_http_session *session);

/* Whether the body is as long as it may be, or not known to be longer; refuses
 * the request and returns RT_EINVAL if not. */
RT_MUST_USE int rt_produce_check_length(struct rt_http_session *session,
                                        const struct rt_http_request *request);

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

/* Memory to read the lines of a body with, to be given back; NULL if there is
 * none, and the request is refused. */
RT_MUST_USE char *rt_produce_take_scratch(struct rt_http_session *session,
                                          struct rt_bytes body);
void rt_produce_give_scratch(struct rt_http_session *session,
                             char *memory,
                             struct rt_bytes body);

/* --- keys --- */

/* What is remembered of a request, if it has a key. */
struct rt_idempotency_request
rt_produce_request(const struct rt_http_session *session,
                   struct rt_bytes topic,
                   struct rt_bytes body);

/* 1 and the receipts if the request was done before, 0 if it was not, RT_EEXIST
 * if its key was used for another: then it is refused. */
RT_MUST_USE int rt_produce_recall(struct rt_http_session *session,
                                  const struct rt_idempotency_request *request,
                                  const struct rt_receipt **receipts);

/* Commits what was added, a receipt for each topic; or RT_ENOMEM: what cannot
 * be remembered is not done, for it might be done again. */
RT_MUST_USE int rt_produce_commit(struct rt_publication *publication,
                                  const struct rt_idempotency_request *request,
                                  struct rt_receipt *receipts);

/* --- answers --- */

/* Makes the receipts what the publisher asked for, who is told of all of them
 * at once; the answer will wait if that is the disk. Or refuses the request,
 * and returns RT_EINVAL, if it would wait in vain. */
RT_MUST_USE int rt_produce_settle(struct rt_http_session *session,
                                  struct rt_receipt *receipts,
                                  uint32_t count);

/* Answers 200 with that body, or 204 if that is preferred; with more headers,
 * and whether it is the answer of a request that was done before. */
void rt_produce_answer_with(struct rt_http_session *session,
                            struct rt_bytes body,
                            struct rt_bytes headers,
                            bool is_replayed);

/* Answers with a receipt, when it holds, and lets the publisher wait if the
 * topic's fan-out is behind. */
void rt_produce_answer(struct rt_http_session *session,
                       struct rt_bytes topic,
                       struct rt_receipt *receipt);

/* Answers with the receipt of a request that was done before. */
void rt_produce_answer_again(struct rt_http_session *session,
                             struct rt_bytes topic,
                             struct rt_receipt *receipt);

/* Refuses a batch for one of its events. */
void rt_produce_refuse_batch(struct rt_http_session *session,
                             const struct rt_batch_fault *fault);

/* Why the core did not append. */
struct rt_refusal rt_publish_refusal(struct rt_bytes topic, int err);

/* Refuses what the core did not append, as rt_core_publish says. */
void rt_produce_refuse(struct rt_http_session *session,
                       struct rt_bytes topic,
                       int err);

#endif
