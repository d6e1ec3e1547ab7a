/*
 * Topics as resources: their state, and what whoever runs the broker does to
 * them. Reading one is for whoever may subscribe to it. Changing one, and
 * seeing which there are and how many subscribe, is for listeners of the role
 * admin.
 */
#ifndef BROKER_NET_TOPIC_RESOURCE_H
#define BROKER_NET_TOPIC_RESOURCE_H

#include "broker/core/topic.h"
#include "broker/net/http_session.h"
#include "protocol/http_request.h"
#include "protocol/target.h"
#include "protocol/topic_state.h"

/* What is said of a topic on the session's listener. */
struct rt_topic_state rt_topic_state_of(const struct rt_http_session *session,
                                        const struct rt_topic *topic);

/* Where the topic begins and ends, for whoever has a cursor of something else.
 */
void rt_refusal_add_cursors(struct rt_refusal *refusal,
                            const struct rt_topic *topic);

/* Answers with a representation, and its tag; or that it is the one that the
 * request has. `headers` as in struct rt_http_answer, at most
 * RT_RESOURCE_HEADERS_MAX bytes. */
#define RT_RESOURCE_HEADERS_MAX 1024
void rt_resource_answer(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        struct rt_bytes headers,
                        struct rt_bytes body);

/* The topic of the exchange; NULL after the request was refused, for there is
 * none. */
struct rt_topic *rt_resource_find(struct rt_http_session *session);

/* The representation of a topic, and the header fields that go with it: with
 * how far what was done to it has come, if that is said. */
#define RT_RESOURCE_STATE_MAX (RT_TOPIC_STATE_BYTES_MAX + 1)
#define RT_RESOURCE_LINES_MAX (RT_CURSOR_BYTES_MAX + 64)
struct rt_bytes rt_resource_state(const struct rt_http_session *session,
                                  const struct rt_topic *topic,
                                  char memory[RT_RESOURCE_STATE_MAX]);
struct rt_bytes rt_resource_lines(const struct rt_topic *topic,
                                  enum rt_ack ack,
                                  char memory[RT_RESOURCE_LINES_MAX]);

/* GET /topics/{topic}; PUT, DELETE, POST /topics/{topic}/close. What is done to
 * a topic is answered when it is on disk, as events of that topic are. */
void rt_topic_begin(struct rt_http_session *session,
                    const struct rt_http_request *request,
                    const struct rt_target *target);
void rt_topic_put_begin(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        const struct rt_target *target);
void rt_topic_purge_begin(struct rt_http_session *session,
                          const struct rt_http_request *request,
                          const struct rt_target *target);
void rt_topic_close_begin(struct rt_http_session *session,
                          const struct rt_http_request *request,
                          const struct rt_target *target);

/* GET /topics/{topic}/events */
void rt_topic_events_begin(struct rt_http_session *session,
                           const struct rt_http_request *request,
                           const struct rt_target *target);

/* Answers the exchange, whose head is gone, with a page: 204 if it is empty. */
struct rt_page_query;
void rt_topic_events_answer(struct rt_http_session *session,
                            const struct rt_page_query *query);

/* GET /topics */
void rt_topic_list_begin(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         const struct rt_target *target);

#endif
