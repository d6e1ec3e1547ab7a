/* Three topics, whose events are on disk and the last ones in the rings, and
 * who has several of them: every event that comes is looked at. */
#ifndef TESTS_UNIT_CORE_EXCERPTS_H
#define TESTS_UNIT_CORE_EXCERPTS_H

#include <stdlib.h>
#include <string.h>

#include "broker/core/excerpt.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define ALL       "a,b,c"

static const struct rt_retention narrow = {16 * KIB, UNLIMITED, UNLIMITED};

static struct test_journal disk;
static struct test_sink sink;
static char owners[TEST_DISK_EVENTS + 1]; /* the topic of each number */

/* --- what there is --- */

static inline void publish(const char *topic, int count, size_t len)
{
    for (int i = 0; i < count; i++) {
        test_core_publish(&disk.test, topic, len);
        owners[disk.test.core.sequence] = topic[0];
    }
}

/* Events of three topics in turn, all on disk; the last ones in the rings. */
static inline void init(int rounds, size_t len)
{
    test_journal_init(&disk, narrow);
    memset(owners, 0, sizeof(owners));
    for (int i = 0; i < rounds; i++) {
        publish("a", 1, len);
        publish("b", 2, len);
        publish("c", 1, len);
    }
    test_journal_write(&disk);
    test_sink_init(&sink, &disk.test);
    sink.subscriber.gap = RT_GAP_TELL;
}

static inline void finish(void)
{
    test_sink_finish(&sink);
    test_journal_finish(&disk);
}

static inline struct rt_since behind(uint64_t sequence)
{
    return (struct rt_since){.kind = RT_SINCE_NODE,
                             .cursor = {disk.test.core.epoch, sequence}};
}

static inline struct rt_start
choose(struct test_sink *chooser, const char *text, struct rt_since since)
{
    struct rt_selector selector;
    struct rt_refusal refusal;
    struct rt_start start;
    EXPECT_INT(rt_selector_parse(rt_bytes_of(text), &selector, &refusal), 0);
    EXPECT_INT(rt_core_select(&disk.test.core, &selector, RT_FORMAT_NDJSON,
                              &since, &chooser->subscriber, &start),
               0);
    return start;
}

/* --- what was got --- */

/* The next line that was received; empty: there is none. */
static inline struct rt_bytes next_line(struct test_sink *receiver)
{
    const char *bytes = receiver->received.data + receiver->read;
    size_t len = receiver->received.len - receiver->read;
    const char *end = len == 0 ? NULL : memchr(bytes, '\n', len);
    if (end == NULL) {
        return (struct rt_bytes){NULL, 0};
    }
    receiver->read += (size_t)(end - bytes) + 1;
    return (struct rt_bytes){bytes, (size_t)(end - bytes)};
}

/* The number of the next event, which is the second line of a chunk; 0: there
 * is none. */
static inline uint64_t next_number(struct test_sink *receiver)
{
    char head[64] = "";
    char tail[64] = "";
    (void)next_line(receiver);
    struct rt_bytes line = next_line(receiver);
    if (line.len == 0) {
        return 0;
    }
    (void)next_line(receiver);
    EXPECT(line.len > 63);
    memcpy(head, line.data, 63);
    memcpy(tail, line.data + line.len - 63, 63);
    const char *topic = strstr(head, "\"topic\":\"");
    const char *resume = strstr(tail, "\"resume\":\"*");
    EXPECT(resume != NULL && topic != NULL);
    uint64_t number = strtoull(strchr(resume + 11, '-') + 1, NULL, 10);
    EXPECT_INT(topic[9], owners[number]);
    return number;
}

/* Just the events of these topics with numbers of a range. */
static inline void expect_from(struct test_sink *receiver,
                               const char *topics,
                               uint64_t first,
                               uint64_t last)
{
    for (uint64_t number = first; number <= last; number++) {
        if (strchr(topics, owners[number]) != NULL) {
            EXPECT_INT(next_number(receiver), number);
        }
    }
    EXPECT_INT(next_number(receiver), 0);
}

static inline void expect(uint64_t first)
{
    expect_from(&sink, "abc", first, disk.test.core.sequence);
    EXPECT_INT(sink.gap_count, 0);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
}

#endif
