#include "broker/core/blocks.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define BLOCKS_FIRST 4
#define ALIGNMENT    _Alignof(struct rt_entry)

void rt_block_room_init(struct rt_block_room *room, struct rt_store *store)
{
    *room = (struct rt_block_room){.store = store};
    rt_list_init(&room->users);
}

void rt_blocks_init(struct rt_blocks *blocks,
                    struct rt_block_room *room,
                    enum rt_format format)
{
    *blocks = (struct rt_blocks){.room = room, .format = format};
    rt_list_init(&blocks->link);
}

static struct rt_store *store_of(const struct rt_blocks *blocks)
{
    return blocks->room->store;
}

static struct rt_segment *take_out(struct rt_blocks *blocks, uint32_t place)
{
    struct rt_segment *segment = blocks->blocks[place].segment;
    blocks->count--;
    memmove(blocks->blocks + place, blocks->blocks + place + 1,
            (blocks->count - place) * sizeof(struct rt_block));
    blocks->bytes -= rt_segment_size(segment->capacity);
    blocks->room->bytes -= rt_segment_size(segment->capacity);
    if (blocks->count == 0) {
        rt_list_remove(&blocks->link);
    }
    return segment;
}

static void drop(struct rt_blocks *blocks, uint32_t place)
{
    rt_segment_retire(store_of(blocks), take_out(blocks, place));
}

void rt_blocks_finish(struct rt_blocks *blocks)
{
    while (blocks->count > 0) {
        drop(blocks, blocks->count - 1);
    }
    rt_heap_free(store_of(blocks)->heap, blocks->blocks,
                 blocks->capacity * sizeof(struct rt_block));
    *blocks = (struct rt_blocks){0};
}

/* The place of the first block that begins behind a number. */
static uint32_t place_after(const struct rt_blocks *blocks, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = blocks->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (blocks->blocks[middle].first <= number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct rt_block *
rt_blocks_seek(const struct rt_blocks *blocks, uint64_t number, uint64_t *end)
{
    uint32_t after = place_after(blocks, number);
    if (after < blocks->count && blocks->blocks[after].first < *end) {
        *end = blocks->blocks[after].first;
    }
    struct rt_block *block = after == 0 ? NULL : &blocks->blocks[after - 1];
    return block != NULL && number <= block->end ? block : NULL;
}

static int reserve_place(struct rt_blocks *blocks)
{
    if (blocks->count < blocks->capacity) {
        return 0;
    }
    uint32_t capacity =
        blocks->capacity == 0 ? BLOCKS_FIRST : blocks->capacity * 2;
    struct rt_block *resized =
        rt_heap_resize(store_of(blocks)->heap, blocks->blocks,
                       blocks->capacity * sizeof(struct rt_block),
                       capacity * sizeof(struct rt_block));
    if (resized == NULL) {
        return RT_ENOMEM;
    }
    blocks->blocks = resized;
    blocks->capacity = capacity;
    return 0;
}

static uint64_t touched_ms(const struct rt_blocks *blocks, uint32_t place)
{
    return blocks->blocks[place].segment->touched_ms;
}

/* The block that nobody has looked at for longest. */
static uint32_t oldest_of(const struct rt_blocks *blocks)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < blocks->count; i++) {
        oldest =
            touched_ms(blocks, i) < touched_ms(blocks, oldest) ? i : oldest;
    }
    return oldest;
}

static bool
is_full(const struct rt_blocks *blocks, size_t capacity, uint64_t bytes_max)
{
    return blocks->count > 0 &&
           blocks->bytes + rt_segment_size(capacity) > bytes_max;
}

/* Drops what was not looked at for longest, of whoever it is. */
static void make_room(struct rt_block_room *room, size_t capacity)
{
    size_t bytes_max = room->store->heap->limit / RT_BLOCK_ROOM_PART;
    while (room->bytes > 0 &&
           room->bytes + rt_segment_size(capacity) > bytes_max) {
        struct rt_blocks *user =
            RT_LIST_FIRST(&room->users, struct rt_blocks, link);
        drop(user, oldest_of(user));
    }
}

/* Memory for a block, after dropping what is too much: what another one had, if
 * that fits, for a topic that is busy opens one all the time. */
static struct rt_segment *
replace(struct rt_blocks *blocks, size_t capacity, uint64_t bytes_max)
{
    while (is_full(blocks, capacity, bytes_max)) {
        uint32_t oldest = oldest_of(blocks);
        struct rt_segment *segment = blocks->blocks[oldest].segment;
        if (segment->capacity == capacity && segment->references == 1) {
            rt_segment_reset(take_out(blocks, oldest));
            return segment;
        }
        drop(blocks, oldest);
    }
    make_room(blocks->room, capacity);
    return rt_segment_create(store_of(blocks), capacity);
}

static size_t size_max(uint64_t bytes_max)
{
    uint64_t part = bytes_max / RT_BLOCKS_MIN;
    return part < RT_BLOCK_SIZE_MAX ? (size_t)part : RT_BLOCK_SIZE_MAX;
}

/* What grows has twice the size of the block before it. */
static size_t
room_to_grow(const struct rt_blocks *blocks, uint64_t first, uint64_t bytes_max)
{
    uint32_t after = place_after(blocks, first);
    if (after == 0) {
        return RT_BLOCK_SIZE_FIRST;
    }
    size_t doubled = blocks->blocks[after - 1].segment->capacity * 2;
    return doubled < size_max(bytes_max) ? doubled : size_max(bytes_max);
}

static struct rt_block *
insert(struct rt_blocks *blocks, uint64_t first, struct rt_segment *segment)
{
    uint32_t place = place_after(blocks, first);
    struct rt_block *block = &blocks->blocks[place];
    memmove(block + 1, block,
            (blocks->count - place) * sizeof(struct rt_block));
    *block =
        (struct rt_block){.segment = segment, .first = first, .end = first};
    blocks->count++;
    blocks->bytes += rt_segment_size(segment->capacity);
    blocks->room->bytes += rt_segment_size(segment->capacity);
    if (blocks->count == 1) {
        rt_list_append(&blocks->room->users, &blocks->link);
    }
    return block;
}

struct rt_block *rt_blocks_open(struct rt_blocks *blocks,
                                uint64_t first,
                                size_t needed,
                                bool may_grow,
                                uint64_t bytes_max)
{
    size_t grown = may_grow ? room_to_grow(blocks, first, bytes_max) : 0;
    size_t capacity = needed < grown ? grown : needed;
    capacity = (capacity + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (reserve_place(blocks) < 0) {
        return NULL;
    }
    struct rt_segment *segment = replace(blocks, capacity, bytes_max);
    return segment == NULL ? NULL : insert(blocks, first, segment);
}

void rt_blocks_touch(struct rt_blocks *blocks,
                     const struct rt_block *block,
                     uint64_t now_ms)
{
    if (block->segment->touched_ms != now_ms) {
        block->segment->touched_ms = now_ms;
        rt_list_remove(&blocks->link);
        rt_list_append(&blocks->room->users, &blocks->link);
    }
}

size_t rt_block_need(enum rt_format format, const struct rt_item *item)
{
    return rt_format_size(format, item) + sizeof(struct rt_entry);
}

/* To the bytes behind the last event of the block. */
static struct rt_writer writer_of(const struct rt_block *block)
{
    struct rt_segment *segment = block->segment;
    struct rt_writer writer;
    rt_writer_init(&writer, (char *)segment->bytes + segment->used,
                   rt_segment_room(segment));
    return writer;
}

/* What was written is an event, unless there was no room. */
static bool
settle(struct rt_block *block, uint64_t number, struct rt_writer *writer)
{
    struct rt_entry entry = {.sequence = number};
    RT_CHECK(number >= block->end);
    if (writer->overflowed) {
        return false;
    }
    (void)rt_segment_extend(block->segment, rt_writer_bytes(writer).len, entry);
    block->end = number + 1;
    return true;
}

bool rt_block_add(struct rt_block *block,
                  enum rt_format format,
                  uint64_t number,
                  const struct rt_item *item)
{
    struct rt_writer writer = writer_of(block);
    rt_format_write(&writer, format, item);
    return settle(block, number, &writer);
}

bool rt_block_append(struct rt_block *block,
                     uint64_t number,
                     struct rt_bytes bytes)
{
    struct rt_writer writer = writer_of(block);
    rt_write_bytes(&writer, bytes);
    return settle(block, number, &writer);
}

uint32_t rt_block_index(const struct rt_block *block, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = block->segment->event_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (rt_segment_entry(block->segment, middle)->sequence < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void rt_blocks_drop_before(struct rt_blocks *blocks, uint64_t number)
{
    while (blocks->count > 0 && blocks->blocks[0].first < number) {
        drop(blocks, 0);
    }
}

void rt_blocks_drop_idle(struct rt_blocks *blocks, uint64_t now_ms)
{
    for (uint32_t i = blocks->count; i > 0; i--) {
        if (now_ms - touched_ms(blocks, i - 1) > RT_BLOCK_IDLE_MS) {
            drop(blocks, i - 1);
        }
    }
}

void rt_blocks_validate(const struct rt_blocks *blocks)
{
    size_t bytes = 0;
    uint64_t end = 0;
    for (uint32_t i = 0; i < blocks->count; i++) {
        const struct rt_block *block = &blocks->blocks[i];
        const struct rt_segment *segment = block->segment;
        RT_CHECK(segment->event_count > 0 && segment->references > 0);
        RT_CHECK(block->first >= end);
        RT_CHECK(rt_segment_entry(segment, 0)->sequence >= block->first);
        end = block->end;
        RT_CHECK(rt_segment_entry(segment, segment->event_count - 1)->sequence <
                 end);
        bytes += rt_segment_size(segment->capacity);
    }
    RT_CHECK(bytes == blocks->bytes && bytes <= blocks->room->bytes);
    RT_CHECK(rt_list_is_empty(&blocks->link) == (blocks->count == 0));
}
