#include "broker/net/notify.h"

#include "broker/core/closing.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "broker/net/event_stream.h"
#include "protocol/notice.h"

/* Times to come back are spread in steps that have no common divisor with the
 * spread: each comes once before any comes again. */
#define RECONNECT_STEP_MS 617

#define NOTICES_MAX 3 /* in one write: nearly all that begin have no more */

/* Notices that leave in as few writes as there is room for. */
struct notices {
    struct rt_connection *connection;
    int err; /* then it is closed */
    struct rt_writer writer;
    char memory[NOTICES_MAX * RT_NOTICE_BYTES_MAX];
};

static void begin(struct notices *notices, struct rt_connection *connection)
{
    notices->connection = connection;
    notices->err = 0;
    rt_writer_init(&notices->writer, notices->memory, sizeof(notices->memory));
}

static void write_all(struct notices *notices)
{
    RT_CHECK(!notices->writer.overflowed);
    if (notices->err == 0) {
        notices->err = rt_connection_write(notices->connection,
                                           rt_writer_bytes(&notices->writer));
    }
    rt_writer_init(&notices->writer, notices->memory, sizeof(notices->memory));
}

static void add(struct notices *notices, const struct rt_notice *notice)
{
    size_t written = rt_writer_bytes(&notices->writer).len;
    if (sizeof(notices->memory) - written < RT_NOTICE_BYTES_MAX) {
        write_all(notices);
    }
    rt_notice_write(&notices->writer,
                    (enum rt_format)notices->connection->format, notice);
}

static void write_one(struct rt_connection *connection,
                      const struct rt_notice *notice)
{
    struct notices notices;
    begin(&notices, connection);
    add(&notices, notice);
    write_all(&notices);
}

/* --- the start --- */

static uint64_t next_reconnect_ms(struct rt_server *server)
{
    uint64_t step = server->reconnect_phase++;
    return RT_RECONNECT_MS + step * RECONNECT_STEP_MS % RT_RECONNECT_SPREAD_MS;
}

static uint64_t heartbeat_s(const struct rt_connection *connection)
{
    const struct rt_server *server = rt_connection_server(connection);
    uint32_t ticks = connection->state == RT_CONNECTION_STREAMING
                         ? rt_event_stream_keep_alive(server)
                         : server->options.heartbeat_ticks;
    return ticks == RT_WHEEL_NEVER ? 0 : ticks * (RT_TICK_MS / 1000);
}

/* A name that no other connection of this broker has had. */
static struct rt_bytes next_name(struct rt_server *server,
                                 char memory[RT_NOTICE_CONNECTION_MAX])
{
    struct rt_writer name;
    rt_writer_init(&name, memory, RT_NOTICE_CONNECTION_MAX);
    RT_WRITE(&name, "c");
    rt_write_u64(&name, ++server->names_given);
    return rt_writer_bytes(&name);
}

/* Without a topic it begins nowhere. */
static void add_open(struct notices *notices,
                     const struct rt_selector *selector,
                     const struct rt_start *start)
{
    struct rt_server *server = rt_connection_server(notices->connection);
    char memory[RT_NOTICE_CONNECTION_MAX];
    struct rt_notice open = {.kind = RT_NOTICE_OPEN,
                             .connection = next_name(server, memory),
                             .selector = selector,
                             .heartbeat_s = heartbeat_s(notices->connection),
                             .retry_ms = next_reconnect_ms(server),
                             .wall_ms = server->core.wall_ms};
    if (start != NULL) {
        open.has_cursor = true;
        open.cursor = start->position;
        open.has_resume = start->is_node;
        open.resume = start->position;
        open.has_earliest = !start->is_node;
        open.earliest = start->earliest;
    }
    add(notices, &open);
}

static enum rt_gap_reason gap_reason(enum rt_close_reason reason)
{
    switch (reason) {
    case RT_CLOSE_EPOCH_CHANGED:
        return RT_GAP_REASON_EPOCH_CHANGED;
    case RT_CLOSE_EVENTS_LOST:
        return RT_GAP_REASON_ENGINE;
    default:
        return RT_GAP_REASON_EVICTED;
    }
}

struct rt_notice rt_gap_notice(const struct rt_notice_place *place,
                               const struct rt_gap *gap)
{
    return (struct rt_notice){.kind = RT_NOTICE_GAP,
                              .topic = gap->topic,
                              .has_resume = place->topic.len == 0,
                              .resume = place->cursor,
                              .after = gap->after,
                              .next = gap->next,
                              .has_missed = gap->missed > 0,
                              .missed = gap->missed,
                              .reason = gap_reason(gap->reason)};
}

struct rt_notice rt_caught_up_notice(const struct rt_notice_place *place)
{
    return (struct rt_notice){.kind = RT_NOTICE_CAUGHT_UP,
                              .topic = place->topic,
                              .has_cursor = true,
                              .cursor = place->cursor,
                              .has_resume = place->topic.len == 0,
                              .resume = place->cursor};
}

struct rt_notice_place rt_notice_place(const struct rt_selector *selector,
                                       const struct rt_start *start)
{
    struct rt_notice_place place = {.cursor = start->cursor};
    if (!start->is_node) {
        place.topic = selector->patterns[0];
    }
    return place;
}

bool rt_next_closed_notice(const struct rt_core *core,
                           const struct rt_selector *selector,
                           const struct rt_start *start,
                           uint32_t *next,
                           struct rt_notice *notice)
{
    while (start->is_node && *next < selector->count) {
        const struct rt_topic *topic =
            rt_topic_find(core, selector->patterns[(*next)++]);
        if (topic != NULL && topic->is_closed &&
            !rt_closing_is_from(topic, start->cursor.offset + 1)) {
            *notice = rt_closing_notice(topic, start->cursor);
            return true;
        }
    }
    return false;
}

static void add_closed(struct notices *notices,
                       const struct rt_selector *selector,
                       const struct rt_start *start)
{
    const struct rt_server *server = rt_connection_server(notices->connection);
    struct rt_notice closed;
    uint32_t next = 0;
    while (
        rt_next_closed_notice(&server->core, selector, start, &next, &closed)) {
        add(notices, &closed);
    }
}

void rt_notify_start(struct rt_connection *connection,
                     const struct rt_selector *selector,
                     const struct rt_start *start)
{
    const struct rt_subscriber *subscriber = &connection->subscriber;
    struct rt_notice_place place = rt_notice_place(selector, start);
    struct notices notices;
    begin(&notices, connection);
    add_open(&notices, selector, start);
    if (start->is_gap && subscriber->gap != RT_GAP_SKIP) {
        struct rt_notice gap = rt_gap_notice(&place, &start->gap);
        add(&notices, &gap);
    }
    add_closed(&notices, selector, start);
    if (!start->is_behind && subscriber->state != RT_SUBSCRIBER_DETACHED) {
        struct rt_notice caught_up = rt_caught_up_notice(&place);
        add(&notices, &caught_up);
    }
    write_all(&notices);
}

void rt_notify_open(struct rt_connection *connection)
{
    struct notices notices;
    begin(&notices, connection);
    add_open(&notices, NULL, NULL);
    write_all(&notices);
}

/* --- later --- */

void rt_notify_gap(struct rt_connection *connection,
                   const struct rt_notice_place *place,
                   const struct rt_gap *gap)
{
    struct rt_notice notice = rt_gap_notice(place, gap);
    write_one(connection, &notice);
}

void rt_notify_caught_up(struct rt_connection *connection,
                         const struct rt_notice_place *place)
{
    struct rt_notice notice = rt_caught_up_notice(place);
    write_one(connection, &notice);
}

void rt_notify_closed(struct rt_connection *connection,
                      struct rt_bytes topic,
                      struct rt_cursor cursor)
{
    struct rt_notice notice = {
        .kind = RT_NOTICE_CLOSED, .topic = topic, .cursor = cursor};
    if (topic.len > 0) {
        write_one(connection, &notice);
    }
}

void rt_notify_drain(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    struct rt_notice notice = {.kind = RT_NOTICE_DRAIN,
                               .reconnect_after_ms = next_reconnect_ms(server)};
    write_one(connection, &notice);
}

void rt_notify_place(struct rt_connection *connection,
                     const struct rt_stream *stream,
                     struct rt_cursor cursor)
{
    struct rt_selector selector;
    struct rt_notice notice = {.kind = RT_NOTICE_DRAIN,
                               .has_cursor = true,
                               .cursor = cursor,
                               .has_resume = stream->topic == NULL,
                               .resume = cursor};
    if (stream->topic != NULL) {
        notice.topic = stream->topic->leaf.key;
    } else {
        rt_selection_selector(stream->selection, &selector);
        notice.selector = &selector;
    }
    write_one(connection, &notice);
}

void rt_notify_error(struct rt_connection *connection,
                     const struct rt_refusal *refusal)
{
    struct rt_notice notice = {.kind = RT_NOTICE_ERROR, .refusal = refusal};
    write_one(connection, &notice);
}
