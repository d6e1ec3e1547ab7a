#include "storage/log/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "storage/checksum.h"
#include "tests/support/test.h"

#define AGE_MS 1000

static struct test_heap heap;
static struct rt_log_keys ours;

static void begin(uint64_t bytes)
{
    struct rt_log_key_limits limits = {AGE_MS, bytes};
    test_heap_init(&heap, SIZE_MAX);
    rt_log_keys_init(&ours, &heap.heap, &limits);
}

static void end(void)
{
    rt_log_keys_finish(&ours);
    EXPECT_INT(heap.heap.used, 0);
}

/* A key that is so long, at that time. */
static void add(size_t len, uint64_t wall_ms)
{
    char bytes[RT_LOG_KEY_MAX];
    memset(bytes, 'k', len);
    (void)snprintf(bytes, sizeof(bytes), "%u.", (unsigned)wall_ms);
    struct rt_log_key key = {wall_ms, {bytes, len}};
    EXPECT_INT(rt_log_keys_reserve(&ours, len), 0);
    rt_log_keys_add(&ours, &key);
}

struct told {
    uint32_t count;
    char first[16]; /* its beginning */
};

static int hear(void *context, struct rt_bytes state)
{
    struct told *told = context;
    if (told->count++ == 0) {
        (void)snprintf(told->first, sizeof(told->first), "%.*s", 8, state.data);
        *strchr(told->first, '.') = '\0';
    }
    return 0;
}

static struct told tell(uint64_t wall_ms)
{
    struct told told = {.count = 0};
    EXPECT_INT(rt_log_keys_tell(&ours, wall_ms, hear, &told), 0);
    return told;
}

TEST("keys are told as they came, whatever their length")
{
    begin(UINT64_MAX);
    for (uint32_t i = 1; i <= 200; i++) {
        add(10 + i * 7, i);
    }
    add(RT_LOG_KEY_MAX, 201);
    struct told told = tell(0);
    EXPECT_INT(told.count, 201);
    EXPECT_TEXT(rt_bytes_of(told.first), "1");
    end();
}

TEST("a block is the body of a part with its sum")
{
    struct rt_log_key key;
    begin(UINT64_MAX);
    add(13, 5);
    add(16, 6);
    const struct rt_log_keys_block *block =
        RT_LIST_FIRST(&ours.blocks, struct rt_log_keys_block, link);
    struct rt_bytes left = {block->bytes, block->len};
    EXPECT_INT(block->len, 64);
    EXPECT_INT(block->crc, rt_checksum(0, block->bytes, 64));
    EXPECT_INT(ours.bytes, 64);
    EXPECT_INT(rt_log_keys_take(&left, &key), 1);
    EXPECT_INT(key.wall_ms, 5);
    EXPECT_BYTES(key.state, RT_BYTES("5.\0kkkkkkkkkk"));
    EXPECT_INT(rt_log_keys_take(&left, &key), 1);
    EXPECT_INT(key.wall_ms, 6);
    EXPECT_INT(rt_log_keys_take(&left, &key), 0);
    end();
}

TEST("the last key of a body may lack its padding, and no more")
{
    struct rt_log_key key;
    begin(UINT64_MAX);
    add(13, 5);
    const struct rt_log_keys_block *block =
        RT_LIST_FIRST(&ours.blocks, struct rt_log_keys_block, link);
    for (size_t len = 1; len <= 32; len++) {
        struct rt_bytes left = {block->bytes, len};
        int expected = len >= 29 ? 1 : RT_EDAMAGED;
        EXPECT_INT(rt_log_keys_take(&left, &key), expected);
        EXPECT_INT(left.len, expected == 1 ? 0 : len);
    }
    end();
}

TEST("a key that says that it is longer than a key is not one")
{
    char bytes[2 * RT_LOG_KEY_MAX] = {0};
    struct rt_log_key key;
    struct rt_bytes left = {bytes, sizeof(bytes)};
    bytes[9] = (char)(RT_LOG_KEY_MAX >> 8);
    EXPECT_INT(rt_log_keys_take(&left, &key), 1);
    bytes[8] = 1;
    left = (struct rt_bytes){bytes, sizeof(bytes)};
    EXPECT_INT(rt_log_keys_take(&left, &key), RT_EDAMAGED);
}

TEST("there is room for all keys that room was made for, or for none of them")
{
    static const char bytes[RT_LOG_KEY_MAX];
    begin(UINT64_MAX);
    add(100, 1);
    for (uint64_t i = 0; i < 20; i++) {
        EXPECT_INT(rt_log_keys_reserve(&ours, i * 200), 0);
    }
    rt_log_keys_release(&ours);
    size_t used = heap.heap.used;
    for (uint64_t i = 0; i < 20; i++) {
        EXPECT_INT(rt_log_keys_reserve(&ours, i * 200), 0);
    }
    test_heap_fail_at(&heap, 1);
    for (uint64_t i = 0; i < 20; i++) {
        struct rt_log_key key = {2, {bytes, i * 200}};
        rt_log_keys_add(&ours, &key);
    }
    EXPECT(heap.heap.used > used);
    EXPECT_INT(tell(0).count, 21);
    EXPECT(rt_list_is_empty(&ours.spares));
    end();
}

TEST("without memory there is no room, and what there is stays")
{
    begin(UINT64_MAX);
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_log_keys_reserve(&ours, 100), RT_ENOMEM);
    for (uint64_t i = 0; i < 5; i++) {
        add(3000, i);
    }
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_log_keys_reserve(&ours, 3000), RT_ENOMEM);
    EXPECT_INT(tell(0).count, 5);
    end();
}

TEST("keys go when they are of no use any more, block by block")
{
    begin(UINT64_MAX);
    for (uint64_t i = 1; i <= 100; i++) {
        add(1008, i); /* 16 in a block */
    }
    rt_log_keys_expire(&ours, AGE_MS + 16);
    EXPECT_INT(tell(0).count, 100);
    rt_log_keys_expire(&ours, AGE_MS + 17);
    EXPECT_INT(tell(0).count, 84);
    rt_log_keys_expire(&ours, AGE_MS + 101);
    EXPECT_INT(ours.bytes, 0);
    add(1008, 102);
    EXPECT_INT(tell(0).count, 1);
    rt_log_keys_clear(&ours);
    add(1008, 103);
    EXPECT_INT(tell(0).count, 1);
    end();
}

TEST("no key is told that is of no use, and all behind the first that is")
{
    begin(UINT64_MAX);
    for (uint64_t i = 1; i <= 10; i++) {
        add(100, i * 10);
    }
    add(100, 1); /* and the clock was set back */
    struct told told = tell(AGE_MS + 35);
    EXPECT_INT(told.count, 8);
    EXPECT_TEXT(rt_bytes_of(told.first), "40");
    EXPECT_INT(tell(AGE_MS + 101).count, 0);
    end();
}

TEST("of too many the last ones are kept, and the last block in any case")
{
    begin(40 * 1024);
    for (uint64_t i = 1; i <= 100; i++) {
        add(1008, i);
    }
    EXPECT(ours.bytes <= 40 * 1024);
    EXPECT(ours.bytes > 40 * 1024 - RT_LOG_KEYS_BLOCK);
    struct told told = tell(0);
    EXPECT_INT(told.count, ours.bytes / 1024);
    end();
    begin(1);
    add(1008, 1);
    add(1008, 2);
    EXPECT_INT(tell(0).count, 2);
    end();
}

static int refuse(void *context, struct rt_bytes state)
{
    (void)state;
    return ++*(int *)context == 3 ? -7 : 0;
}

TEST("who is told may end it")
{
    int count = 0;
    begin(UINT64_MAX);
    for (uint64_t i = 1; i <= 40; i++) {
        add(1008, i);
    }
    EXPECT_INT(rt_log_keys_tell(&ours, 0, refuse, &count), -7);
    EXPECT_INT(count, 3);
    end();
}

TEST("there is nothing to finish where nothing was begun")
{
    struct rt_log_keys none = {.heap = NULL};
    rt_log_keys_finish(&none);
    rt_log_keys_finish(NULL);
}
