#include "broker/core/blocks.h"

#include "tests/support/test.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define PAYLOAD   RT_BYTES("0123456789")

/* Blocks on a heap of their own. */
struct bench {
    struct test_heap heap;
    struct rt_store store;
    struct rt_block_room room;
    struct rt_blocks blocks;
};

static void bench_init(struct bench *bench)
{
    test_heap_init(&bench->heap, SIZE_MAX);
    bench->store = (struct rt_store){.heap = &bench->heap.heap};
    rt_block_room_init(&bench->room, &bench->store);
    rt_blocks_init(&bench->blocks, &bench->room, RT_FORMAT_JSON);
}

static void bench_finish(struct bench *bench)
{
    rt_blocks_validate(&bench->blocks);
    rt_blocks_finish(&bench->blocks);
    EXPECT_INT(bench->heap.heap.used, 0);
    EXPECT_INT(bench->store.retired_bytes, 0);
}

static struct rt_item item(uint64_t number)
{
    return (struct rt_item){.topic = RT_BYTES("a"),
                            .cursor = {1, number},
                            .content = RT_CONTENT_TEXT,
                            .payload = PAYLOAD};
}

static bool add(struct bench *bench, struct rt_block *block, uint64_t number)
{
    struct rt_item added = item(number);
    return rt_block_add(block, bench->blocks.format, number, &added);
}

/* A block that begins with a number and has every `step`-th one from it. */
static void fill(struct bench *bench, uint64_t first, int count, uint64_t step)
{
    struct rt_block *block =
        rt_blocks_open(&bench->blocks, first, 4 * KIB, false, UNLIMITED);
    EXPECT(block != NULL);
    for (int i = 0; i < count; i++) {
        EXPECT(add(bench, block, first + (uint64_t)i * step));
    }
    rt_blocks_validate(&bench->blocks);
}

static struct rt_block *
seek(const struct bench *bench, uint64_t number, uint64_t *end)
{
    *end = UNLIMITED;
    return rt_blocks_seek(&bench->blocks, number, end);
}

TEST("a block is found by what it has, and where it ends")
{
    struct bench bench;
    uint64_t end;
    bench_init(&bench);
    EXPECT(seek(&bench, 1, &end) == NULL);
    EXPECT_INT(end, UNLIMITED);
    fill(&bench, 30, 3, 1);
    fill(&bench, 10, 5, 2); /* 10 .. 18 */
    EXPECT(seek(&bench, 9, &end) == NULL);
    EXPECT_INT(end, 10);
    for (uint64_t number = 10; number <= 19; number++) {
        EXPECT_INT(seek(&bench, number, &end)->first, 10);
        EXPECT_INT(end, 30);
    }
    EXPECT(seek(&bench, 20, &end) == NULL);
    EXPECT_INT(end, 30);
    EXPECT_INT(seek(&bench, 33, &end)->first, 30);
    EXPECT_INT(end, UNLIMITED);
    EXPECT(seek(&bench, 34, &end) == NULL);
    end = 12; /* there is no more to be had */
    EXPECT_INT(rt_blocks_seek(&bench.blocks, 10, &end)->first, 10);
    EXPECT_INT(end, 12);
    bench_finish(&bench);
}

TEST("an event is found by its number, or the next one is")
{
    struct bench bench;
    uint64_t end;
    bench_init(&bench);
    fill(&bench, 10, 5, 3); /* 10, 13 .. 22 */
    const struct rt_block *block = seek(&bench, 10, &end);
    for (uint64_t number = 10; number <= 23; number++) {
        EXPECT_INT(rt_block_index(block, number), (number - 10 + 2) / 3);
    }
    bench_finish(&bench);
}

TEST("an event that has no room is not added")
{
    struct bench bench;
    struct rt_item first = item(1);
    bench_init(&bench);
    size_t need = rt_block_need(RT_FORMAT_JSON, &first);
    struct rt_block *block =
        rt_blocks_open(&bench.blocks, 1, need, false, UNLIMITED);
    EXPECT(block != NULL && add(&bench, block, 1));
    EXPECT(!add(&bench, block, 2));
    EXPECT_INT(block->end, 2);
    EXPECT_INT(block->segment->event_count, 1);
    bench_finish(&bench);
}

TEST("blocks that may grow double up to the largest")
{
    struct bench bench;
    size_t size = RT_BLOCK_SIZE_FIRST;
    bench_init(&bench);
    for (uint64_t number = 1; number < 10; number++) {
        struct rt_block *block =
            rt_blocks_open(&bench.blocks, number, 100, true, UNLIMITED);
        EXPECT(block != NULL && add(&bench, block, number));
        EXPECT_INT(block->segment->capacity, size);
        size = size * 2 < RT_BLOCK_SIZE_MAX ? size * 2 : RT_BLOCK_SIZE_MAX;
    }
    bench_finish(&bench);
}

TEST("a block that grows is a part of what all may take")
{
    struct bench bench;
    uint64_t bytes_max = RT_BLOCKS_MIN * 8 * KIB;
    bench_init(&bench);
    for (uint64_t number = 1; number < 10; number++) {
        struct rt_block *block =
            rt_blocks_open(&bench.blocks, number, 100, true, bytes_max);
        EXPECT(block != NULL && add(&bench, block, number));
        EXPECT_INT(block->segment->capacity, number == 1 ? 4 * KIB : 8 * KIB);
        EXPECT(bench.blocks.bytes <= bytes_max);
    }
    bench_finish(&bench);
}

TEST("a block is made of the one that goes, unless that is being written")
{
    struct bench bench;
    uint64_t end;
    bench_init(&bench);
    fill(&bench, 1, 2, 1);
    struct rt_segment *segment = seek(&bench, 1, &end)->segment;
    struct rt_block *block =
        rt_blocks_open(&bench.blocks, 10, 4 * KIB, false, bench.blocks.bytes);
    EXPECT(block != NULL && block->segment == segment);
    EXPECT(add(&bench, block, 10));
    rt_segment_ref(segment);
    block =
        rt_blocks_open(&bench.blocks, 20, 4 * KIB, false, bench.blocks.bytes);
    EXPECT(block != NULL && block->segment != segment);
    EXPECT(add(&bench, block, 20));
    EXPECT_INT(bench.blocks.count, 1);
    rt_segment_unref(&bench.store, segment);
    bench_finish(&bench);
}

/* Of four blocks, the one that begins with this number makes room. */
static void expect_goes(uint64_t oldest)
{
    struct bench bench;
    uint64_t end;
    bench_init(&bench);
    for (uint64_t first = 10; first <= 40; first += 10) {
        fill(&bench, first, 2, 1);
        seek(&bench, first, &end)->segment->touched_ms =
            first == oldest ? 1 : 60 - first;
    }
    struct rt_block *block =
        rt_blocks_open(&bench.blocks, 50, 4 * KIB, false, bench.blocks.bytes);
    EXPECT(block != NULL && add(&bench, block, 50));
    for (uint64_t first = 10; first <= 40; first += 10) {
        EXPECT((seek(&bench, first, &end) == NULL) == (first == oldest));
    }
    bench_finish(&bench);
}

TEST("what was not looked at for longest makes room")
{
    for (uint64_t oldest = 10; oldest <= 40; oldest += 10) {
        expect_goes(oldest);
    }
}

TEST("blocks may take all that they may take")
{
    struct bench bench;
    bench_init(&bench);
    fill(&bench, 10, 2, 1);
    uint64_t bytes_max = bench.blocks.bytes * 2;
    struct rt_block *block =
        rt_blocks_open(&bench.blocks, 20, 4 * KIB, false, bytes_max);
    EXPECT(block != NULL && add(&bench, block, 20));
    EXPECT_INT(bench.blocks.count, 2);
    EXPECT_INT(bench.blocks.bytes, bytes_max);
    block = rt_blocks_open(&bench.blocks, 30, 4 * KIB, false, bytes_max);
    EXPECT(block != NULL && add(&bench, block, 30));
    EXPECT_INT(bench.blocks.count, 2);
    bench_finish(&bench);
}

TEST("blocks go for their age and for their place")
{
    struct bench bench;
    uint64_t end;
    bench_init(&bench);
    for (uint64_t first = 10; first <= 30; first += 10) {
        fill(&bench, first, 2, 1);
    }
    rt_blocks_drop_before(&bench.blocks, 10);
    EXPECT_INT(bench.blocks.count, 3);
    rt_blocks_drop_before(&bench.blocks, 11);
    EXPECT_INT(bench.blocks.count, 2);
    seek(&bench, 30, &end)->segment->touched_ms = 1;
    rt_blocks_drop_idle(&bench.blocks, RT_BLOCK_IDLE_MS);
    EXPECT_INT(bench.blocks.count, 2);
    rt_blocks_drop_idle(&bench.blocks, RT_BLOCK_IDLE_MS + 1);
    EXPECT_INT(bench.blocks.count, 1);
    EXPECT(seek(&bench, 30, &end) != NULL);
    bench_finish(&bench);
}

TEST("a block for which there is no memory changes nothing")
{
    struct bench bench;
    for (uint64_t k = 1; k <= 2; k++) {
        bench_init(&bench);
        test_heap_fail_at(&bench.heap, k);
        EXPECT(rt_blocks_open(&bench.blocks, 1, 100, true, UNLIMITED) == NULL);
        EXPECT_INT(bench.blocks.count, 0);
        fill(&bench, 1, 3, 1);
        bench_finish(&bench);
    }
}

/* --- the room that all have --- */

#define ROOM (8 * KIB) /* for one block of 4 KiB with what belongs to it */

static void open_one(struct rt_blocks *blocks, uint64_t first, uint64_t now_ms)
{
    struct rt_item added = item(first);
    struct rt_block *block =
        rt_blocks_open(blocks, first, 4 * KIB, false, UNLIMITED);
    EXPECT(block != NULL);
    EXPECT(rt_block_add(block, RT_FORMAT_JSON, first, &added));
    rt_blocks_touch(blocks, block, now_ms);
    rt_blocks_validate(blocks);
}

TEST("all blocks of a node have one room, and the last looked at stay in it")
{
    struct bench bench;
    struct rt_blocks other;
    uint64_t end;
    bench_init(&bench);
    bench.heap.heap.limit = 3 * ROOM * RT_BLOCK_ROOM_PART / 2;
    rt_blocks_init(&other, &bench.room, RT_FORMAT_JSON);
    open_one(&bench.blocks, 10, 1);
    open_one(&other, 10, 2);
    EXPECT_INT(bench.room.bytes, bench.blocks.bytes + other.bytes);
    rt_blocks_touch(&bench.blocks, seek(&bench, 10, &end), 3);
    open_one(&bench.blocks, 20, 4);
    EXPECT_INT(other.count, 0);
    EXPECT_INT(bench.blocks.count, 2);
    open_one(&other, 10, 5);
    EXPECT(seek(&bench, 10, &end) == NULL);
    EXPECT(seek(&bench, 20, &end) != NULL);
    rt_blocks_finish(&other);
    EXPECT_INT(bench.room.bytes, bench.blocks.bytes);
    bench_finish(&bench);
}

TEST("a block that is larger than the room has it alone")
{
    struct bench bench;
    struct rt_blocks other;
    bench_init(&bench);
    bench.heap.heap.limit = ROOM * RT_BLOCK_ROOM_PART;
    rt_blocks_init(&other, &bench.room, RT_FORMAT_JSON);
    open_one(&other, 10, 1);
    struct rt_block *block =
        rt_blocks_open(&bench.blocks, 10, 2 * ROOM, false, UNLIMITED);
    EXPECT(block != NULL && add(&bench, block, 10));
    EXPECT_INT(other.count, 0);
    EXPECT(bench.room.bytes > 2 * ROOM);
    open_one(&other, 10, 2);
    EXPECT_INT(bench.blocks.count, 0);
    rt_blocks_finish(&other);
    bench_finish(&bench);
}
