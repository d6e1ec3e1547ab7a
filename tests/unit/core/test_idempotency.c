#include "broker/core/idempotency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define NOW_MS    1000
#define KEEP_MS   300000
#define COUNT_MAX 1000

static const struct rt_idempotency_limits limits = {
    .keep_ms = KEEP_MS, .count_max = COUNT_MAX, .bytes_max = UINT64_MAX};

static struct rt_idempotency_request
request_of(const char *topic, const char *key, const char *body)
{
    return (struct rt_idempotency_request){rt_bytes_of(topic), rt_bytes_of(key),
                                           rt_digest_of(rt_bytes_of(body))};
}

/* Remembers a request that was answered with this offset. */
static void remember(struct rt_idempotency *window,
                     struct rt_idempotency_request request,
                     uint64_t offset,
                     uint64_t now_ms)
{
    struct rt_receipt receipt = {
        .cursor = {7, offset}, .wall_ms = 5, .first = offset - 2, .count = 3};
    struct rt_idempotency_entry *entry =
        rt_idempotency_remember(window, &request, 1, now_ms);
    EXPECT(entry != NULL);
    rt_idempotency_settle(entry, &receipt);
}

/* The offset that a request was answered with; 0 or an error if it was not. */
static int64_t find(const struct rt_idempotency *window,
                    struct rt_idempotency_request request)
{
    const struct rt_receipt *receipt = NULL;
    int found = rt_idempotency_find(window, &request, &receipt);
    if (found != 1) {
        EXPECT(receipt == NULL);
        return found;
    }
    EXPECT_INT(receipt->cursor.epoch, 7);
    EXPECT_INT(receipt->wall_ms, 5);
    EXPECT_INT(receipt->first, receipt->cursor.offset - 2);
    EXPECT_INT(receipt->count, 3);
    return (int64_t)receipt->cursor.offset;
}

/* A request whose key is a number; valid until the next call. */
static struct rt_idempotency_request numbered(unsigned number)
{
    static char key[16];
    (void)snprintf(key, sizeof(key), "k%u", number);
    return request_of("news", key, "body");
}

TEST("nothing is known of a request that was never done")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    EXPECT_INT(find(&window, request_of("news", "k", "body")), 0);
    EXPECT_INT(heap.used, 0);
    rt_idempotency_finish(&window);
}

TEST("a request that is repeated finds its first receipt")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    remember(&window, request_of("news", "k", "body"), 42, NOW_MS);
    EXPECT_INT(find(&window, request_of("news", "k", "body")), 42);
    EXPECT_INT(find(&window, request_of("news", "k", "body")), 42);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

TEST("a key with another body is told apart")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    remember(&window, request_of("news", "k", "body"), 42, NOW_MS);
    EXPECT_INT(find(&window, request_of("news", "k", "Body")), RT_EEXIST);
    EXPECT_INT(find(&window, request_of("news", "k", "")), RT_EEXIST);
    rt_idempotency_finish(&window);
}

TEST("a key belongs to its topic")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    remember(&window, request_of("news", "k", "body"), 42, NOW_MS);
    remember(&window, request_of("new", "s/k", "body"), 43, NOW_MS);
    EXPECT_INT(find(&window, request_of("chat", "k", "body")), 0);
    EXPECT_INT(find(&window, request_of("new", "k", "body")), 0);
    EXPECT_INT(find(&window, request_of("news", "K", "body")), 0);
    EXPECT_INT(find(&window, request_of("news", "k/", "body")), 0);
    EXPECT_INT(find(&window, request_of("news", "k", "body")), 42);
    EXPECT_INT(find(&window, request_of("new", "s/k", "body")), 43);
    rt_idempotency_finish(&window);
}

TEST("the longest topic with the longest key is remembered")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    char text[RT_TOPIC_BYTES_MAX + RT_IDEMPOTENCY_KEY_BYTES_MAX];
    struct rt_idempotency_request request = {
        .topic = {text, RT_TOPIC_BYTES_MAX},
        .key = {text, RT_IDEMPOTENCY_KEY_BYTES_MAX}};
    memset(text, 'a', sizeof(text));
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    remember(&window, request, 42, NOW_MS);
    EXPECT_INT(find(&window, request), 42);
    request.key.len--;
    EXPECT_INT(find(&window, request), 0);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

TEST("a request for several topics has a receipt for each")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    struct rt_receipt receipts[3] = {{.count = 1}, {.count = 2}, {.count = 3}};
    const struct rt_receipt *found = NULL;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    struct rt_idempotency_request request = request_of("", "k", "body");
    struct rt_idempotency_entry *entry =
        rt_idempotency_remember(&window, &request, 3, NOW_MS);
    EXPECT(entry != NULL);
    rt_idempotency_settle(entry, receipts);
    EXPECT_INT(find(&window, request_of("k", "k", "body")), 0);
    EXPECT_INT(rt_idempotency_find(&window, &request, &found), 1);
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_INT(found[i].count, i + 1);
    }
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

TEST("a request that failed is forgotten and may be tried again")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    struct rt_idempotency_request request = request_of("news", "k", "body");
    struct rt_idempotency_entry *entry =
        rt_idempotency_remember(&window, &request, 1, NOW_MS);
    EXPECT(entry != NULL);
    rt_idempotency_forget(&window, entry);
    EXPECT_INT(heap.used, 0);
    EXPECT_INT(find(&window, request), 0);
    remember(&window, request, 42, NOW_MS);
    EXPECT_INT(find(&window, request), 42);
    rt_idempotency_finish(&window);
}

TEST("a key is remembered for its time, and no longer")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    remember(&window, request_of("news", "a", "body"), 42, NOW_MS);
    remember(&window, request_of("news", "b", "body"), 43, NOW_MS + 1);
    rt_idempotency_expire(&window, NOW_MS + KEEP_MS - 1);
    EXPECT_INT(find(&window, request_of("news", "a", "body")), 42);
    rt_idempotency_expire(&window, NOW_MS + KEEP_MS);
    EXPECT_INT(find(&window, request_of("news", "a", "body")), 0);
    EXPECT_INT(find(&window, request_of("news", "b", "body")), 43);
    rt_idempotency_expire(&window, NOW_MS + 2 * KEEP_MS);
    EXPECT_INT(window.count, 0);
    EXPECT_INT(window.bytes, 0);
    EXPECT_INT(heap.used, 0);
    rt_idempotency_finish(&window);
}

TEST("at most so many keys are remembered, the latest")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    for (unsigned i = 0; i < COUNT_MAX + 2; i++) {
        remember(&window, numbered(i), i + 3, NOW_MS);
    }
    EXPECT_INT(window.count, COUNT_MAX);
    EXPECT_INT(find(&window, numbered(0)), 0);
    EXPECT_INT(find(&window, numbered(1)), 0);
    EXPECT_INT(find(&window, numbered(2)), 5);
    EXPECT_INT(find(&window, numbered(COUNT_MAX + 1)), COUNT_MAX + 4);
    EXPECT_INT(window.bytes, heap.used);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

TEST("all keys together take no more than their part of the memory")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    size_t bytes_max = 4096;
    rt_heap_init(&heap, bytes_max * RT_IDEMPOTENCY_PART);
    rt_idempotency_init(&window, &heap, &limits);
    for (unsigned i = 0; i < 100; i++) {
        remember(&window, numbered(i), i + 3, NOW_MS);
        EXPECT(heap.used <= bytes_max);
        EXPECT_INT(window.bytes, heap.used);
        EXPECT_INT(find(&window, numbered(i)), i + 3);
    }
    EXPECT(window.count > 10 && window.count < 100);
    EXPECT_INT(find(&window, numbered((unsigned)(100 - window.count))),
               100 - window.count + 3);
    EXPECT_INT(find(&window, numbered((unsigned)(99 - window.count))), 0);
    rt_idempotency_finish(&window);
}

TEST("all keys together take no more than they may")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    struct rt_idempotency_limits few = limits;
    few.bytes_max = 4096;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &few);
    for (unsigned i = 0; i < 100; i++) {
        remember(&window, numbered(i), i + 3, NOW_MS);
        EXPECT(heap.used <= few.bytes_max);
        EXPECT_INT(find(&window, numbered(i)), i + 3);
    }
    EXPECT(window.count > 10 && window.count < 100);
    rt_idempotency_finish(&window);
}

TEST("without a limit of time a key is remembered for ever")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    struct rt_idempotency_limits endless = limits;
    endless.keep_ms = UINT64_MAX;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &endless);
    remember(&window, request_of("news", "k", "body"), 42, NOW_MS);
    rt_idempotency_expire(&window, UINT64_MAX);
    EXPECT_INT(find(&window, request_of("news", "k", "body")), 42);
    rt_idempotency_finish(&window);
}

TEST("what is more than its part alone is not remembered")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, (size_t)64 * RT_IDEMPOTENCY_PART);
    rt_idempotency_init(&window, &heap, &limits);
    struct rt_idempotency_request request = request_of("news", "k", "body");
    EXPECT(rt_idempotency_remember(&window, &request, 1, NOW_MS) == NULL);
    EXPECT_INT(heap.used, 0);
    EXPECT_INT(window.bytes, 0);
    rt_idempotency_finish(&window);
}

TEST("what is kept in reserve is not for keys")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, 1 << 20);
    heap.reserve = heap.limit;
    rt_idempotency_init(&window, &heap, &limits);
    struct rt_idempotency_request request = request_of("news", "k", "body");
    EXPECT(rt_idempotency_remember(&window, &request, 1, NOW_MS) == NULL);
    rt_idempotency_finish(&window);
}

TEST("the keys of a topic go with it, and no others")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    remember(&window, request_of("a", "k", "body"), 3, NOW_MS);
    remember(&window, request_of("a.b", "k", "body"), 4, NOW_MS);
    remember(&window, request_of("a", "a/k", "body"), 5, NOW_MS);
    remember(&window, request_of("b", "a/k", "body"), 6, NOW_MS);
    rt_idempotency_forget_topic(&window, RT_BYTES("a"));
    EXPECT_INT(window.count, 2);
    EXPECT_INT(find(&window, request_of("a.b", "k", "body")), 4);
    EXPECT_INT(find(&window, request_of("b", "a/k", "body")), 6);
    rt_idempotency_forget_topic(&window, RT_BYTES("a"));
    EXPECT_INT(window.count, 2);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

static bool is_from(const void *context, const struct rt_receipt *receipt)
{
    return receipt->cursor.offset == *(const uint64_t *)context;
}

TEST("requests of which an event is lost are forgotten, and no others")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    uint64_t lost = 4;
    struct rt_idempotency_request several = request_of("", "k", "body");
    struct rt_receipt receipts[] = {{.cursor = {7, 3}}, {.cursor = {7, lost}}};
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    remember(&window, request_of("a", "k", "body"), 3, NOW_MS);
    remember(&window, request_of("b", "k", "body"), lost, NOW_MS);
    rt_idempotency_settle(rt_idempotency_remember(&window, &several, 2, NOW_MS),
                          receipts);
    rt_idempotency_forget_lost(&window, is_from, &lost);
    EXPECT_INT(window.count, 1);
    EXPECT_INT(find(&window, request_of("a", "k", "body")), 3);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

TEST("a request that finds no memory leaves the window as it was")
{
    struct test_heap heap;
    struct rt_idempotency window;
    test_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap.heap, &limits);
    remember(&window, request_of("news", "a", "body"), 42, NOW_MS);
    struct rt_idempotency_request request = request_of("news", "b", "body");
    for (uint64_t k = 1; k <= 2; k++) { /* the entry, and its tree's node */
        test_heap_fail_at(&heap, k);
        EXPECT(rt_idempotency_remember(&window, &request, 1, NOW_MS) == NULL);
        EXPECT_INT(heap.heap.used, window.bytes);
        EXPECT_INT(window.count, 1);
        EXPECT_INT(find(&window, request), 0);
        EXPECT_INT(find(&window, request_of("news", "a", "body")), 42);
    }
    test_heap_fail_at(&heap, 3);
    remember(&window, request, 43, NOW_MS);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.heap.used, 0);
}

/* --- before the start --- */

/* A request that was done before the start, at that time. */
static void
restore(struct rt_idempotency *window, unsigned number, uint64_t since_ms)
{
    struct rt_idempotency_request request = numbered(number);
    struct rt_receipt receipt = {
        .cursor = {7, 10 + since_ms}, .wall_ms = 5, .count = 3};
    receipt.first = receipt.cursor.offset - 2;
    EXPECT_INT(rt_idempotency_restore(window, &request, &receipt, 1, since_ms),
               0);
}

TEST("requests from before the start are forgotten by age as well")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    for (unsigned i = 1; i <= 5; i++) {
        restore(&window, i, i * 10);
    }
    for (uint64_t now = 0; now < 60; now++) {
        rt_idempotency_expire(&window, KEEP_MS + now);
        for (unsigned i = 1; i <= 5; i++) {
            bool is_kept = i * 10 > now;
            EXPECT_INT(find(&window, numbered(i)),
                       is_kept ? (int64_t)(10 + i * 10) : 0);
        }
    }
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

TEST("of two requests with one key the one that came later is restored")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    restore(&window, 1, 20);
    restore(&window, 1, 40);
    EXPECT_INT(find(&window, numbered(1)), 50);
    restore(&window, 1, 10); /* and the clock was wrong */
    EXPECT_INT(find(&window, numbered(1)), 20);
    EXPECT_INT(window.count, 1);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}

TEST("as many are restored as may be: the last ones")
{
    struct rt_heap heap;
    struct rt_idempotency window;
    rt_heap_init(&heap, SIZE_MAX);
    rt_idempotency_init(&window, &heap, &limits);
    for (unsigned i = 1; i <= COUNT_MAX + 100; i++) {
        restore(&window, i, i);
    }
    EXPECT_INT(window.count, COUNT_MAX);
    EXPECT_INT(find(&window, numbered(100)), 0);
    EXPECT_INT(find(&window, numbered(101)), 111);
    remember(&window, numbered(5000), 5, NOW_MS + COUNT_MAX);
    EXPECT_INT(find(&window, numbered(101)), 0);
    EXPECT_INT(find(&window, numbered(5000)), 5);
    rt_idempotency_finish(&window);
    EXPECT_INT(heap.used, 0);
}
