/*
 * The short values that peers write: topics, cursors, quantities, moments,
 * `since`, and keys of requests that may be repeated. What is taken must come
 * back the same when it is written again, and what is refused must leave the
 * result alone.
 */
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "protocol/idempotency_key.h"
#include "protocol/quantity.h"
#include "protocol/since.h"
#include "protocol/timestamp.h"
#include "protocol/topic.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS    UINT64_C(1787000000123)
#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)
#define TEXT_MAX  64

static const char token_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_=~-";

static bool is_token(struct rt_bytes token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (memchr(token_bytes, token.data[i], sizeof(token_bytes) - 1) ==
            NULL) {
            return false;
        }
    }
    return token.len > 0 && token.len <= RT_TOKEN_BYTES_MAX;
}

static bool is_topic(struct rt_bytes text)
{
    bool is_fine = text.len > 0 && text.len <= RT_TOPIC_BYTES_MAX;
    for (struct rt_bytes rest = text; is_fine && rest.data != NULL;) {
        is_fine = is_token(rt_bytes_split(&rest, '.'));
    }
    return is_fine;
}

static void try_topic(struct rt_bytes text)
{
    const char *reason = NULL;
    int err = rt_topic_check(text, &reason);
    RT_CHECK((err == 0) == is_topic(text));
    RT_CHECK(err == 0 || (err == RT_EINVAL && reason[0] != '\0'));
}

static struct rt_cursor read_back(struct rt_cursor cursor)
{
    char memory[RT_CURSOR_BYTES_MAX];
    struct rt_writer writer;
    struct rt_cursor again = {0};
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_cursor_write(&writer, cursor);
    RT_CHECK(!writer.overflowed);
    RT_CHECK(rt_cursor_parse(rt_writer_bytes(&writer), &again) == 0);
    return again;
}

static void try_cursor(struct rt_bytes text)
{
    struct rt_cursor cursor = {7, UNTOUCHED};
    int err = rt_cursor_parse(text, &cursor);
    struct rt_cursor again = read_back(cursor);
    RT_CHECK(again.epoch == cursor.epoch && again.offset == cursor.offset);
    RT_CHECK(err == 0 || (cursor.epoch == 7 && cursor.offset == UNTOUCHED));
    RT_CHECK(err == 0 || err == RT_EINVAL || err == RT_ERANGE);
}

typedef int (*parse_fn)(struct rt_bytes text, uint64_t *value);

/* A number in the smallest unit, and that unit's name. */
static void try_quantity(parse_fn parse, struct rt_bytes text, const char *unit)
{
    char memory[TEXT_MAX];
    struct rt_writer writer;
    uint64_t value = UNTOUCHED;
    uint64_t again = 0;
    if (parse(text, &value) < 0) {
        RT_CHECK(value == UNTOUCHED);
        return;
    }
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_write_u64(&writer, value);
    rt_write_bytes(&writer, rt_bytes_of(unit));
    RT_CHECK(value > 0);
    RT_CHECK(parse(rt_writer_bytes(&writer), &again) == 0 && again == value);
}

/* The C library's calendar has the same days. */
static void check_calendar(uint64_t wall_ms)
{
    char memory[TEXT_MAX];
    char date[RT_HTTP_DATE_BYTES];
    struct rt_writer writer;
    struct tm parts;
    time_t seconds = (time_t)(wall_ms / 1000);
    uint64_t again = 0;
    RT_CHECK(gmtime_r(&seconds, &parts) != NULL);
    (void)strftime(memory, sizeof(memory), "%Y-%m-%dT%H:%M:%SZ", &parts);
    RT_CHECK(rt_timestamp_parse(rt_bytes_of(memory), &again) == 0);
    RT_CHECK(again == wall_ms / 1000 * 1000);
    rt_writer_init(&writer, date, sizeof(date));
    rt_http_date_write(&writer, wall_ms);
    (void)strftime(memory, sizeof(memory), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    RT_CHECK(rt_bytes_equal(rt_writer_bytes(&writer), rt_bytes_of(memory)));
}

static void try_timestamp(struct rt_bytes text)
{
    uint64_t wall_ms = UNTOUCHED;
    if (rt_timestamp_parse(text, &wall_ms) < 0) {
        RT_CHECK(wall_ms == UNTOUCHED);
        return;
    }
    RT_CHECK(wall_ms <= RT_TIMESTAMP_MS_MAX);
    check_calendar(wall_ms);
}

/* Each kind is what the parser of that kind alone makes of the text. */
static void check_since(struct rt_bytes text, const struct rt_since *since)
{
    struct rt_cursor cursor = {0};
    uint64_t ms = 0;
    bool is_cursor = rt_cursor_parse(text, &cursor) == 0;
    bool is_node = rt_node_cursor_parse(text, &cursor) == 0;
    RT_CHECK(is_cursor == (since->kind == RT_SINCE_CURSOR));
    RT_CHECK(is_node == (since->kind == RT_SINCE_NODE));
    RT_CHECK(cursor.epoch == since->cursor.epoch);
    RT_CHECK(cursor.offset == since->cursor.offset);
    RT_CHECK((since->kind == RT_SINCE_LAST) == (since->count > 0));
    if (rt_duration_parse(text, &ms) == 0) {
        ms = ms < NOW_MS ? NOW_MS - ms : 0;
    } else if (rt_timestamp_parse(text, &ms) < 0) {
        ms = 0;
    }
    RT_CHECK(ms == since->wall_ms);
}

static void try_since(struct rt_bytes text)
{
    struct rt_since since = {.kind = RT_SINCE_LAST, .count = UNTOUCHED};
    if (rt_since_parse(text, NOW_MS, &since) < 0) {
        RT_CHECK(since.kind == RT_SINCE_LAST && since.count == UNTOUCHED);
        return;
    }
    check_since(text, &since);
}

/* A key between quotes is the key. */
static void check_quoted(struct rt_bytes key)
{
    char value[2 + 2 * RT_IDEMPOTENCY_KEY_BYTES_MAX];
    char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX];
    struct rt_writer writer;
    struct rt_bytes again;
    const char *reason = NULL;
    rt_writer_init(&writer, value, sizeof(value));
    RT_WRITE(&writer, "\"");
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '"' || key.data[i] == '\\') {
            RT_WRITE(&writer, "\\");
        }
        rt_write_bytes(&writer, (struct rt_bytes){key.data + i, 1});
    }
    RT_WRITE(&writer, "\"");
    RT_CHECK(rt_idempotency_key_parse(rt_writer_bytes(&writer), memory, &again,
                                      &reason) == 0);
    RT_CHECK(rt_bytes_equal(again, key));
}

static void try_key(struct rt_bytes text)
{
    char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX];
    struct rt_bytes key = {NULL, 0};
    const char *reason = NULL;
    if (rt_idempotency_key_parse(text, memory, &key, &reason) < 0) {
        RT_CHECK(key.data == NULL && reason != NULL);
        return;
    }
    RT_CHECK(key.len > 0 && key.len <= RT_IDEMPOTENCY_KEY_BYTES_MAX);
    for (size_t i = 0; i < key.len; i++) {
        RT_CHECK(key.data[i] >= ' ' && key.data[i] <= '~');
    }
    check_quoted(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_bytes text = {(const char *)data, size};
    try_topic(text);
    try_cursor(text);
    try_quantity(rt_duration_parse, text, "ms");
    try_quantity(rt_size_parse, text, "");
    try_quantity(rt_count_parse, text, "");
    try_timestamp(text);
    try_since(text);
    try_key(text);
    return 0;
}
