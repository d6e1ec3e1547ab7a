#include "broker/net/owed_answers.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define DATE RT_BYTES("Sun, 22 Nov 2026 08:00:00 GMT")

static struct rt_heap heap;
static struct rt_owed_answers owed;
static struct rt_buffer answers;
static struct rt_receipt_answer form;

static void begin(void)
{
    rt_heap_init(&heap, SIZE_MAX);
    owed = (struct rt_owed_answers){0};
    answers = (struct rt_buffer){0};
    form = (struct rt_receipt_answer){.len = 0};
}

static void finish(void)
{
    rt_owed_answers_finish(&owed, &heap);
    rt_buffer_finish(&answers, &heap);
    EXPECT_INT(heap.used, 0);
}

static struct rt_receipt receipt_of(uint64_t offset, uint64_t wall_ms)
{
    return (struct rt_receipt){.cursor = {.epoch = 7, .offset = offset},
                               .wall_ms = wall_ms,
                               .ack = RT_ACK_DISK};
}

static int owe(const char *topic, uint64_t offset, uint64_t wall_ms)
{
    struct rt_receipt receipt = receipt_of(offset, wall_ms);
    return rt_owed_answers_add_receipt(&owed, &heap, RT_OWED_RECEIPT,
                                       rt_bytes_of(topic), &receipt);
}

static int owe_bytes(const char *text)
{
    size_t len = strlen(text);
    char *memory = rt_owed_answers_reserve(&owed, &heap, len + 10);
    if (memory == NULL) {
        return RT_ENOMEM;
    }
    memcpy(memory, text, len);
    rt_owed_answers_add(&owed, len);
    return 0;
}

static size_t leave(size_t end, size_t max)
{
    struct rt_owed_exit exit = {.heap = &heap,
                                .answers = &answers,
                                .answers_max = max,
                                .receipt = &form,
                                .date = DATE};
    size_t moved = 0;
    EXPECT_INT(rt_owed_answers_leave(&owed, end, &exit, &moved), 0);
    return moved;
}

/* What has left is that answer, and others behind it. */
static void expect_bytes(struct rt_bytes text)
{
    EXPECT(answers.len >= text.len);
    EXPECT(memcmp(answers.data, text.data, text.len) == 0);
    rt_buffer_consume(&answers, text.len);
}

static void expect_receipt(const char *topic, uint64_t offset, uint64_t wall_ms)
{
    struct rt_receipt_answer own = {.len = 0};
    struct rt_receipt receipt = receipt_of(offset, wall_ms);
    expect_bytes(
        rt_receipt_answer_write(&own, rt_bytes_of(topic), &receipt, DATE));
}

TEST("answers leave in their order, as they would have been at once")
{
    begin();
    EXPECT_INT(owe("a", 99, 1000), 0);
    EXPECT_INT(owe("a", 100, 1000), 0);
    EXPECT_INT(owe_bytes("something else"), 0);
    EXPECT_INT(owe("a", 101, 1000), 0);
    EXPECT_INT(owe("b", 102, 1000), 0);
    EXPECT_INT(owe("b", 103, 1001), 0);
    EXPECT_INT(owed.count, 6);
    (void)leave(owed.records.len, SIZE_MAX);
    EXPECT_INT(owed.count, 0);
    EXPECT_INT(owed.records.len, 0);
    expect_receipt("a", 99, 1000);
    expect_receipt("a", 100, 1000);
    expect_bytes(RT_BYTES("something else"));
    expect_receipt("a", 101, 1000);
    expect_receipt("b", 102, 1000);
    expect_receipt("b", 103, 1001);
    EXPECT_INT(answers.len, 0);
    finish();
}

TEST("a run takes as much however long it is")
{
    begin();
    for (uint64_t offset = 1; offset <= 1000; offset++) {
        EXPECT_INT(owe("a", offset, 1000), 0);
    }
    EXPECT(owed.records.len < 100);
    EXPECT_INT(owed.count, 1000);
    (void)leave(owed.records.len, SIZE_MAX);
    for (uint64_t offset = 1; offset <= 1000; offset++) {
        expect_receipt("a", offset, 1000);
    }
    EXPECT_INT(answers.len, 0);
    finish();
}

static void
owe_of(enum rt_owed_kind kind, struct rt_bytes topic, struct rt_receipt receipt)
{
    EXPECT_INT(rt_owed_answers_add_receipt(&owed, &heap, kind, topic, &receipt),
               0);
}

/* Whether an answer needs a record of its own behind that of offset 10. */
static bool is_apart(enum rt_owed_kind kind,
                     struct rt_bytes topic,
                     struct rt_receipt receipt)
{
    (void)rt_owed_answers_part(&owed);
    owe_of(RT_OWED_RECEIPT, RT_BYTES("a"), receipt_of(10, 1000));
    size_t before = owed.records.len;
    owe_of(kind, topic, receipt);
    return owed.records.len > before;
}

TEST("a run ends with another kind, topic, epoch, time, level, and a hole")
{
    const struct rt_bytes a = RT_BYTES("a");
    struct rt_receipt next = receipt_of(11, 1000);
    begin();
    EXPECT(!is_apart(RT_OWED_RECEIPT, a, next));
    EXPECT(is_apart(RT_OWED_MINIMAL, a, next));
    EXPECT(is_apart(RT_OWED_RECEIPT, RT_BYTES("b"), next));
    EXPECT(is_apart(RT_OWED_RECEIPT, a, receipt_of(12, 1000)));
    EXPECT(is_apart(RT_OWED_RECEIPT, a, receipt_of(11, 1001)));
    next.cursor.epoch++;
    EXPECT(is_apart(RT_OWED_RECEIPT, a, next));
    next.cursor.epoch--;
    next.ack = RT_ACK_MEMORY;
    EXPECT(is_apart(RT_OWED_RECEIPT, a, next));
    finish();
}

TEST("minimal answers are a run, too")
{
    char memory[RT_MINIMAL_ANSWER_BYTES_MAX];
    begin();
    for (uint64_t offset = 1; offset <= 100; offset++) {
        owe_of(RT_OWED_MINIMAL, RT_BYTES("a"), receipt_of(offset, 1000));
    }
    EXPECT(owed.records.len < 100);
    (void)leave(owed.records.len, SIZE_MAX);
    for (uint64_t offset = 1; offset <= 100; offset++) {
        struct rt_writer writer;
        struct rt_receipt receipt = receipt_of(offset, 1000);
        rt_writer_init(&writer, memory, sizeof(memory));
        rt_minimal_answer_write(&writer, &receipt, DATE);
        expect_bytes(rt_writer_bytes(&writer));
    }
    EXPECT_INT(answers.len, 0);
    finish();
}

TEST("what leaves in pieces is the same")
{
    begin();
    EXPECT_INT(owe_bytes("first"), 0);
    for (uint64_t offset = 1; offset <= 500; offset++) {
        EXPECT_INT(owe("a", offset, 1000), 0);
    }
    EXPECT_INT(owe_bytes("last"), 0);
    uint64_t next = 1;
    for (int pieces = 0; owed.count > 0; pieces++) {
        (void)leave(owed.records.len, 2000);
        EXPECT(answers.len > 0 && answers.len < 3000);
        if (pieces == 0) {
            expect_bytes(RT_BYTES("first"));
        }
        while (next <= 500 && answers.len > 4) {
            expect_receipt("a", next++, 1000);
        }
    }
    EXPECT_INT(next, 501);
    expect_bytes(RT_BYTES("last"));
    EXPECT_INT(answers.len, 0);
    finish();
}

TEST("a run that leaves may grow meanwhile")
{
    begin();
    for (uint64_t offset = 1; offset <= 20; offset++) {
        EXPECT_INT(owe("a", offset, 1000), 0);
    }
    (void)leave(owed.records.len, 1000);
    size_t len = owed.records.len;
    EXPECT_INT(owe("a", 21, 1000), 0);
    EXPECT_INT(owed.records.len, len);
    (void)leave(owed.records.len, SIZE_MAX);
    for (uint64_t offset = 1; offset <= 21; offset++) {
        expect_receipt("a", offset, 1000);
    }
    finish();
}

TEST("a run goes on when what was before it has left")
{
    begin();
    EXPECT_INT(owe_bytes("something else"), 0);
    size_t end = owed.records.len;
    EXPECT_INT(owe("a", 99, 1000), 0);
    EXPECT_INT(leave(end, SIZE_MAX), end);
    size_t len = owed.records.len;
    EXPECT_INT(owe("a", 100, 1000), 0);
    EXPECT_INT(owed.records.len, len);
    (void)leave(owed.records.len, SIZE_MAX);
    expect_bytes(RT_BYTES("something else"));
    expect_receipt("a", 99, 1000);
    expect_receipt("a", 100, 1000);
    finish();
}

TEST("a part does not leave with what is before it, and may be forgotten")
{
    begin();
    EXPECT_INT(owe("a", 1, 1000), 0);
    size_t at = rt_owed_answers_part(&owed);
    EXPECT_INT(owe("a", 2, 1000), 0);
    EXPECT_INT(leave(at, SIZE_MAX), at);
    expect_receipt("a", 1, 1000);
    EXPECT_INT(answers.len, 0);
    EXPECT_INT(owe("a", 3, 1000), 0);
    EXPECT_INT(owed.count, 2);
    at = rt_owed_answers_part(&owed);
    EXPECT_INT(owe("a", 4, 1000), 0);
    EXPECT_INT(owe_bytes("x"), 0);
    rt_owed_answers_cut(&owed, at);
    EXPECT_INT(owed.count, 2);
    EXPECT_INT(owe("a", 5, 1000), 0);
    (void)leave(owed.records.len, SIZE_MAX);
    expect_receipt("a", 2, 1000);
    expect_receipt("a", 3, 1000);
    expect_receipt("a", 5, 1000);
    EXPECT_INT(answers.len, 0);
    finish();
}

TEST("a run that is forgotten counts for all it had, and is not gone on with")
{
    begin();
    EXPECT_INT(owe("a", 1, 1000), 0);
    size_t at = rt_owed_answers_part(&owed);
    EXPECT_INT(owe("a", 2, 1000), 0);
    EXPECT_INT(owe("b", 4, 1000), 0);
    EXPECT_INT(owe("b", 5, 1000), 0);
    rt_owed_answers_cut(&owed, at);
    EXPECT_INT(owed.count, 1);
    EXPECT_INT(owe("b", 6, 1000), 0);
    EXPECT_INT(owed.count, 2);
    (void)leave(owed.records.len, SIZE_MAX);
    expect_receipt("a", 1, 1000);
    expect_receipt("b", 6, 1000);
    EXPECT_INT(answers.len, 0);
    EXPECT_INT(owed.count, 0);
    finish();
}

TEST("there are so many answers at most, and so many bytes")
{
    begin();
    uint64_t offset = 1;
    while (!rt_owed_answers_are_full(&owed)) {
        EXPECT_INT(owe("a", offset++, 1000), 0);
    }
    EXPECT_INT(owed.count, RT_OWED_ANSWERS_MAX);
    rt_owed_answers_cut(&owed, 0);
    while (!rt_owed_answers_are_full(&owed)) {
        EXPECT_INT(owe(offset % 2 == 0 ? "a" : "b", offset, 1000), 0);
        offset++;
    }
    EXPECT(owed.count > 300);
    EXPECT(owed.records.capacity <= RT_OWED_BYTES_MAX);
    finish();
}

TEST("without memory nothing is owed")
{
    begin();
    rt_heap_init(&heap, 0);
    EXPECT_INT(owe("a", 1, 1000), RT_ENOMEM);
    EXPECT_INT(owe_bytes("x"), RT_ENOMEM);
    EXPECT_INT(owed.count, 0);
    finish();
}

TEST("without memory for an answer it stays")
{
    begin();
    EXPECT_INT(owe("a", 1, 1000), 0);
    EXPECT_INT(owe_bytes("x"), 0);
    heap.limit = heap.used;
    struct rt_owed_exit exit = {.heap = &heap,
                                .answers = &answers,
                                .answers_max = SIZE_MAX,
                                .receipt = &form,
                                .date = DATE};
    size_t moved = 0;
    EXPECT_INT(rt_owed_answers_leave(&owed, owed.records.len, &exit, &moved),
               RT_ENOMEM);
    EXPECT_INT(moved, 0);
    heap.limit = SIZE_MAX;
    (void)leave(owed.records.len, SIZE_MAX);
    expect_receipt("a", 1, 1000);
    expect_bytes(RT_BYTES("x"));
    finish();
}
