/*
 * Routes: which resource a request is for, and what handles it. A handler sees
 * the head when it is whole and the payload when that is.
 */
#ifndef BROKER_NET_ROUTE_H
#define BROKER_NET_ROUTE_H

#include "broker/net/http_session.h"
#include "protocol/http_request.h"
#include "protocol/pattern.h"
#include "protocol/target.h"

/* The broker itself: what runs the routes. */
extern const struct rt_application rt_broker_application;

/* --- the handlers, one file each --- */

/* POST /produce/{topic} */
void rt_produce_begin(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target);
bool rt_produce_begin_alike(struct rt_http_session *session,
                            struct rt_bytes target);

/* POST /produce */
void rt_produce_topics_begin(struct rt_http_session *session,
                             const struct rt_http_request *request,
                             const struct rt_target *target);

/* GET /subscribe/{topic}, and /subscribe */
void rt_subscribe_begin(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        const struct rt_target *target);

void rt_subscribe_begin_empty(struct rt_http_session *session,
                              const struct rt_http_request *request,
                              const struct rt_target *target);

/* GET /livez, /readyz, /metrics, /openapi.json */
void rt_livez_begin(struct rt_http_session *session,
                    const struct rt_http_request *request,
                    const struct rt_target *target);
void rt_readyz_begin(struct rt_http_session *session,
                     const struct rt_http_request *request,
                     const struct rt_target *target);
void rt_metrics_begin(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target);
void rt_openapi_begin(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target);

/* Decodes and checks the topic, the last segment of the path, into the
 * exchange; refuses the request and returns RT_EINVAL if it is none. */
RT_MUST_USE int rt_route_topic(struct rt_http_session *session,
                               struct rt_bytes segment);

/* The same for a topic or several, with patterns: reads them into a selector
 * that points into the memory, or for one topic into the exchange. */
RT_MUST_USE int rt_route_selector(struct rt_http_session *session,
                                  struct rt_bytes segment,
                                  char memory[RT_SELECTOR_BYTES_MAX],
                                  struct rt_selector *selector);

/* The exchange is about this one of several topics or patterns. */
void rt_route_set_topic(struct rt_http_session *session, struct rt_bytes topic);

/* A header field that would change what a request means, but means nothing to
 * this one: to pass it over would be to do what was not asked for. */
struct rt_unwanted_field {
    enum rt_http_field field;
    struct rt_bytes name;
    const char *detail;
};

/* Refuses the request, and returns RT_EINVAL, if it has one of these. */
RT_MUST_USE int rt_route_check_fields(struct rt_http_session *session,
                                      const struct rt_http_request *request,
                                      const struct rt_unwanted_field *unwanted,
                                      size_t count);

/* Refuses with a subject and a sentence. */
void rt_route_refuse(struct rt_http_session *session,
                     enum rt_problem problem,
                     struct rt_bytes subject,
                     const char *detail);

#endif
