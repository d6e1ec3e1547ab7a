/*
 * What a request to subscribe asks for in its query and its header fields:
 * where to begin, in which format, and what to do about gaps.
 */
#ifndef BROKER_NET_SUBSCRIBE_QUERY_H
#define BROKER_NET_SUBSCRIBE_QUERY_H

#include <stdbool.h>

#include "base/check.h"
#include "broker/core/subscriber.h"
#include "broker/net/http_session.h"
#include "protocol/format.h"
#include "protocol/http_request.h"
#include "protocol/since.h"

struct rt_subscribe_query {
    struct rt_since since;
    struct rt_bytes since_name; /* the parameter that says so */
    bool is_id;                 /* and that is the id of an event */
    enum rt_gap_policy gap;
    enum rt_ack visible; /* how far events have come when they are given */
    enum rt_format format;
};

/*
 * Reads the parameters of a subscription in a format: that of a WebSocket, or
 * of a stream, which the parameter `format` may change. Of several that say
 * where to begin the header field Last-Event-ID goes before `last_event_id`,
 * `lastEventId` and `since`, in this order. 0, or RT_EINVAL with the request
 * refused.
 */
RT_MUST_USE int rt_subscribe_query_parse(struct rt_http_session *session,
                                         const struct rt_http_request *request,
                                         struct rt_bytes query,
                                         enum rt_format format,
                                         struct rt_subscribe_query *parsed);

/*
 * Browsers send the last id that they had of server-sent events by themselves,
 * and never come back after an error. So there an id is never wrong: one of
 * another kind than the selector's is a position in another log.
 */
void rt_subscribe_query_fit(struct rt_subscribe_query *query,
                            const struct rt_selector *selector);

/* What to do about gaps, in a format that can tell of them or in raw: 0, or
 * RT_EINVAL with *expected saying what it should be. */
RT_MUST_USE int rt_gap_policy_parse(struct rt_bytes text,
                                    enum rt_format format,
                                    enum rt_gap_policy *policy,
                                    const char **expected);

/*
 * Whether events can be given when they have come so far: 0, or RT_EINVAL with
 * the refusal.
 */
RT_MUST_USE int rt_subscribe_check_visible(const struct rt_server *server,
                                           enum rt_ack visible,
                                           struct rt_refusal *refusal);

/* The policy of who does not say. */
enum rt_gap_policy rt_gap_policy_default(enum rt_format format);

/* What `since` should be. */
extern const char rt_since_expected[];

/*
 * Whether what was read has a meaning for one topic, or for several: 0, or
 * RT_EINVAL with the name of the parameter that has none, and what it should
 * be. `*name` is that of the parameter that says where to begin.
 */
RT_MUST_USE int rt_subscribe_check(const struct rt_selector *selector,
                                   const struct rt_since *since,
                                   enum rt_gap_policy gap,
                                   struct rt_bytes *name,
                                   const char **expected);

#endif
