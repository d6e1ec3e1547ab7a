/*
 * A poll: a request for a page that waits for an event, because there is none
 * yet, or because it is on disk. It follows the topic as a local subscriber,
 * and ends with the first that happens: an event comes, or the topic is closed
 * or purged; the time is over; the peer leaves; the server stops. Meanwhile the
 * session reads on, to see the peer leave, and keeps what it reads.
 */
#ifndef BROKER_NET_POLL_H
#define BROKER_NET_POLL_H

#include "base/check.h"
#include "base/list.h"
#include "broker/core/local.h"
#include "broker/net/event_page.h"
#include "broker/net/http_session.h"

/* The most that a page waits for the disk. */
#define RT_POLL_DISK_MS 10000

/* Polls answered in a turn. */
#define RT_POLLS_TURN 64

struct rt_poll {
    struct rt_local local; /* attached until it is woken */
    struct rt_list woken;  /* in server->woken */
    struct rt_http_session *session;
    struct rt_page_query query;
    uint64_t deadline_ms;
};

/* The request under way waits for what comes after a position, for so long at
 * most: 0 or RT_ENOMEM. Its exchange has the topic. */
RT_MUST_USE int rt_poll_begin(struct rt_http_session *session,
                              const struct rt_page_query *query,
                              struct rt_cursor after,
                              uint64_t wait_ms);

/* Sets the connection's timer for when the time is over. */
void rt_poll_set_timer(struct rt_http_session *session);

/* The timer is due: ends the poll if its time is over. */
void rt_poll_tick(struct rt_http_session *session);

/* The time is over, or the server stops: answers with what there is. */
void rt_poll_end(struct rt_http_session *session);

/* The session ends, and nothing is answered. A session without one is fine. */
void rt_poll_drop(struct rt_http_session *session);

/* Answers those that an event has come for; for the server's check. */
void rt_polls_answer(struct rt_server *server);

#endif
