/*
 * A page: some of a topic's events, from a position on, as one text. They are
 * in the envelope, and what the page lacks is told before them, as subscribers
 * are told:
 *
 *     [                                              {"op":"gap",...}
 *     {"op":"gap",...},                              {"op":"event",...}
 *     {"op":"event",...}
 *     ]
 *
 * as JSON, or as NDJSON. Behind the last event of a closed topic stands that it
 * is closed.
 */
#ifndef BROKER_NET_EVENT_PAGE_H
#define BROKER_NET_EVENT_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/writer.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"
#include "protocol/etag.h"
#include "protocol/since.h"

/* Events of a page, if nobody says how many, and at most; and bytes of them,
 * but one event has room whatever it takes. */
#define RT_PAGE_EVENTS     100
#define RT_PAGE_EVENTS_MAX 1000
#define RT_PAGE_BYTES_MAX  ((size_t)256 * 1024)

/* The most that a request may wait for an event. */
#define RT_PAGE_WAIT_MS_MAX 60000

/* What is asked for. */
struct rt_page_query {
    struct rt_since after;
    enum rt_gap_policy gap;
    uint64_t limit;   /* events */
    uint64_t wait_ms; /* 0: not at all */
    bool is_ndjson;
};

/* What there is. */
struct rt_page {
    struct rt_start start;
    bool has_gap;    /* that is told first */
    bool is_away;    /* its events are on disk, and to be waited for */
    bool is_at_head; /* these are the last events */
    bool is_ended;   /* and there will be no more */
    uint64_t first;  /* offset, */
    uint64_t end;    /* and behind the last one */
    size_t bytes;    /* of all items, with what is around each */
};

struct rt_page rt_page_find(const struct rt_topic *topic,
                            const struct rt_page_query *query);

/* Whether nothing is in it. */
bool rt_page_is_empty(const struct rt_page *page);

/* The position behind it. */
struct rt_cursor rt_page_cursor(const struct rt_topic *topic,
                                const struct rt_page *page);

/* How many bytes it takes at most; and writes them. */
size_t rt_page_size(const struct rt_page *page);
void rt_page_write(struct rt_writer *writer,
                   const struct rt_topic *topic,
                   const struct rt_page_query *query,
                   const struct rt_page *page);

/* Writes the tag of the page's text, at most RT_ETAG_BYTES_MAX bytes: between
 * the same positions the same events are. */
void rt_page_tag_write(struct rt_writer *writer,
                       const struct rt_topic *topic,
                       const struct rt_page_query *query,
                       const struct rt_page *page);

#endif
