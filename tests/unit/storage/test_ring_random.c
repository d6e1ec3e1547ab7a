/*
 * Rings in random states against a plain model: the byte at each position is a
 * function of the position, and the model remembers where each event began.
 */
#include <string.h>

#include "storage/ring.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

#define SEEDS     60
#define STEPS     1000
#define EVENT_MAX 20000
#define HELD_MAX  8

struct world {
    struct test_random random;
    struct test_heap heap;
    struct rt_store store;
    struct rt_retention retention;
    struct rt_ring ring;
    struct rt_segment *held[HELD_MAX];
    uint64_t starts[STEPS + 2]; /* by offset; the next event's is the head */
    uint64_t stamps[STEPS + 2];
    uint64_t next_offset;
    uint64_t now_ms;
};

static uint32_t below(struct world *world, uint32_t bound)
{
    return test_random_below(&world->random, bound);
}

static char byte_at(uint64_t position)
{
    return (char)(position * 7 + position / 256 + position / 65536);
}

static void world_init(struct world *world, uint64_t seed)
{
    static const uint64_t bytes[] = {1, 1000, 5001, 20000, 65536, 1048576};
    static const uint64_t events[] = {1, 2, 7, 8, 17, 100, UINT64_MAX};
    static const uint64_t ages[] = {1, 10, 1000, UINT64_MAX};
    *world = (struct world){.random = test_random_seed(seed), .next_offset = 1};
    test_heap_init(&world->heap, SIZE_MAX);
    world->store = (struct rt_store){.heap = &world->heap.heap};
    world->retention.bytes = bytes[below(world, RT_ARRAY_LENGTH(bytes))];
    world->retention.events = events[below(world, RT_ARRAY_LENGTH(events))];
    world->retention.age_ms = ages[below(world, RT_ARRAY_LENGTH(ages))];
    rt_ring_init(&world->ring, &world->store, &world->retention);
}

static void release(struct world *world, uint32_t number)
{
    rt_segment_unref(&world->store, world->held[number]);
    world->held[number] = NULL;
}

static void world_finish(struct world *world)
{
    rt_ring_finish(&world->ring);
    for (uint32_t i = 0; i < HELD_MAX; i++) {
        release(world, i);
    }
    EXPECT_INT(world->heap.heap.used, 0);
    EXPECT_INT(world->store.retired_bytes, 0);
}

static void expect_bytes_from(uint64_t position, struct rt_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        EXPECT_INT(bytes.data[i], byte_at(position + i));
    }
}

static size_t random_len(struct world *world)
{
    uint32_t kind = below(world, 20);
    return 2 + below(world, kind == 0 ? EVENT_MAX : kind < 5 ? 2000 : 200);
}

/* Where an append is most likely to make a difference. */
#define PROBES 8

struct probe {
    uint64_t offset;
    bool is_endangered;
};

static void probe(struct world *world, size_t len, struct probe *probes)
{
    const struct rt_ring *ring = &world->ring;
    uint64_t earliest = rt_ring_earliest(ring);
    for (int i = 0; i < PROBES; i++) {
        uint64_t offset = earliest;
        if (ring->segment_count > 0) {
            uint32_t number = below(world, ring->segment_count);
            offset = ring->segments[number]->first_offset;
        }
        offset += below(world, 2) == 0 ? below(world, 8) : 0;
        offset -= offset > earliest ? below(world, 2) : 0;
        probes[i].offset = offset;
        probes[i].is_endangered =
            rt_ring_endangers(ring, offset, world->now_ms, len);
    }
}

static void expect_probes(const struct world *world,
                          uint64_t next_before,
                          const struct probe *probes)
{
    for (int i = 0; i < PROBES; i++) {
        bool is_dropped = probes[i].offset < next_before &&
                          probes[i].offset < rt_ring_earliest(&world->ring);
        EXPECT_INT(probes[i].is_endangered, is_dropped);
    }
}

static void expect_within_limits(const struct world *world)
{
    const struct rt_ring *ring = &world->ring;
    EXPECT(ring->segment_count > 0);
    if (ring->segment_count > 1) {
        EXPECT(ring->bytes <= world->retention.bytes);
        EXPECT(ring->next_offset - rt_ring_earliest(ring) <=
               world->retention.events);
    }
}

/* What can be known of a segment after it is gone. */
struct trace {
    uint64_t first_offset;
    size_t size;
};

static void trace(const struct rt_ring *ring, struct trace *traces)
{
    EXPECT(ring->segment_count <= STEPS);
    for (uint32_t i = 0; i < ring->segment_count; i++) {
        const struct rt_segment *segment = ring->segments[i];
        traces[i] = (struct trace){segment->first_offset,
                                   rt_segment_size(segment->capacity)};
    }
}

/* The newest of the segments that were dropped had no room any more. */
static void expect_not_eager(const struct world *world,
                             uint32_t count_before,
                             const struct trace *traces)
{
    const struct rt_ring *ring = &world->ring;
    uint64_t earliest = rt_ring_earliest(ring);
    const struct trace *dropped = NULL;
    for (uint32_t i = 0; i < count_before; i++) {
        dropped = traces[i].first_offset < earliest ? &traces[i] : dropped;
    }
    if (dropped != NULL) {
        EXPECT(ring->bytes + dropped->size > world->retention.bytes ||
               ring->next_offset - dropped->first_offset >
                   world->retention.events);
    }
}

static int append_bytes(struct world *world, size_t len, uint64_t wall_ms)
{
    static char bytes[EVENT_MAX + 2];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = byte_at(world->ring.head + i);
    }
    size_t header_len = 1 + below(world, 2);
    struct rt_record record = {
        .header = {bytes, header_len},
        .payload = {bytes + header_len, len - header_len},
        .wall_ms = wall_ms};
    return rt_ring_append(&world->ring, world->now_ms, &record);
}

static void remember(struct world *world, size_t len, uint64_t wall_ms)
{
    uint64_t offset = world->next_offset++;
    uint64_t before_ms = world->stamps[offset - 1];
    world->stamps[offset] = wall_ms > before_ms ? wall_ms : before_ms;
    world->starts[offset + 1] = world->starts[offset] + len;
}

static void step_append(struct world *world)
{
    struct trace traces[STEPS];
    struct probe probes[PROBES];
    struct rt_ring before = world->ring;
    size_t len = random_len(world);
    uint64_t wall_ms = 1000 + world->now_ms + below(world, 100);
    trace(&world->ring, traces);
    probe(world, len, probes);
    test_heap_fail_at(&world->heap, below(world, 8) == 0 ? 1 : 0);
    int err = append_bytes(world, len, wall_ms);
    test_heap_fail_at(&world->heap, 0);
    if (err < 0) {
        EXPECT_INT(world->ring.segment_count, before.segment_count);
        EXPECT_INT(world->ring.bytes, before.bytes);
        EXPECT_INT(world->ring.wall_ms, before.wall_ms);
        return;
    }
    remember(world, len, wall_ms);
    expect_probes(world, before.next_offset, probes);
    expect_within_limits(world);
    expect_not_eager(world, before.segment_count, traces);
}

static void step_expire(struct world *world)
{
    struct rt_ring *ring = &world->ring;
    uint64_t next = ring->next_offset;
    uint64_t keep = next - below(world, 200) % next;
    uint64_t earliest = rt_ring_earliest(ring);
    rt_ring_expire(ring, world->now_ms, keep);
    EXPECT(rt_ring_earliest(ring) == earliest ||
           rt_ring_earliest(ring) <= keep);
    if (world->retention.age_ms == UINT64_MAX) {
        EXPECT_INT(rt_ring_earliest(ring), earliest);
    }
}

/* Holds a segment as a write does, or ends a write after a look at it. */
static void step_hold(struct world *world)
{
    uint32_t number = below(world, HELD_MAX);
    struct rt_segment *held = world->held[number];
    if (held != NULL) {
        expect_bytes_from(
            held->position,
            (struct rt_bytes){(const char *)held->bytes, held->used});
        release(world, number);
    } else if (world->ring.segment_count > 0) {
        held = world->ring.segments[below(world, world->ring.segment_count)];
        rt_segment_ref(held);
        world->held[number] = held;
    }
}

static void expect_same_places(struct world *world)
{
    const struct rt_ring *ring = &world->ring;
    uint64_t earliest = rt_ring_earliest(ring);
    EXPECT_INT(ring->next_offset, world->next_offset);
    EXPECT_INT(ring->head, world->starts[world->next_offset]);
    EXPECT_INT(rt_ring_low(ring), world->starts[earliest]);
    uint32_t count = (uint32_t)(ring->next_offset - earliest);
    uint64_t offset = earliest + below(world, count + 1);
    EXPECT_INT(rt_ring_position(ring, offset), world->starts[offset]);
    EXPECT_INT(rt_ring_offset(ring, world->starts[offset]), offset);
}

static void expect_same_times(struct world *world)
{
    const struct rt_ring *ring = &world->ring;
    uint64_t wall_ms = 1000 + below(world, (uint32_t)world->now_ms + 200);
    uint64_t expected = rt_ring_earliest(ring);
    while (expected < ring->next_offset && world->stamps[expected] < wall_ms) {
        expected++;
    }
    EXPECT_INT(rt_ring_offset_since(ring, wall_ms), expected);
}

static void expect_same_bytes(struct world *world)
{
    const struct rt_ring *ring = &world->ring;
    struct rt_bytes ranges[4];
    uint64_t low = rt_ring_low(ring);
    uint64_t position = low + below(world, (uint32_t)(ring->head - low) + 1);
    size_t bytes_max = 1 + below(world, 50000);
    unsigned range_max = 1 + below(world, 4);
    unsigned count = rt_ring_read(ring, position, bytes_max, ranges, range_max);
    size_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        EXPECT(total < bytes_max && ranges[i].len > 0);
        expect_bytes_from(position + total, ranges[i]);
        total += ranges[i].len;
    }
    EXPECT(count <= range_max);
    EXPECT(count == range_max || total >= bytes_max ||
           position + total == ring->head);
    uint64_t end = rt_ring_offset(ring, position + total);
    EXPECT_INT(world->starts[end], position + total);
}

static void step(struct world *world)
{
    uint32_t choice = below(world, 20);
    if (choice < 14) {
        step_append(world);
    } else if (choice < 15) {
        step_expire(world);
    } else if (choice < 17) {
        world->now_ms += below(world, 40);
    } else {
        step_hold(world);
    }
}

TEST("a ring in any state agrees with a plain model")
{
    static struct world world;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_init(&world, seed);
        for (int i = 0; i < STEPS; i++) {
            step(&world);
            rt_ring_validate(&world.ring);
            expect_same_places(&world);
            expect_same_times(&world);
            if (i % 8 == 0) {
                expect_same_bytes(&world);
            }
        }
        world_finish(&world);
    }
}
