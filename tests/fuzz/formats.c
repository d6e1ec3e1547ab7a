/*
 * What subscribers get. An input is a few bytes of choices and a payload; each
 * format of its event is read as a client would, and must say what the event
 * is, and nothing else. Notices are one JSON object on one line.
 */
#include "protocol/format.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base64.h"
#include "protocol/json.h"
#include "protocol/json_members.h"
#include "protocol/json_string.h"
#include "protocol/notice.h"
#include "protocol/utf8.h"
#include "protocol/ws_client.h"
#include "tests/fuzz/fuzz.h"

#define TOPIC RT_BYTES("chat.42")
#define TYPE  RT_BYTES("msg/new")

static char *obtain(size_t size)
{
    char *memory = malloc(size > 0 ? size : 1);
    RT_CHECK(memory != NULL);
    return memory;
}

static bool has_byte(struct rt_bytes text, char byte)
{
    return text.len > 0 && memchr(text.data, byte, text.len) != NULL;
}

/* --- Taking off what is around --- */

static struct rt_bytes in_frame(struct rt_bytes bytes, uint8_t opcode)
{
    struct rt_ws_header header;
    RT_CHECK(rt_ws_header_parse(bytes, &header) == 1);
    RT_CHECK(header.is_final && header.opcode == opcode);
    RT_CHECK(header.header_bytes + header.payload_bytes == bytes.len);
    return (struct rt_bytes){bytes.data + header.header_bytes,
                             (size_t)header.payload_bytes};
}

static struct rt_bytes in_chunk(struct rt_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;
    size_t at = 0;
    for (; bytes.data[at] != '\r'; at++) {
        const char *found = memchr(digits, bytes.data[at], 16);
        RT_CHECK(found != NULL);
        len = len << 4 | (size_t)(found - digits);
    }
    RT_CHECK(bytes.data[at + 1] == '\n' && len > 0);
    RT_CHECK(bytes.len == at + 2 + len + 2);
    RT_CHECK(memcmp(bytes.data + at + 2 + len, "\r\n", 2) == 0);
    return (struct rt_bytes){bytes.data + at + 2, len};
}

static struct rt_bytes in_line(struct rt_bytes bytes)
{
    RT_CHECK(bytes.len > 0 && bytes.data[bytes.len - 1] == '\n');
    bytes.len--;
    RT_CHECK(!has_byte(bytes, '\n') && !has_byte(bytes, '\r'));
    return bytes;
}

/* --- Envelopes --- */

/* White space around a value belongs to none, and line ends may be blanks. */
static bool is_same_json(struct rt_bytes value, struct rt_bytes payload)
{
    size_t skipped = 0;
    while (memchr(" \t\r\n", payload.data[skipped], 4) != NULL) {
        skipped++;
    }
    payload.data += skipped;
    payload.len -= skipped;
    for (size_t i = 0; i < value.len; i++) {
        char c = payload.data[i];
        bool is_blank = value.data[i] == ' ' && (c == '\n' || c == '\r');
        if (value.data[i] != c && !is_blank) {
            return false;
        }
    }
    for (size_t i = value.len; i < payload.len; i++) {
        RT_CHECK(memchr(" \t\r\n", payload.data[i], 4) != NULL);
    }
    return true;
}

static void check_data(struct rt_bytes value, const struct rt_item *item)
{
    struct rt_bytes text;
    char *memory = obtain(value.len);
    if (item->content == RT_CONTENT_JSON) {
        RT_CHECK(is_same_json(value, item->payload));
    } else {
        RT_CHECK(rt_json_string_read(value, memory, value.len, &text) == 0);
        RT_CHECK(item->content == RT_CONTENT_TEXT ||
                 rt_base64_decode(text, memory, value.len, &text) == 0);
        RT_CHECK(rt_bytes_equal(text, item->payload));
    }
    free(memory);
}

static struct rt_bytes take(struct rt_json_walk *walk, const char *name)
{
    struct rt_json_member member;
    RT_CHECK(rt_json_next_member(walk, &member));
    RT_CHECK(rt_bytes_equal(member.name, rt_bytes_of(name)));
    return member.value;
}

static void
check_resume(struct rt_bytes text, struct rt_cursor expected, bool is_node)
{
    struct rt_cursor cursor;
    RT_CHECK(!is_node || text.data[0] == '*');
    text.data += is_node ? 1 : 0;
    text.len -= is_node ? 1 : 0;
    RT_CHECK(rt_cursor_parse(text, &cursor) == 0);
    RT_CHECK(cursor.epoch == expected.epoch);
    RT_CHECK(cursor.offset == expected.offset);
}

static struct rt_bytes unquoted(struct rt_bytes string)
{
    return (struct rt_bytes){string.data + 1, string.len - 2};
}

static void check_envelope(struct rt_bytes json, const struct rt_item *item)
{
    struct rt_json_walk walk;
    struct rt_json_member none;
    uint64_t wall_ms = 0;
    bool is_binary = item->content == RT_CONTENT_BINARY;
    RT_CHECK(rt_utf8_is_valid(json) && rt_json_is_valid(json));
    RT_CHECK(rt_json_enter_object(json, &walk));
    RT_CHECK(rt_bytes_equal(take(&walk, "\"op\""), RT_BYTES("\"event\"")));
    RT_CHECK(rt_bytes_equal(unquoted(take(&walk, "\"topic\"")), item->topic));
    check_resume(unquoted(take(&walk, "\"cursor\"")), item->cursor, false);
    RT_CHECK(rt_bytes_to_u64(take(&walk, "\"ts\""), &wall_ms) == 0);
    RT_CHECK(wall_ms == item->wall_ms);
    if (item->type.len > 0) {
        RT_CHECK(rt_bytes_equal(unquoted(take(&walk, "\"type\"")), item->type));
    }
    check_data(take(&walk, is_binary ? "\"data_base64\"" : "\"data\""), item);
    if (item->has_resume) {
        check_resume(unquoted(take(&walk, "\"resume\"")), item->resume, true);
    }
    RT_CHECK(!rt_json_next_member(&walk, &none));
}

/* --- Server-sent events, as a browser reads them --- */

struct sent_event {
    struct rt_bytes id;
    struct rt_bytes type;
    struct rt_writer data; /* lines with LF between */
    bool has_data;
    bool has_retry;
};

static void take_field(struct sent_event *event, struct rt_bytes line)
{
    struct rt_bytes value = line;
    struct rt_bytes name = rt_bytes_split(&value, ':');
    RT_CHECK(value.len > 0 && value.data[0] == ' ');
    value.data++;
    value.len--;
    if (rt_bytes_equal(name, RT_BYTES("id"))) {
        event->id = value;
    } else if (rt_bytes_equal(name, RT_BYTES("event"))) {
        event->type = value;
    } else if (rt_bytes_equal(name, RT_BYTES("retry"))) {
        event->has_retry = true;
    } else {
        RT_CHECK(rt_bytes_equal(name, RT_BYTES("data")));
        if (event->has_data) {
            RT_WRITE(&event->data, "\n");
        }
        rt_write_bytes(&event->data, value);
        event->has_data = true;
    }
}

/* One event fills the text: there is an empty line at the end, and no other. */
static void read_event(struct sent_event *event, struct rt_bytes text)
{
    RT_CHECK(!has_byte(text, '\r') && text.len > 2);
    RT_CHECK(memcmp(text.data + text.len - 2, "\n\n", 2) == 0);
    text.len -= 2;
    while (text.data != NULL) {
        take_field(event, rt_bytes_split(&text, '\n'));
    }
}

/* The payload with LF for each line end. */
static bool is_same_text(struct rt_bytes data, struct rt_bytes payload)
{
    size_t at = 0;
    for (size_t i = 0; i < payload.len; i++, at++) {
        char c = payload.data[i];
        bool is_pair =
            c == '\r' && i + 1 < payload.len && payload.data[i + 1] == '\n';
        i += is_pair ? 1 : 0;
        c = c == '\r' ? '\n' : c;
        if (at == data.len || data.data[at] != c) {
            return false;
        }
    }
    return at == data.len;
}

static void check_event(struct rt_bytes text, const struct rt_item *item)
{
    char *memory = obtain(text.len);
    struct sent_event event = {.type = RT_BYTES("")};
    rt_writer_init(&event.data, memory, text.len);
    read_event(&event, text);
    struct rt_bytes data = rt_writer_bytes(&event.data);
    check_resume(event.id, item->has_resume ? item->resume : item->cursor,
                 item->has_resume);
    RT_CHECK(rt_bytes_equal(event.type, item->type) && !event.has_retry);
    if (item->has_resume || item->content == RT_CONTENT_BINARY) {
        check_envelope(data, item);
    } else {
        RT_CHECK(is_same_text(data, item->payload));
    }
    free(memory);
}

/* --- All formats --- */

static void check_format(enum rt_format format,
                         struct rt_bytes bytes,
                         const struct rt_item *item)
{
    uint8_t opcode =
        item->content == RT_CONTENT_BINARY ? RT_OPCODE_BINARY : RT_OPCODE_TEXT;
    switch (format) {
    case RT_FORMAT_RAW:
        RT_CHECK(rt_bytes_equal(in_frame(bytes, opcode), item->payload));
        return;
    case RT_FORMAT_JSON:
        check_envelope(in_frame(bytes, RT_OPCODE_TEXT), item);
        return;
    case RT_FORMAT_NDJSON:
        check_envelope(in_line(in_chunk(bytes)), item);
        return;
    default:
        check_event(in_chunk(bytes), item);
    }
}

static void try_item(const struct rt_item *item)
{
    for (int i = 0; i < RT_FORMAT_COUNT; i++) {
        enum rt_format format = (enum rt_format)i;
        struct rt_writer writer;
        size_t size = rt_format_size(format, item);
        char *memory = obtain(size);
        rt_writer_init(&writer, memory, size);
        rt_format_write(&writer, format, item);
        RT_CHECK(!writer.overflowed && writer.at == writer.end);
        check_format(format, rt_writer_bytes(&writer), item);
        free(memory);
    }
}

/* Whether an envelope around the text is valid too: it is one level deeper. */
static bool is_json_inside(struct rt_bytes text)
{
    char *wrapped = obtain(text.len + 2);
    wrapped[0] = '[';
    if (text.len > 0) {
        memcpy(wrapped + 1, text.data, text.len);
    }
    wrapped[text.len + 1] = ']';
    bool is_valid = rt_json_is_valid((struct rt_bytes){wrapped, text.len + 2});
    free(wrapped);
    return is_valid;
}

static enum rt_content content_of(struct rt_bytes payload)
{
    if (!rt_utf8_is_valid(payload)) {
        return RT_CONTENT_BINARY;
    }
    return rt_json_is_valid(payload) && is_json_inside(payload)
               ? RT_CONTENT_JSON
               : RT_CONTENT_TEXT;
}

/* Also as what is less than it is: JSON as text, text as binary. */
static void try_contents(struct rt_item *item)
{
    for (int content = (int)content_of(item->payload); content >= 0;
         content--) {
        item->content = (enum rt_content)content;
        try_item(item);
    }
}

static void check_notice_event(struct rt_bytes text)
{
    char memory[RT_NOTICE_BYTES_MAX];
    struct sent_event event = {.has_data = false};
    rt_writer_init(&event.data, memory, sizeof(memory));
    read_event(&event, text);
    RT_CHECK(rt_bytes_starts_with(event.type, RT_BYTES("ringtail.")));
    RT_CHECK(rt_json_is_valid(rt_writer_bytes(&event.data)));
}

static void check_notice(enum rt_format format, struct rt_bytes bytes)
{
    switch (format) {
    case RT_FORMAT_JSON:
        RT_CHECK(rt_json_is_valid(in_frame(bytes, RT_OPCODE_TEXT)));
        return;
    case RT_FORMAT_NDJSON:
        RT_CHECK(rt_json_is_valid(in_line(in_chunk(bytes))));
        return;
    default:
        check_notice_event(in_chunk(bytes));
    }
}

static void try_notice(const struct rt_notice *notice)
{
    for (int i = RT_FORMAT_JSON; i < RT_FORMAT_COUNT; i++) {
        enum rt_format format = (enum rt_format)i;
        char memory[RT_NOTICE_BYTES_MAX];
        struct rt_writer writer;
        rt_writer_init(&writer, memory, sizeof(memory));
        rt_notice_write(&writer, format, notice);
        RT_CHECK(!writer.overflowed);
        check_notice(format, rt_writer_bytes(&writer));
    }
}

static void try_notices(const struct rt_item *item)
{
    struct rt_refusal refusal = {.problem = item->wall_ms % RT_PROBLEM_COUNT,
                                 .subject = item->payload,
                                 .detail = "x",
                                 .limit = item->wall_ms};
    struct rt_notice notice = {.topic = item->topic,
                               .has_cursor = true,
                               .cursor = item->cursor,
                               .has_resume = item->has_resume,
                               .resume = item->resume,
                               .after = item->resume,
                               .next = item->cursor,
                               .refusal = &refusal,
                               .wall_ms = item->wall_ms,
                               .retry_ms = item->wall_ms};
    for (int kind = 0; kind < RT_NOTICE_COUNT; kind++) {
        notice.kind = (enum rt_notice_kind)kind;
        try_notice(&notice);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    uint8_t choice = fuzz_take_byte(&input);
    struct rt_item item = {
        .topic = TOPIC,
        .cursor = {(uint32_t)fuzz_take_u64(&input), fuzz_take_u64(&input)},
        .wall_ms = fuzz_take_u64(&input),
        .has_resume = (choice & 1) != 0,
        .resume = {choice, fuzz_take_u64(&input)},
    };
    if ((choice & 2) != 0) {
        item.type = TYPE;
    }
    item.payload = fuzz_take(&input, SIZE_MAX);
    try_contents(&item);
    try_notices(&item);
    return 0;
}
