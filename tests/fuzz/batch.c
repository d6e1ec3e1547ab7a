/*
 * Batches: bodies with a line of JSON for each event. Lines are compared with
 * the body, what is accepted with the parsers of its parts; a line that names
 * its topic is the same when it is written and read again.
 */
#include "protocol/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "protocol/base64.h"
#include "protocol/event_type.h"
#include "protocol/json.h"
#include "protocol/json_string.h"
#include "protocol/topic.h"
#include "protocol/utf8.h"
#include "tests/fuzz/fuzz.h"

#define EVENT_MAX 200

static bool is_blank(struct rt_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(" \t\r\n", text.data[i], 4) == NULL) {
            return false;
        }
    }
    return true;
}

/* --- lines that name their topic --- */

static void write_item(struct rt_writer *writer,
                       const struct rt_batch_item *item)
{
    RT_WRITE(writer, "{\"topic\":");
    rt_json_string_write(writer, item->topic);
    if (item->type.len > 0) {
        RT_WRITE(writer, ",\"type\":");
        rt_json_string_write(writer, item->type);
    }
    if (item->content == RT_CONTENT_BINARY) {
        RT_WRITE(writer, ",\"data_base64\":\"");
        rt_base64_write(writer, item->payload);
        RT_WRITE(writer, "\"");
    } else {
        RT_WRITE(writer, ",\"data\":");
        if (item->content == RT_CONTENT_TEXT) {
            rt_json_string_write(writer, item->payload);
        } else {
            rt_write_bytes(writer, item->payload);
        }
    }
    RT_WRITE(writer, "}");
}

static void check_item(const struct rt_batch_item *item)
{
    const char *reason = NULL;
    RT_CHECK(rt_topic_check(item->topic, &reason) == 0);
    RT_CHECK(item->type.len == 0 ||
             rt_event_type_check(item->type, &reason) == 0);
    RT_CHECK(item->payload.len <= EVENT_MAX);
    RT_CHECK(item->content == RT_CONTENT_BINARY ||
             rt_utf8_is_valid(item->payload));
    RT_CHECK(item->content != RT_CONTENT_JSON ||
             rt_json_is_valid(item->payload));
}

static bool is_same(const struct rt_batch_item *a,
                    const struct rt_batch_item *b)
{
    return rt_bytes_equal(a->topic, b->topic) &&
           rt_bytes_equal(a->type, b->type) &&
           rt_bytes_equal(a->payload, b->payload) && a->content == b->content;
}

static void check_again(const struct rt_batch_item *item)
{
    char line[8 * EVENT_MAX];
    char memory[8 * EVENT_MAX];
    struct rt_writer writer;
    struct rt_batch_item again;
    struct rt_refusal refusal;
    rt_writer_init(&writer, line, sizeof(line));
    write_item(&writer, item);
    RT_CHECK(!writer.overflowed);
    struct rt_bytes text = rt_writer_bytes(&writer);
    RT_CHECK(rt_batch_item_parse(text, EVENT_MAX, memory, &again, &refusal) ==
             0);
    RT_CHECK(is_same(&again, item));
}

static void try_item(struct rt_bytes line)
{
    struct rt_batch_item item;
    struct rt_refusal refusal = {.problem = RT_PROBLEM_COUNT};
    char *memory = malloc(line.len);
    RT_CHECK(memory != NULL);
    if (rt_batch_item_parse(line, EVENT_MAX, memory, &item, &refusal) == 0) {
        check_item(&item);
        check_again(&item);
    } else {
        RT_CHECK(refusal.problem < RT_PROBLEM_COUNT);
        RT_CHECK(refusal.detail != NULL || refusal.limit == EVENT_MAX);
    }
    free(memory);
}

/* --- batches for one topic --- */

static bool is_event(struct rt_bytes line)
{
    return line.len <= EVENT_MAX && rt_utf8_is_valid(line) &&
           rt_json_is_valid(line);
}

/* Goes through all lines; between them there is nothing but white space. */
static uint32_t try_lines(struct rt_bytes body, uint32_t *first_bad)
{
    struct rt_bytes rest = body;
    struct rt_bytes line;
    const char *last_end = body.data;
    uint32_t count = 0;
    *first_bad = UINT32_MAX;
    for (; rt_batch_next(&rest, &line); count++) {
        size_t skipped = (size_t)(line.data - last_end);
        RT_CHECK(is_blank((struct rt_bytes){last_end, skipped}));
        RT_CHECK(memchr(line.data, '\n', line.len) == NULL);
        if (*first_bad == UINT32_MAX && !is_event(line)) {
            *first_bad = count;
        }
        try_item(line);
        last_end = line.data + line.len;
    }
    size_t left = (size_t)(body.data + body.len - last_end);
    RT_CHECK(is_blank((struct rt_bytes){last_end, left}));
    return count;
}

static void try_batch(struct rt_bytes body)
{
    struct rt_batch_fault fault = {.index = UINT32_MAX};
    uint32_t first_bad = UINT32_MAX;
    uint32_t count = 0;
    uint32_t expected = try_lines(body, &first_bad);
    bool is_good = expected > 0 && expected <= RT_BATCH_EVENTS_MAX;
    RT_CHECK((rt_batch_count(body, &count, &fault) == 0) == is_good);
    RT_CHECK(count == (is_good ? expected : 0));
    int err = rt_batch_check(body, EVENT_MAX, &count, &fault);
    RT_CHECK((err == 0) == (is_good && first_bad == UINT32_MAX));
    RT_CHECK(err == 0 || !is_good || fault.index == first_bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        try_batch((struct rt_bytes){(const char *)data, size});
    }
    return 0;
}
