#include "protocol/notice.h"

#include "base/check.h"
#include "protocol/wrap.h"

static const struct rt_bytes names[RT_NOTICE_COUNT] = {
#define X(name, op) [RT_NOTICE_##name] = {op, sizeof(op) - 1},
    RT_NOTICE_MAP(X)
#undef X
};

static const struct rt_bytes reasons[RT_GAP_REASON_COUNT] = {
#define X(name, text) [RT_GAP_REASON_##name] = {text, sizeof(text) - 1},
    RT_GAP_REASON_MAP(X)
#undef X
};

/* --- Members, each with the comma before it --- */

static void write_name(struct rt_writer *writer, const char *name)
{
    RT_WRITE(writer, ",\"");
    rt_write_bytes(writer, rt_bytes_of(name));
    RT_WRITE(writer, "\":");
}

/* Of what needs no escape. */
static void
write_text(struct rt_writer *writer, const char *name, struct rt_bytes text)
{
    write_name(writer, name);
    RT_WRITE(writer, "\"");
    rt_write_bytes(writer, text);
    RT_WRITE(writer, "\"");
}

static void
write_number(struct rt_writer *writer, const char *name, uint64_t value)
{
    write_name(writer, name);
    rt_write_u64(writer, value);
}

static void write_cursor(struct rt_writer *writer,
                         const char *name,
                         struct rt_cursor cursor)
{
    write_name(writer, name);
    RT_WRITE(writer, "\"");
    rt_cursor_write(writer, cursor);
    RT_WRITE(writer, "\"");
}

static void write_node_cursor(struct rt_writer *writer,
                              const char *name,
                              struct rt_cursor resume)
{
    write_name(writer, name);
    RT_WRITE(writer, "\"");
    rt_node_cursor_write(writer, resume);
    RT_WRITE(writer, "\"");
}

/* Where a subscription is, which may be to several topics. */
static void write_position(struct rt_writer *writer,
                           const struct rt_notice *notice)
{
    if (notice->has_resume) {
        write_node_cursor(writer, "cursor", notice->resume);
    } else if (notice->has_cursor) {
        write_cursor(writer, "cursor", notice->cursor);
    }
}

/* Where one goes on behind what the notice says of a single topic. */
static void write_resume(struct rt_writer *writer,
                         const struct rt_notice *notice)
{
    if (notice->has_resume) {
        write_node_cursor(writer, "resume", notice->resume);
    }
}

static void write_id(struct rt_writer *writer, struct rt_bytes id)
{
    RT_CHECK(id.len <= RT_NOTICE_ID_BYTES_MAX);
    if (id.len > 0) {
        write_name(writer, "id");
        rt_write_bytes(writer, id);
    }
}

static void write_topic(struct rt_writer *writer, struct rt_bytes topic)
{
    if (topic.len > 0) {
        write_text(writer, "topic", topic);
    }
}

static void write_topics(struct rt_writer *writer,
                         const struct rt_selector *selector)
{
    size_t count = selector == NULL ? 0 : selector->count;
    write_name(writer, "topics");
    RT_WRITE(writer, "[");
    for (size_t i = 0; i < count; i++) {
        rt_write_bytes(writer, i == 0 ? RT_BYTES("\"") : RT_BYTES(",\""));
        rt_write_bytes(writer, selector->patterns[i]);
        RT_WRITE(writer, "\"");
    }
    RT_WRITE(writer, "]");
}

static void write_problem(struct rt_writer *writer,
                          const struct rt_refusal *refusal)
{
    char memory[RT_PROBLEM_BYTES_MAX];
    struct rt_writer problem;
    rt_writer_init(&problem, memory, sizeof(memory));
    rt_problem_write(&problem, refusal);
    struct rt_bytes line = rt_writer_bytes(&problem);
    line.len--; /* its line feed: a notice is one line */
    write_name(writer, "problem");
    rt_write_bytes(writer, line);
}

/* --- Kinds --- */

static void write_open(struct rt_writer *writer, const struct rt_notice *notice)
{
    RT_CHECK(notice->connection.len <= RT_NOTICE_CONNECTION_MAX);
    write_text(writer, "conn", notice->connection);
    write_topics(writer, notice->selector);
    write_position(writer, notice);
    if (notice->has_earliest) {
        write_cursor(writer, "earliest", notice->earliest);
    }
    if (notice->heartbeat_s > 0) {
        write_number(writer, "heartbeat", notice->heartbeat_s);
    }
    if (notice->wall_ms > 0) {
        write_number(writer, "ts", notice->wall_ms);
    }
}

static void write_gap(struct rt_writer *writer, const struct rt_notice *notice)
{
    RT_CHECK(notice->reason < RT_GAP_REASON_COUNT);
    if (notice->topic.len > 0) {
        write_text(writer, "topic", notice->topic);
    }
    if (!notice->has_resume) {
        write_cursor(writer, "after", notice->after);
    }
    if (notice->topic.len > 0) {
        write_cursor(writer, "next", notice->next);
    }
    if (notice->has_missed) {
        write_number(writer, "missed", notice->missed);
    }
    write_text(writer, "reason", reasons[notice->reason]);
    write_resume(writer, notice);
}

static void write_caught_up(struct rt_writer *writer,
                            const struct rt_notice *notice)
{
    write_topic(writer, notice->topic);
    write_position(writer, notice);
}

static void write_drain(struct rt_writer *writer,
                        const struct rt_notice *notice)
{
    if (notice->reconnect_after_ms > 0) {
        write_number(writer, "reconnect_after_ms", notice->reconnect_after_ms);
    }
    write_topic(writer, notice->topic);
    if (notice->selector != NULL) {
        write_topics(writer, notice->selector);
    }
    write_position(writer, notice);
}

static void write_closed(struct rt_writer *writer,
                         const struct rt_notice *notice)
{
    write_text(writer, "topic", notice->topic);
    write_cursor(writer, "cursor", notice->cursor);
    write_resume(writer, notice);
}

static void write_error(struct rt_writer *writer,
                        const struct rt_notice *notice)
{
    write_id(writer, notice->id);
    write_problem(writer, notice->refusal);
}

static void write_ok(struct rt_writer *writer, const struct rt_notice *notice)
{
    write_id(writer, notice->id);
    write_topic(writer, notice->topic);
    write_position(writer, notice);
    if (notice->has_offset) {
        write_number(writer, "offset", notice->cursor.offset);
    }
    if (notice->detail.len > 0) {
        write_text(writer, "detail", notice->detail);
    }
    if (notice->wall_ms > 0) {
        write_number(writer, "ts", notice->wall_ms);
    }
    if (notice->ack != RT_ACK_UNSAID) {
        write_text(writer, "ack", rt_ack_name(notice->ack));
    }
}

void rt_notice_object_write(struct rt_writer *writer,
                            const struct rt_notice *notice)
{
    typedef void (*write_fn)(struct rt_writer * writer,
                             const struct rt_notice *notice);
    static const write_fn kinds[RT_NOTICE_COUNT] = {
        [RT_NOTICE_OPEN] = write_open,
        [RT_NOTICE_GAP] = write_gap,
        [RT_NOTICE_CAUGHT_UP] = write_caught_up,
        [RT_NOTICE_DRAIN] = write_drain,
        [RT_NOTICE_CLOSED] = write_closed,
        [RT_NOTICE_ERROR] = write_error,
        [RT_NOTICE_OK] = write_ok,
    };
    RT_CHECK(notice->kind < RT_NOTICE_COUNT);
    RT_WRITE(writer, "{\"op\":\"");
    rt_write_bytes(writer, names[notice->kind]);
    RT_WRITE(writer, "\"");
    kinds[notice->kind](writer, notice);
    RT_WRITE(writer, "}");
}

/* --- Server-sent events --- */

/* The position before an event, for who goes on there gets the event. */
static struct rt_cursor before(struct rt_cursor cursor)
{
    cursor.offset -= cursor.offset > 0 ? 1 : 0;
    return cursor;
}

/*
 * Where a browser goes on by itself after a break. A gap is told once: behind
 * it a browser is where the events that are there begin. So is the end of one
 * of several topics; that of the only one moves nothing, and an answer answers
 * a client that counts for itself.
 */
static void write_id_field(struct rt_writer *writer,
                           const struct rt_notice *notice)
{
    bool is_gap = notice->kind == RT_NOTICE_GAP;
    bool is_position =
        notice->kind == RT_NOTICE_OPEN || notice->kind == RT_NOTICE_CAUGHT_UP;
    bool is_closed = notice->kind == RT_NOTICE_CLOSED;
    if ((is_gap || is_position || is_closed) && notice->has_resume) {
        RT_WRITE(writer, "\nid: ");
        rt_node_cursor_write(writer, notice->resume);
    } else if (is_gap || (is_position && notice->has_cursor)) {
        RT_WRITE(writer, "\nid: ");
        rt_cursor_write(writer, is_gap ? before(notice->next) : notice->cursor);
    }
}

static void write_retry_field(struct rt_writer *writer,
                              const struct rt_notice *notice)
{
    uint64_t retry_ms = notice->kind == RT_NOTICE_DRAIN
                            ? notice->reconnect_after_ms
                            : notice->retry_ms;
    if (retry_ms > 0) {
        RT_WRITE(writer, "\nretry: ");
        rt_write_u64(writer, retry_ms);
    }
}

static void write_event(struct rt_writer *writer,
                        const struct rt_notice *notice)
{
    RT_WRITE(writer, "event: ringtail.");
    rt_write_bytes(writer, names[notice->kind]);
    write_id_field(writer, notice);
    write_retry_field(writer, notice);
    RT_WRITE(writer, "\ndata: ");
    rt_notice_object_write(writer, notice);
    RT_WRITE(writer, "\n\n");
}

/* --- Formats --- */

void rt_notice_write(struct rt_writer *writer,
                     enum rt_format format,
                     const struct rt_notice *notice)
{
    char memory[RT_NOTICE_BYTES_MAX - RT_WRAP_BYTES_MAX];
    struct rt_writer inside;
    RT_CHECK(format != RT_FORMAT_RAW && format < RT_FORMAT_COUNT);
    rt_writer_init(&inside, memory, sizeof(memory));
    if (format == RT_FORMAT_SSE) {
        write_event(&inside, notice);
    } else {
        rt_notice_object_write(&inside, notice);
    }
    if (format == RT_FORMAT_NDJSON) {
        RT_WRITE(&inside, "\n");
    }
    RT_CHECK(!inside.overflowed);
    struct rt_bytes bytes = rt_writer_bytes(&inside);
    enum rt_wrap wrap = format == RT_FORMAT_JSON ? RT_WRAP_TEXT : RT_WRAP_CHUNK;
    rt_wrap_begin(writer, wrap, bytes.len);
    rt_write_bytes(writer, bytes);
    rt_wrap_end(writer, wrap);
}
