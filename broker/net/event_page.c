#include "broker/net/event_page.h"

#include "base/check.h"
#include "broker/core/history.h"
#include "broker/net/notify.h"
#include "protocol/format.h"
#include "protocol/notice.h"

#define AROUND_ITEM 2 /* a comma and a line end */
#define AROUND_PAGE 8 /* the brackets and their line ends */

/* --- finding --- */

/* Up to where events can be read, from an offset that is here; else none. */
static uint64_t readable_until(const struct rt_topic *topic, uint64_t offset)
{
    switch (rt_history_place(topic, offset)) {
    case RT_PLACE_RING:
    case RT_PLACE_BLOCK:
        return rt_topic_readable(topic, offset);
    default:
        return offset;
    }
}

/* Events as far as the limits go, and as there are. */
static void add_events(const struct rt_topic *topic,
                       const struct rt_page_query *query,
                       struct rt_page *page)
{
    uint64_t head = topic->ring.next_offset;
    uint64_t end =
        query->limit < head - page->first ? page->first + query->limit : head;
    uint64_t readable = page->first;
    size_t bytes = 0;
    page->end = page->first;
    while (page->end < end) {
        if (page->end == readable) {
            readable = readable_until(topic, page->end);
        }
        if (page->end == readable) {
            return;
        }
        struct rt_item item = rt_topic_item(topic, page->end);
        bytes += rt_envelope_size(&item) + AROUND_ITEM;
        if (bytes > RT_PAGE_BYTES_MAX && page->end > page->first) {
            return;
        }
        page->bytes += rt_envelope_size(&item) + AROUND_ITEM;
        page->end++;
    }
    page->is_at_head = page->end == head;
}

struct rt_page rt_page_find(const struct rt_topic *topic,
                            const struct rt_page_query *query)
{
    struct rt_page page = {.start = rt_topic_start(topic, &query->after)};
    page.first = rt_topic_offset(topic, page.start.cursor) + 1;
    page.is_away = rt_history_is_away(topic, page.first);
    page.has_gap = page.start.is_gap && query->gap == RT_GAP_TELL;
    add_events(topic, query, &page);
    page.is_ended = page.is_at_head && topic->is_closed;
    page.bytes += page.has_gap ? RT_NOTICE_BYTES_MAX + AROUND_ITEM : 0;
    page.bytes += page.is_ended ? RT_NOTICE_BYTES_MAX + AROUND_ITEM : 0;
    return page;
}

bool rt_page_is_empty(const struct rt_page *page)
{
    return page->first == page->end && !page->has_gap && !page->is_ended;
}

struct rt_cursor rt_page_cursor(const struct rt_topic *topic,
                                const struct rt_page *page)
{
    return rt_topic_cursor(topic, page->end - 1);
}

/* --- writing --- */

/* What stands between two items, and before the first. */
static void begin_item(struct rt_writer *writer,
                       const struct rt_page_query *query,
                       bool *is_first)
{
    if (!query->is_ndjson) {
        rt_write_bytes(writer, *is_first ? RT_BYTES("\n") : RT_BYTES(",\n"));
    }
    *is_first = false;
}

static void end_item(struct rt_writer *writer,
                     const struct rt_page_query *query)
{
    rt_write_bytes(writer, query->is_ndjson ? RT_BYTES("\n") : RT_BYTES(""));
}

static void write_gap(struct rt_writer *writer, const struct rt_gap *gap)
{
    struct rt_notice_place place = {.topic = gap->topic};
    struct rt_notice notice = rt_gap_notice(&place, gap);
    rt_notice_object_write(writer, &notice);
}

static void write_closed(struct rt_writer *writer, const struct rt_topic *topic)
{
    struct rt_notice notice = {.kind = RT_NOTICE_CLOSED,
                               .topic = topic->leaf.key,
                               .has_cursor = true,
                               .cursor = rt_topic_latest(topic)};
    rt_notice_object_write(writer, &notice);
}

size_t rt_page_size(const struct rt_page *page)
{
    return page->bytes + AROUND_PAGE;
}

void rt_page_write(struct rt_writer *writer,
                   const struct rt_topic *topic,
                   const struct rt_page_query *query,
                   const struct rt_page *page)
{
    bool is_first = true;
    rt_write_bytes(writer, query->is_ndjson ? RT_BYTES("") : RT_BYTES("["));
    if (page->has_gap) {
        begin_item(writer, query, &is_first);
        write_gap(writer, &page->start.gap);
        end_item(writer, query);
    }
    for (uint64_t offset = page->first; offset < page->end; offset++) {
        struct rt_item item = rt_topic_item(topic, offset);
        begin_item(writer, query, &is_first);
        rt_envelope_write(writer, &item);
        end_item(writer, query);
    }
    if (page->is_ended) {
        begin_item(writer, query, &is_first);
        write_closed(writer, topic);
        end_item(writer, query);
    }
    rt_write_bytes(writer, query->is_ndjson ? RT_BYTES("") : RT_BYTES("\n]\n"));
    RT_CHECK(!writer->overflowed);
}

void rt_page_tag_write(struct rt_writer *writer,
                       const struct rt_topic *topic,
                       const struct rt_page_query *query,
                       const struct rt_page *page)
{
    RT_WRITE(writer, "\"");
    rt_cursor_write(writer, page->start.cursor);
    RT_WRITE(writer, "-");
    rt_write_u64(writer, rt_page_cursor(topic, page).offset);
    rt_write_bytes(writer, query->is_ndjson ? RT_BYTES("n") : RT_BYTES("j"));
    rt_write_bytes(writer, page->has_gap ? RT_BYTES("g") : RT_BYTES(""));
    rt_write_bytes(writer, page->is_ended ? RT_BYTES("c") : RT_BYTES(""));
    RT_WRITE(writer, "\"");
}
