/*
 * What a subscriber's connection is told beside events, as notices in its
 * format, which is not raw. They are written behind what is queued, between
 * events. Any of these may close the connection, for want of memory or because
 * the peer is gone.
 */
#ifndef BROKER_NET_NOTIFY_H
#define BROKER_NET_NOTIFY_H

#include "base/bytes.h"
#include "broker/core/subscriber.h"
#include "broker/net/connection.h"
#include "protocol/notice.h"

/* After a break clients come back when so much time has passed, and something
 * between nothing and the spread beside, so that not all come at once. */
#define RT_RECONNECT_MS        2000
#define RT_RECONNECT_SPREAD_MS 2000

/* That it is open, and for a subscriber where it begins: after a gap unless the
 * policy is to skip it, without some that are closed, and whether there is
 * nothing to replay. */
void rt_notify_start(struct rt_connection *connection,
                     const struct rt_selector *selector,
                     const struct rt_start *start);

/* That it is open, without a topic. */
void rt_notify_open(struct rt_connection *connection);

/* Where in the events a notice is: in a topic; or, if that is empty, among all
 * of the node, for a subscriber of several topics. */
struct rt_notice_place {
    struct rt_bytes topic;
    struct rt_cursor cursor;
};

/* Of a subscriber that begins. */
struct rt_notice_place rt_notice_place(const struct rt_selector *selector,
                                       const struct rt_start *start);

/* What is said of a gap, and of having caught up. */
struct rt_notice rt_gap_notice(const struct rt_notice_place *place,
                               const struct rt_gap *gap);
struct rt_notice rt_caught_up_notice(const struct rt_notice_place *place);

/* Of several topics, those that were closed before the start are told then. Of
 * the patterns from *next on, the next that is such a topic: false if there is
 * none. */
bool rt_next_closed_notice(const struct rt_core *core,
                           const struct rt_selector *selector,
                           const struct rt_start *start,
                           uint32_t *next,
                           struct rt_notice *notice);

/* That events are missed. */
void rt_notify_gap(struct rt_connection *connection,
                   const struct rt_notice_place *place,
                   const struct rt_gap *gap);

/* That it has everything that there was when it began. */
void rt_notify_caught_up(struct rt_connection *connection,
                         const struct rt_notice_place *place);

/* That a topic is closed, behind its last event. Of several, where that is
 * empty, each was told. */
void rt_notify_closed(struct rt_connection *connection,
                      struct rt_bytes topic,
                      struct rt_cursor cursor);

/* That the broker stops, and when to come back. */
void rt_notify_drain(struct rt_connection *connection);

/* Where one of its subscribers goes on, before the connection ends. */
void rt_notify_place(struct rt_connection *connection,
                     const struct rt_stream *stream,
                     struct rt_cursor cursor);

/* That something is wrong, before the connection ends for it. */
void rt_notify_error(struct rt_connection *connection,
                     const struct rt_refusal *refusal);

#endif
