#include "storage/segment.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

#define ENTRY sizeof(struct rt_entry)

struct shelf {
    struct test_heap heap;
    struct rt_store store;
};

static void shelf_init(struct shelf *shelf)
{
    test_heap_init(&shelf->heap, SIZE_MAX);
    shelf->store = (struct rt_store){.heap = &shelf->heap.heap};
}

static struct rt_segment *create(struct shelf *shelf, size_t capacity)
{
    struct rt_segment *segment = rt_segment_create(&shelf->store, capacity);
    EXPECT(segment != NULL);
    return segment;
}

/* Appends an event of `len` bytes, of which two are the header. */
static void append(struct rt_segment *segment, size_t len)
{
    static const char payload[4096] = {0};
    rt_segment_append(segment, RT_BYTES("hh"),
                      (struct rt_bytes){payload, len - 2},
                      (struct rt_entry){0});
}

static struct rt_bytes bytes_of(const struct rt_segment *segment)
{
    return (struct rt_bytes){(const char *)segment->bytes, segment->used};
}

TEST("a new segment is empty, has one reference and charges all it takes")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 96);
    EXPECT_INT(segment->capacity, 96);
    EXPECT_INT(segment->used, 0);
    EXPECT_INT(segment->event_count, 0);
    EXPECT_INT(segment->references, 1);
    EXPECT_INT(shelf.heap.heap.used, rt_segment_size(96));
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.heap.heap.used, 0);
}

TEST("without memory there is no segment")
{
    struct shelf shelf;
    shelf_init(&shelf);
    test_heap_fail_at(&shelf.heap, 1);
    EXPECT(rt_segment_create(&shelf.store, 96) == NULL);
    EXPECT_INT(shelf.heap.heap.used, 0);
}

TEST("an event is copied behind the one before, header and payload together")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 200);
    struct rt_entry entry = {0};
    rt_segment_append(segment, RT_BYTES("a:"), RT_BYTES("first"), entry);
    rt_segment_append(segment, RT_BYTES("b:"), (struct rt_bytes){0}, entry);
    rt_segment_append(segment, RT_BYTES("c:"), RT_BYTES("third"), entry);
    EXPECT_TEXT(bytes_of(segment), "a:firstb:c:third");
    EXPECT_INT(segment->event_count, 3);
    rt_segment_unref(&shelf.store, segment);
}

TEST("an entry keeps what is known of its event and where it begins")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 200);
    for (uint32_t i = 0; i < 5; i++) {
        struct rt_entry entry = {.wall_ms = 1000 + i,
                                 .sequence = UINT64_MAX - i,
                                 .start = 77,
                                 .content = (uint8_t)(250 + i)};
        rt_segment_append(segment, RT_BYTES("h"), RT_BYTES("pp"), entry);
    }
    for (uint32_t i = 0; i < 5; i++) {
        const struct rt_entry *entry = rt_segment_entry(segment, i);
        EXPECT_INT(entry->wall_ms, 1000 + i);
        EXPECT(entry->sequence == UINT64_MAX - i);
        EXPECT_INT(entry->content, 250 + i);
        EXPECT_INT(entry->start, 3 * i);
        EXPECT_INT(rt_segment_start(segment, i), 3 * i);
    }
    EXPECT_INT(rt_segment_start(segment, 5), segment->used);
    rt_segment_unref(&shelf.store, segment);
}

TEST("entries are aligned, whatever the capacity")
{
    struct shelf shelf;
    shelf_init(&shelf);
    for (size_t capacity = 40; capacity < 120; capacity += 8) {
        struct rt_segment *segment = create(&shelf, capacity);
        append(segment, 3);
        uintptr_t address = (uintptr_t)rt_segment_entry(segment, 0);
        EXPECT_INT(address % _Alignof(struct rt_entry), 0);
        rt_segment_unref(&shelf.store, segment);
    }
}

TEST("an event that fits to the byte has room and one byte more has not")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 200);
    EXPECT_INT(rt_segment_room(segment), 200 - ENTRY);
    EXPECT(rt_segment_has_room(segment, 200 - ENTRY));
    EXPECT(!rt_segment_has_room(segment, 200 - ENTRY + 1));
    append(segment, 50);
    EXPECT(rt_segment_has_room(segment, 150 - 2 * ENTRY));
    EXPECT(!rt_segment_has_room(segment, 150 - 2 * ENTRY + 1));
    EXPECT(!rt_segment_has_room(segment, SIZE_MAX));
    append(segment, 150 - 2 * ENTRY);
    EXPECT(!rt_segment_has_room(segment, 0));
    rt_segment_unref(&shelf.store, segment);
}

TEST("a block too small for an entry has no room at all")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 16);
    EXPECT_INT(rt_segment_room(segment), 0);
    EXPECT(!rt_segment_has_room(segment, 0));
    rt_segment_unref(&shelf.store, segment);
}

TEST("a segment that is filled to the last byte keeps bytes and index apart")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 10 * (8 + ENTRY));
    for (uint32_t i = 0; i < 10; i++) {
        char payload[7];
        memset(payload, 'a' + (int)i, sizeof(payload));
        rt_segment_append(segment, RT_BYTES("#"),
                          (struct rt_bytes){payload, sizeof(payload)},
                          (struct rt_entry){.wall_ms = i});
    }
    EXPECT(!rt_segment_has_room(segment, 0));
    EXPECT_TEXT(bytes_of(segment), "#aaaaaaa#bbbbbbb#ccccccc#ddddddd#eeeeeee"
                                   "#fffffff#ggggggg#hhhhhhh#iiiiiii#jjjjjjj");
    for (uint32_t i = 0; i < 10; i++) {
        EXPECT_INT(rt_segment_entry(segment, i)->wall_ms, i);
        EXPECT_INT(rt_segment_start(segment, i), 8 * i);
    }
    rt_segment_unref(&shelf.store, segment);
}

TEST("every byte belongs to the event that contains it")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct test_random random = test_random_seed(1);
    for (uint32_t count = 1; count <= 40; count++) {
        struct rt_segment *segment = create(&shelf, 8192);
        for (uint32_t i = 0; i < count; i++) {
            append(segment, 2 + test_random_below(&random, 40));
        }
        uint32_t event = 0;
        for (uint32_t at = 0; at < segment->used; at++) {
            event += at == rt_segment_start(segment, event + 1) ? 1 : 0;
            EXPECT_INT(rt_segment_event_at(segment, at), event);
        }
        EXPECT_INT(event, count - 1);
        rt_segment_unref(&shelf.store, segment);
    }
}

TEST("the last reference frees the block")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 96);
    append(segment, 10);
    rt_segment_ref(segment);
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.heap.heap.used, rt_segment_size(96));
    EXPECT_INT(bytes_of(segment).data[0], 'h');
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.heap.heap.used, 0);
    rt_segment_unref(&shelf.store, NULL);
}

TEST("a retired segment counts as retired until its last reference is gone")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 96);
    rt_segment_ref(segment);
    rt_segment_ref(segment);
    EXPECT_INT(shelf.store.retired_bytes, 0);
    rt_segment_retire(&shelf.store, segment);
    EXPECT_INT(shelf.store.retired_bytes, rt_segment_size(96));
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.store.retired_bytes, rt_segment_size(96));
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.store.retired_bytes, 0);
    EXPECT_INT(shelf.heap.heap.used, 0);
}

TEST("a segment that nobody else holds is freed as it retires")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 96);
    rt_segment_retire(&shelf.store, segment);
    EXPECT_INT(shelf.store.retired_bytes, 0);
    EXPECT_INT(shelf.heap.heap.used, 0);
}

TEST("a segment that is reset is as good as new")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 96);
    segment->position = 1000;
    segment->first_offset = 10;
    append(segment, 20);
    rt_segment_reset(segment);
    EXPECT_INT(segment->capacity, 96);
    EXPECT_INT(segment->used, 0);
    EXPECT_INT(segment->event_count, 0);
    EXPECT_INT(segment->references, 1);
    EXPECT(rt_segment_has_room(segment, 96 - ENTRY));
    EXPECT_INT(shelf.heap.count, 1);
    rt_segment_unref(&shelf.store, segment);
}

/* Appends an event of that type; 0 or what rt_segment_add_type said. */
static int append_typed(struct shelf *shelf,
                        struct rt_segment *segment,
                        struct rt_bytes type)
{
    struct rt_entry entry = {0};
    int err = rt_segment_add_type(&shelf->store, segment, type, &entry.type);
    if (err == 0) {
        rt_segment_append(segment, RT_BYTES("hh"), RT_BYTES("x"), entry);
    }
    return err;
}

static struct rt_bytes type_of(const struct rt_segment *segment, uint32_t index)
{
    return rt_segment_type(segment, rt_segment_entry(segment, index));
}

TEST("a segment keeps the types of its events beside their bytes")
{
    struct shelf shelf;
    char longest[RT_TYPE_BYTES_MAX];
    memset(longest, 't', sizeof(longest));
    struct rt_bytes types[] = {RT_BYTES("joined"),
                               RT_BYTES(""),
                               {longest, sizeof(longest)},
                               RT_BYTES("left")};
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 4096);
    for (uint32_t i = 0; i < RT_ARRAY_LENGTH(types); i++) {
        EXPECT_INT(append_typed(&shelf, segment, types[i]), 0);
    }
    for (uint32_t i = 0; i < RT_ARRAY_LENGTH(types); i++) {
        EXPECT_BYTES(type_of(segment, i), types[i]);
    }
    EXPECT_INT(segment->used, 4 * 3);
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.heap.heap.used, 0);
}

TEST("entries stand next to one another, the last event's first")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 4096);
    for (int i = 0; i < 5; i++) {
        EXPECT_INT(append_typed(&shelf, segment, RT_BYTES("")), 0);
    }
    struct rt_bytes entries = rt_segment_entries(segment, 1, 3);
    EXPECT_INT(entries.len, 3 * sizeof(struct rt_entry));
    EXPECT(entries.data == (const char *)rt_segment_entry(segment, 3));
    EXPECT(entries.data + 2 * sizeof(struct rt_entry) ==
           (const char *)rt_segment_entry(segment, 1));
    rt_segment_unref(&shelf.store, segment);
}

TEST("a type that comes again is kept once")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 4096);
    for (int i = 0; i < 100; i++) {
        EXPECT_INT(append_typed(&shelf, segment, RT_BYTES("message")), 0);
    }
    EXPECT_INT(segment->types_len, RT_TYPE_GRAIN);
    EXPECT_BYTES(type_of(segment, 99), RT_BYTES("message"));
    rt_segment_unref(&shelf.store, segment);
}

TEST("types have a bound")
{
    struct shelf shelf;
    uint32_t count = 0;
    char type[RT_TYPE_BYTES_MAX] = {0};
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, (size_t)256 * 1024);
    while (rt_segment_has_type_room(segment)) {
        memcpy(type, &count, sizeof(count));
        EXPECT_INT(append_typed(&shelf, segment,
                                (struct rt_bytes){type, sizeof(type)}),
                   0);
        count++;
    }
    EXPECT(count > 700);
    EXPECT(segment->types_len <= RT_TYPES_BYTES_MAX);
    EXPECT_INT(segment->types_capacity, RT_TYPES_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(type, &i, sizeof(i));
        EXPECT_BYTES(type_of(segment, i),
                     ((struct rt_bytes){type, sizeof(type)}));
    }
    rt_segment_reset(segment);
    EXPECT(rt_segment_has_type_room(segment));
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.heap.heap.used, 0);
}

TEST("a block that is used anew keeps the memory that it has for types")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 4096);
    EXPECT_INT(rt_segment_reserve_types(&shelf.store, segment), 0);
    rt_segment_reset(segment);
    test_heap_fail_at(&shelf.heap, 1);
    EXPECT_INT(rt_segment_reserve_types(&shelf.store, segment), 0);
    EXPECT_INT(append_typed(&shelf, segment, RT_BYTES("a")), 0);
    EXPECT_BYTES(type_of(segment, 0), RT_BYTES("a"));
    rt_segment_unref(&shelf.store, segment);
    EXPECT_INT(shelf.heap.heap.used, 0);
}

TEST("types take nothing of what is reserved")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 4096);
    shelf.heap.heap.limit = shelf.heap.heap.used + 4096;
    shelf.heap.heap.reserve = 4096;
    EXPECT_INT(append_typed(&shelf, segment, RT_BYTES("a")), RT_ENOMEM);
    shelf.heap.heap.reserve = 2048;
    EXPECT_INT(append_typed(&shelf, segment, RT_BYTES("a")), 0);
    rt_segment_unref(&shelf.store, segment);
}

TEST("without memory for a type nothing is kept")
{
    struct shelf shelf;
    shelf_init(&shelf);
    struct rt_segment *segment = create(&shelf, 4096);
    test_heap_fail_at(&shelf.heap, 1);
    EXPECT_INT(append_typed(&shelf, segment, RT_BYTES("a")), RT_ENOMEM);
    EXPECT_INT(segment->types_len, 0);
    EXPECT_INT(append_typed(&shelf, segment, RT_BYTES("a")), 0);
    EXPECT_BYTES(type_of(segment, 0), RT_BYTES("a"));
    rt_segment_unref(&shelf.store, segment);
}
