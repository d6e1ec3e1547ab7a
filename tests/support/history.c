#include "tests/support/history.h"

#include <string.h>

#include "broker/core/control.h"
#include "broker/core/topic.h"
#include "protocol/notice.h"
#include "protocol/pattern.h"

#define ENVELOPE_MAX RT_NOTICE_BYTES_MAX

void test_history_init(struct test_history *history,
                       struct rt_retention retention)
{
    history->format = RT_FORMAT_JSON;
    test_core_init(&history->test, retention);
}

void test_history_finish(struct test_history *history)
{
    test_core_finish(&history->test);
}

static struct rt_bytes payload_of(uint64_t sequence, size_t len)
{
    static char payload[TEST_HISTORY_LEN_MAX];
    EXPECT(len <= sizeof(payload));
    memset(payload, 'a' + (int)(sequence % 26), len);
    return (struct rt_bytes){payload, len};
}

static struct rt_event
event_of(const char *topic, uint64_t sequence, size_t len)
{
    EXPECT(sequence <= TEST_HISTORY_MAX);
    return (struct rt_event){.topic = rt_bytes_of(topic),
                             .payload = payload_of(sequence, len),
                             .content = RT_CONTENT_TEXT};
}

static void publish(struct test_history *history, const char *topic, size_t len)
{
    struct rt_core *core = &history->test.core;
    uint64_t sequence = core->sequence + 1;
    struct rt_event event = event_of(topic, sequence, len);
    struct rt_receipt receipt;
    EXPECT_INT(rt_core_publish(core, &event, &receipt), 0);
    EXPECT_INT(core->sequence, sequence);
    history->events[sequence] =
        (struct test_past){topic, receipt.cursor, receipt.wall_ms, len, false};
}

void test_history_close(struct test_history *history, const char *topic)
{
    struct rt_topic *found = test_core_topic(&history->test, topic);
    uint64_t sequence = history->test.core.sequence + 1;
    EXPECT(!found->is_closed);
    rt_topic_close(found);
    EXPECT_INT(history->test.core.sequence, sequence);
    uint64_t latest = rt_ring_latest(&found->ring);
    history->events[sequence] =
        (struct test_past){topic, rt_topic_cursor(found, latest), 0, 0, true};
    rt_core_validate(&history->test.core);
}

void test_history_publish(struct test_history *history,
                          const char *topic,
                          int count,
                          size_t len)
{
    for (int i = 0; i < count; i++) {
        publish(history, topic, len);
    }
    rt_core_validate(&history->test.core);
}

void test_history_add(struct test_history *history,
                      struct rt_publication *publication,
                      const char *topic,
                      size_t len)
{
    uint64_t sequence = publication->sequence + 1;
    struct rt_event event = event_of(topic, sequence, len);
    EXPECT_INT(rt_publication_add(publication, &event), 0);
    const struct rt_topic *added = test_core_topic(&history->test, topic);
    uint64_t offset = rt_ring_latest(&added->ring);
    history->events[sequence] = (struct test_past){
        topic, rt_topic_cursor(added, offset), added->ring.wall_ms, len, false};
}

static struct rt_selector parsed(const char *text)
{
    struct rt_selector selector;
    struct rt_refusal refusal;
    EXPECT_INT(rt_selector_parse(rt_bytes_of(text), &selector, &refusal), 0);
    return selector;
}

int test_history_try_select(struct test_history *history,
                            struct test_sink *sink,
                            const char *selector,
                            struct rt_since since,
                            struct rt_start *start)
{
    struct rt_selector patterns = parsed(selector);
    test_sink_init(sink, &history->test);
    sink->subscriber.gap = RT_GAP_TELL;
    int err = rt_core_select(&history->test.core, &patterns, history->format,
                             &since, &sink->subscriber, start);
    rt_core_validate(&history->test.core);
    return err;
}

struct rt_start test_history_select(struct test_history *history,
                                    struct test_sink *sink,
                                    const char *selector,
                                    struct rt_since since)
{
    struct rt_start start;
    EXPECT_INT(test_history_try_select(history, sink, selector, since, &start),
               0);
    EXPECT_INT(start.cursor.epoch, history->test.core.epoch);
    return start;
}

static bool has(const struct rt_selector *selector, const char *topic)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        if (rt_pattern_matches(selector->patterns[i], rt_bytes_of(topic))) {
            return true;
        }
    }
    return false;
}

static void write_event(struct rt_writer *writer,
                        const struct test_history *history,
                        uint64_t sequence)
{
    const struct test_past *past = &history->events[sequence];
    struct rt_item item = {.topic = rt_bytes_of(past->topic),
                           .cursor = past->cursor,
                           .wall_ms = past->wall_ms,
                           .content = RT_CONTENT_TEXT,
                           .payload = payload_of(sequence, past->len),
                           .has_resume = true,
                           .resume = {history->test.core.epoch, sequence}};
    rt_format_write(writer, history->format, &item);
}

static void write_closing(struct rt_writer *writer,
                          const struct test_history *history,
                          uint64_t sequence)
{
    const struct test_past *past = &history->events[sequence];
    struct rt_notice notice = {.kind = RT_NOTICE_CLOSED,
                               .topic = rt_bytes_of(past->topic),
                               .cursor = past->cursor,
                               .has_resume = true,
                               .resume = {history->test.core.epoch, sequence}};
    rt_notice_write(writer, history->format, &notice);
}

static void expect_past(const struct test_history *history,
                        struct test_sink *sink,
                        uint64_t sequence)
{
    static char memory[TEST_HISTORY_LEN_MAX + ENVELOPE_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    if (history->events[sequence].is_closing) {
        write_closing(&writer, history, sequence);
    } else {
        write_event(&writer, history, sequence);
    }
    struct rt_bytes expected = rt_writer_bytes(&writer);
    size_t left = sink->received.len - sink->read;
    struct rt_bytes got = {sink->received.data + sink->read,
                           left < expected.len ? left : expected.len};
    EXPECT_BYTES(got, expected);
    sink->read += expected.len;
}

/* One that it does not want. */
static bool is_own(const struct test_sink *sink, uint64_t sequence)
{
    for (uint32_t i = 0; i < sink->own_count; i++) {
        if (sequence >= sink->own[i].first && sequence < sink->own[i].end) {
            return true;
        }
    }
    return false;
}

static void expect_events(const struct test_history *history,
                          struct test_sink *sink,
                          const char *selector,
                          uint64_t first,
                          uint64_t last)
{
    struct rt_selector patterns = parsed(selector);
    EXPECT(!sink->is_closed || sink->reason == RT_CLOSE_TOPIC_CLOSED);
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        if (has(&patterns, history->events[sequence].topic) &&
            !is_own(sink, sequence)) {
            expect_past(history, sink, sequence);
        }
    }
}

void test_history_expect(const struct test_history *history,
                         struct test_sink *sink,
                         const char *selector,
                         uint64_t first,
                         uint64_t last)
{
    expect_events(history, sink, selector, first, last);
    EXPECT_INT(sink->received.len - sink->read, 0);
}

void test_history_expect_with_gap(const struct test_history *history,
                                  struct test_sink *sink,
                                  const char *selector,
                                  uint64_t first,
                                  uint64_t last,
                                  uint64_t next)
{
    expect_events(history, sink, selector, first, last);
    test_history_expect(history, sink, selector, next,
                        history->test.core.sequence);
}

struct rt_since test_since_node(const struct test_history *history,
                                uint64_t sequence)
{
    return (struct rt_since){.kind = RT_SINCE_NODE,
                             .cursor = {history->test.core.epoch, sequence}};
}
