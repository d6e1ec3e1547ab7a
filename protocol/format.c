#include "protocol/format.h"

#include "base/check.h"
#include "protocol/base64.h"
#include "protocol/event_type.h"
#include "protocol/json_string.h"
#include "protocol/topic.h"
#include "protocol/word.h"
#include "protocol/wrap.h"

/* Names of members and fields, and what stands around them. */
#define LITERALS_MAX 128

#define PREFIX_MAX                                                            \
    (RT_TOPIC_BYTES_MAX + 2 * RT_EVENT_TYPE_BYTES_MAX + RT_CURSOR_BYTES_MAX + \
     RT_NODE_CURSOR_BYTES_MAX + RT_U64_DIGITS + LITERALS_MAX)
#define SUFFIX_MAX (RT_NODE_CURSOR_BYTES_MAX + 32)

/* How a payload stands between what comes before it and what comes after. */
enum encoding {
    VERBATIM,
    ON_ONE_LINE, /* JSON whose line ends, which are white space, are blanks */
    AS_STRING,
    AS_BASE64,
    AS_FIELDS, /* a `data` field of a server-sent event for each line */
};

/* What an event becomes in a format. */
struct plan {
    char prefix_memory[PREFIX_MAX];
    char suffix_memory[SUFFIX_MAX];
    struct rt_writer prefix;
    struct rt_writer suffix;
    enum encoding encoding;
    enum rt_wrap wrap;
    size_t payload_size; /* encoded */
    size_t size;         /* of all that is wrapped */
};

/* --- Payloads --- */

#define NEXT_FIELD RT_BYTES("\ndata: ")

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static bool has_line_end(uint64_t word)
{
    return rt_word_has(word, '\n') || rt_word_has(word, '\r');
}

static size_t line_len(struct rt_bytes text)
{
    size_t len = 0;
    while (text.len - len >= RT_WORD_BYTES &&
           !has_line_end(rt_word_load(text.data + len))) {
        len += RT_WORD_BYTES;
    }
    while (len < text.len && !is_line_end(text.data[len])) {
        len++;
    }
    return len;
}

/* Takes a line and its end, which may be CR LF, CR or LF, off the text. False
 * when it was the last line, the one without an end. */
static bool take_line(struct rt_bytes *text, struct rt_bytes *line)
{
    size_t len = line_len(*text);
    *line = (struct rt_bytes){text->data, len};
    if (len == text->len) {
        return false;
    }
    bool is_pair = text->data[len] == '\r' && len + 1 < text->len &&
                   text->data[len + 1] == '\n';
    len += is_pair ? 2 : 1;
    text->data += len;
    text->len -= len;
    return true;
}

static size_t fields_size(struct rt_bytes payload)
{
    struct rt_bytes line;
    size_t size = 0;
    while (take_line(&payload, &line)) {
        size += line.len + NEXT_FIELD.len;
    }
    return size + line.len;
}

static void write_fields(struct rt_writer *writer, struct rt_bytes payload)
{
    struct rt_bytes line;
    while (take_line(&payload, &line)) {
        rt_write_bytes(writer, line);
        rt_write_bytes(writer, NEXT_FIELD);
    }
    rt_write_bytes(writer, line);
}

static void write_on_one_line(struct rt_writer *writer, struct rt_bytes json)
{
    char *at = writer->at;
    rt_write_bytes(writer, json);
    for (const char *end = writer->at; at < end; at++) {
        *at = is_line_end(*at) ? ' ' : *at;
    }
}

static size_t payload_size(enum encoding encoding, struct rt_bytes payload)
{
    switch (encoding) {
    case AS_STRING:
        return rt_json_string_size(payload);
    case AS_BASE64:
        return RT_BASE64_LEN(payload.len);
    case AS_FIELDS:
        return fields_size(payload);
    default:
        return payload.len;
    }
}

/* As a text takes two quotes more than it has, nothing in it is escaped. */
static void
write_string(struct rt_writer *writer, struct rt_bytes text, size_t size)
{
    if (size > text.len + 2) {
        rt_json_string_write(writer, text);
        return;
    }
    RT_WRITE(writer, "\"");
    rt_write_bytes(writer, text);
    RT_WRITE(writer, "\"");
}

/* As it takes what it has, it is one line. */
static void
write_lines(struct rt_writer *writer, struct rt_bytes payload, size_t size)
{
    if (size > payload.len) {
        write_fields(writer, payload);
    } else {
        rt_write_bytes(writer, payload);
    }
}

static void write_payload(struct rt_writer *writer,
                          const struct plan *plan,
                          struct rt_bytes payload)
{
    switch (plan->encoding) {
    case ON_ONE_LINE:
        write_on_one_line(writer, payload);
        return;
    case AS_STRING:
        write_string(writer, payload, plan->payload_size);
        return;
    case AS_BASE64:
        rt_base64_write(writer, payload);
        return;
    case AS_FIELDS:
        write_lines(writer, payload, plan->payload_size);
        return;
    default:
        rt_write_bytes(writer, payload);
    }
}

/* --- What is around them --- */

static void write_envelope_begin(struct rt_writer *writer,
                                 const struct rt_item *item)
{
    RT_WRITE(writer, "{\"op\":\"event\",\"topic\":\"");
    rt_write_bytes(writer, item->topic);
    RT_WRITE(writer, "\",\"cursor\":\"");
    rt_cursor_write(writer, item->cursor);
    RT_WRITE(writer, "\",\"ts\":");
    rt_write_u64(writer, item->wall_ms);
    if (item->type.len > 0) {
        RT_WRITE(writer, ",\"type\":\"");
        rt_write_bytes(writer, item->type);
        RT_WRITE(writer, "\"");
    }
    rt_write_bytes(writer, item->content == RT_CONTENT_BINARY
                               ? RT_BYTES(",\"data_base64\":\"")
                               : RT_BYTES(",\"data\":"));
}

static void write_envelope_end(struct rt_writer *writer,
                               const struct rt_item *item)
{
    if (item->content == RT_CONTENT_BINARY) {
        RT_WRITE(writer, "\"");
    }
    if (item->has_resume) {
        RT_WRITE(writer, ",\"resume\":\"");
        rt_node_cursor_write(writer, item->resume);
        RT_WRITE(writer, "\"");
    }
    RT_WRITE(writer, "}");
}

/* How an envelope carries a payload of this kind. */
static enum encoding enveloped(enum rt_content content, enum encoding json)
{
    switch (content) {
    case RT_CONTENT_JSON:
        return json;
    case RT_CONTENT_TEXT:
        return AS_STRING;
    default:
        return AS_BASE64;
    }
}

static void plan_raw(struct plan *plan, const struct rt_item *item)
{
    plan->wrap =
        item->content == RT_CONTENT_BINARY ? RT_WRAP_BINARY : RT_WRAP_TEXT;
    plan->encoding = VERBATIM;
}

static void plan_json(struct plan *plan, const struct rt_item *item)
{
    plan->wrap = RT_WRAP_TEXT;
    plan->encoding = enveloped(item->content, VERBATIM);
    write_envelope_begin(&plan->prefix, item);
    write_envelope_end(&plan->suffix, item);
}

static void plan_envelope(struct plan *plan, const struct rt_item *item)
{
    plan->encoding = enveloped(item->content, ON_ONE_LINE);
    write_envelope_begin(&plan->prefix, item);
    write_envelope_end(&plan->suffix, item);
}

static void plan_ndjson(struct plan *plan, const struct rt_item *item)
{
    plan->wrap = RT_WRAP_CHUNK;
    plan_envelope(plan, item);
    RT_WRITE(&plan->suffix, "\n");
}

static void write_fields_begin(struct rt_writer *writer,
                               const struct rt_item *item)
{
    RT_WRITE(writer, "id: ");
    if (item->has_resume) {
        rt_node_cursor_write(writer, item->resume);
    } else {
        rt_cursor_write(writer, item->cursor);
    }
    if (item->type.len > 0) {
        RT_WRITE(writer, "\nevent: ");
        rt_write_bytes(writer, item->type);
    }
    rt_write_bytes(writer, NEXT_FIELD);
}

static void plan_sse(struct plan *plan, const struct rt_item *item)
{
    bool has_envelope = item->has_resume || item->content == RT_CONTENT_BINARY;
    plan->wrap = RT_WRAP_CHUNK;
    plan->encoding = AS_FIELDS;
    write_fields_begin(&plan->prefix, item);
    if (has_envelope) {
        plan_envelope(plan, item);
    }
    RT_WRITE(&plan->suffix, "\n\n");
}

static void init_plan(struct plan *plan)
{
    rt_writer_init(&plan->prefix, plan->prefix_memory, PREFIX_MAX);
    rt_writer_init(&plan->suffix, plan->suffix_memory, SUFFIX_MAX);
}

/* With everything around the payload planned: how much it all is. */
static void measure(struct plan *plan, struct rt_bytes payload)
{
    RT_CHECK(!plan->prefix.overflowed && !plan->suffix.overflowed);
    plan->payload_size = payload_size(plan->encoding, payload);
    plan->size = rt_writer_bytes(&plan->prefix).len + plan->payload_size +
                 rt_writer_bytes(&plan->suffix).len;
}

static void
plan_item(struct plan *plan, enum rt_format format, const struct rt_item *item)
{
    typedef void (*plan_fn)(struct plan * plan, const struct rt_item *item);
    static const plan_fn plans[RT_FORMAT_COUNT] = {
        [RT_FORMAT_RAW] = plan_raw,
        [RT_FORMAT_JSON] = plan_json,
        [RT_FORMAT_SSE] = plan_sse,
        [RT_FORMAT_NDJSON] = plan_ndjson,
    };
    RT_CHECK(format < RT_FORMAT_COUNT);
    init_plan(plan);
    plans[format](plan, item);
    measure(plan, item->payload);
}

static void write_inside(struct rt_writer *writer,
                         const struct plan *plan,
                         struct rt_bytes payload)
{
    rt_write_bytes(writer, rt_writer_bytes(&plan->prefix));
    write_payload(writer, plan, payload);
    rt_write_bytes(writer, rt_writer_bytes(&plan->suffix));
}

size_t rt_format_size(enum rt_format format, const struct rt_item *item)
{
    struct plan plan;
    plan_item(&plan, format, item);
    return rt_wrap_size(plan.wrap, plan.size);
}

void rt_format_write(struct rt_writer *writer,
                     enum rt_format format,
                     const struct rt_item *item)
{
    struct plan plan;
    plan_item(&plan, format, item);
    rt_wrap_begin(writer, plan.wrap, plan.size);
    write_inside(writer, &plan, item->payload);
    rt_wrap_end(writer, plan.wrap);
}

static void plan_alone(struct plan *plan, const struct rt_item *item)
{
    init_plan(plan);
    plan_envelope(plan, item);
    measure(plan, item->payload);
}

size_t rt_envelope_size(const struct rt_item *item)
{
    struct plan plan;
    plan_alone(&plan, item);
    return plan.size;
}

void rt_envelope_write(struct rt_writer *writer, const struct rt_item *item)
{
    struct plan plan;
    plan_alone(&plan, item);
    write_inside(writer, &plan, item->payload);
}
