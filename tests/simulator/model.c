#include "tests/simulator/model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/simulator/expect.h"

#define LOG_MIN       64
#define BLOCK_MIN     ((uint64_t)1024)
#define FRAME_SHORT   126
#define FRAME_MIDDLE  65536
#define HEADER_MAX    10
#define OPCODE_TEXT   0x81 /* with the bit of a final frame */
#define OPCODE_BINARY 0x82

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* --- the log --- */

void topic_begin(struct topic *topic,
                 uint32_t epoch,
                 const struct rt_retention *retention,
                 uint64_t now_ms)
{
    EXPECT(!topic->exists);
    topic->exists = true;
    topic->is_closed = false;
    topic->is_kept = false;
    topic->birth = epoch;
    topic->epoch = epoch;
    topic->base = 0;
    topic->old_base = 0;
    topic->purged = 0;
    topic->retention = *retention;
    topic->touched_ms = now_ms;
    topic->latest = 0;
    topic->head = 0;
    topic->block_count = 0;
    topic->oldest = 0;
    topic->bytes = 0;
    topic_calm(topic);
}

void topic_end(struct topic *topic)
{
    EXPECT(topic->exists && !topic_is_followed(topic));
    topic->exists = false;
    topic->latest = 0;
    topic->base = 0;
    topic->block_count = 0;
    topic->oldest = 0;
}

void topic_finish(struct topic *topic)
{
    free(topic->events);
    free(topic->blocks);
    *topic = (struct topic){0};
}

static void *grown(void *memory, uint64_t count, size_t size)
{
    void *moved = realloc(memory, count * size);
    EXPECT(moved != NULL);
    return moved;
}

static void append_event(struct topic *topic, const struct event *event)
{
    if (topic->latest == topic->event_capacity) {
        topic->event_capacity = LOG_MIN + topic->event_capacity * 2;
        topic->events =
            grown(topic->events, topic->event_capacity, sizeof(struct event));
    }
    topic->events[topic->latest] = *event;
    topic->events[topic->latest++].position = topic->head;
    topic->head += frame_len(event);
}

void topic_purge(struct topic *topic, uint32_t epoch)
{
    struct event skipped = {0};
    if (topic->latest > 0) {
        skipped.wall_ms = topic_event(topic, topic->latest)->wall_ms;
    }
    if (topic_oldest(topic) != NULL) {
        topic->purged = topic->latest;
    }
    while (topic_oldest(topic) != NULL) {
        topic_drop(topic);
    }
    append_event(topic, &skipped);
    topic->head = topic_position(topic, topic->latest); /* it has no bytes */
    topic->old_base = topic->base;
    topic->old_epoch = topic->epoch;
    topic->base = topic->latest;
    topic->epoch = epoch;
    topic->is_closed = false;
    topic_calm(topic);
}

bool topic_is_purged(const struct topic *topic, uint64_t offset)
{
    return offset <= topic->base;
}

bool topic_is_followed(const struct topic *topic)
{
    return topic->sink_count + topic->local_count + topic->reader_count > 0;
}

uint64_t topic_offset(const struct topic *topic, uint64_t cursor_offset)
{
    return topic->base + cursor_offset;
}

void topic_expect_cursor(const struct topic *topic,
                         struct rt_cursor cursor,
                         uint64_t offset)
{
    if (offset < topic->base) {
        EXPECT_INT(cursor.epoch, topic->old_epoch);
        EXPECT_INT(cursor.offset,
                   larger(offset, topic->old_base) - topic->old_base);
        return;
    }
    EXPECT_INT(cursor.epoch, topic->epoch);
    EXPECT_INT(topic_offset(topic, cursor.offset), offset);
}

const struct event *topic_event(const struct topic *topic, uint64_t offset)
{
    EXPECT(offset >= 1 && offset <= topic->latest);
    return &topic->events[offset - 1];
}

uint64_t topic_newest(const struct topic *topic, uint64_t offset)
{
    while (offset > 0 && topic_event(topic, offset)->sequence == 0) {
        offset--;
    }
    return offset;
}

uint64_t topic_position(const struct topic *topic, uint64_t offset)
{
    return offset > topic->latest ? topic->head
                                  : topic_event(topic, offset)->position;
}

/* --- what the ring must still have --- */

const struct block *topic_oldest(const struct topic *topic)
{
    return topic->oldest < topic->block_count ? &topic->blocks[topic->oldest]
                                              : NULL;
}

uint64_t topic_earliest(const struct topic *topic)
{
    const struct block *oldest = topic_oldest(topic);
    return oldest == NULL ? topic->latest + 1 : oldest->first;
}

void topic_drop(struct topic *topic)
{
    topic->bytes -= topic->blocks[topic->oldest].size;
    topic->oldest++;
}

/* What a block takes that holds these bytes of frames, in so many events. */
static uint64_t block_need(uint64_t used, uint64_t events)
{
    return rt_segment_size(used + events * sizeof(struct rt_entry));
}

static bool is_full(const struct block *block, uint64_t len)
{
    uint64_t events = block->last + 1 - block->first;
    return block_need(block->used + len, events + 1) > block->size;
}

/* What the type of the block's next event takes: nothing if it has none, or the
 * same as the one before it. */
static uint64_t type_need(const struct topic *topic,
                          const struct block *block,
                          struct rt_bytes type)
{
    bool is_first = block->first > topic->latest;
    if (type.len == 0 ||
        (!is_first &&
         rt_bytes_equal(topic_event(topic, topic->latest)->type, type))) {
        return 0;
    }
    return (1 + type.len + RT_TYPE_GRAIN - 1) / RT_TYPE_GRAIN * RT_TYPE_GRAIN;
}

/* A quarter of what the block has for frames and entries, within bounds. */
static bool has_type_room(const struct block *block)
{
    uint64_t room = (block->size - rt_segment_size(0)) / 4 / 16 * 16;
    room = smaller(larger(room, 1024), 65536);
    return block->types + RT_TYPE_BYTES_MAX + RT_TYPE_GRAIN <= room;
}

/* Whether it has had its share in events, in time or in types. */
static bool is_due(const struct block *block,
                   const struct rt_retention *retention,
                   uint64_t now_ms)
{
    uint64_t events = block->last + 1 - block->first;
    uint64_t share = retention->events / RT_RING_GRAIN_EVENTS;
    return events >= larger(share, 1) ||
           now_ms - block->opened_ms > retention->age_ms / RT_RING_GRAIN_AGE ||
           !has_type_room(block);
}

/* Blocks double when events have filled one, within the ring's limits. */
static uint64_t block_size(const struct block *newest,
                           const struct rt_retention *retention,
                           uint64_t len)
{
    const uint64_t unit = _Alignof(struct rt_entry);
    uint64_t size = RT_SEGMENT_SIZE_FIRST;
    if (newest != NULL) {
        size = newest->size * (is_full(newest, len) ? 2 : 1);
    }
    size = smaller(size,
                   larger(retention->bytes / RT_RING_GRAIN_BYTES, BLOCK_MIN));
    size = smaller(size, RT_SEGMENT_SIZE_MAX) / unit * unit;
    return larger(size, (block_need(len, 1) + unit - 1) / unit * unit);
}

static void open_block(struct topic *topic, uint64_t now_ms, uint64_t size)
{
    if (topic->block_count == topic->block_capacity) {
        topic->block_capacity = LOG_MIN + topic->block_capacity * 2;
        topic->blocks =
            grown(topic->blocks, topic->block_capacity, sizeof(struct block));
    }
    topic->blocks[topic->block_count++] = (struct block){
        .first = topic->latest + 1, .size = size, .opened_ms = now_ms};
    topic->bytes += size;
}

bool topic_has_too_much(const struct topic *topic)
{
    return topic->oldest + 1 < topic->block_count &&
           (topic->bytes > topic->retention.bytes ||
            topic->latest + 1 - topic_earliest(topic) >
                topic->retention.events);
}

void topic_want(struct topic *topic, uint64_t offset)
{
    topic->wanted = smaller(topic->wanted, offset);
}

void topic_calm(struct topic *topic)
{
    topic->wanted = UINT64_MAX;
    topic->dropped = 0;
}

/* The size of the block that an event needs; 0: it goes into the newest. */
static uint64_t
size_to_open(const struct topic *topic, uint64_t now_ms, uint64_t len)
{
    const struct rt_retention *retention = &topic->retention;
    const struct block *newest = topic_oldest(topic) == NULL
                                     ? NULL
                                     : &topic->blocks[topic->block_count - 1];
    bool is_needed = newest == NULL || is_full(newest, len) ||
                     is_due(newest, retention, now_ms);
    return is_needed ? block_size(newest, retention, len) : 0;
}

uint64_t topic_low_after(const struct topic *topic,
                         uint64_t now_ms,
                         const struct event *event)
{
    const struct rt_retention *retention = &topic->retention;
    uint64_t size = size_to_open(topic, now_ms, frame_len(event));
    uint64_t bytes = topic->bytes + size;
    uint32_t end = topic->block_count - (size == 0 ? 1 : 0);
    uint32_t number = topic->oldest;
    while (number < end && (bytes > retention->bytes ||
                            topic->latest + 2 - topic->blocks[number].first >
                                retention->events)) {
        bytes -= topic->blocks[number++].size;
    }
    return number < topic->block_count ? topic->blocks[number].first
                                       : topic->latest + 1;
}

void topic_extend(struct topic *topic,
                  uint64_t now_ms,
                  const struct event *event)
{
    uint64_t len = frame_len(event);
    uint64_t size = size_to_open(topic, now_ms, len);
    if (size > 0) {
        open_block(topic, now_ms, size);
    }
    struct block *block = &topic->blocks[topic->block_count - 1];
    block->types += type_need(topic, block, event->type);
    append_event(topic, event);
    block->last = topic->latest;
    block->used += len;
    block->touched_ms = now_ms;
}

void topic_settle(struct topic *topic)
{
    while (topic_has_too_much(topic)) {
        topic->dropped += topic_oldest(topic)->last >= topic->wanted ? 1 : 0;
        topic_drop(topic);
    }
}

/* --- frames --- */

/* RFC 6455, section 5.2: final, not masked. */
static size_t frame_header(const struct event *event, uint8_t *header)
{
    header[0] =
        event->content == RT_CONTENT_BINARY ? OPCODE_BINARY : OPCODE_TEXT;
    size_t digits = event->len < FRAME_SHORT    ? 0
                    : event->len < FRAME_MIDDLE ? 2
                                                : 8;
    header[1] = (uint8_t)(digits == 0   ? event->len
                          : digits == 2 ? FRAME_SHORT
                                        : FRAME_SHORT + 1);
    for (size_t i = 0; i < digits; i++) {
        uint64_t len = event->len;
        header[2 + i] = (uint8_t)(len >> (8 * (digits - 1 - i)));
    }
    return 2 + digits;
}

uint64_t frame_len(const struct event *event)
{
    uint8_t header[HEADER_MAX];
    return frame_header(event, header) + event->len;
}

/* How far two pieces go together: what of `len` is left behind `at`. */
static size_t piece(size_t len, uint64_t at, size_t wanted)
{
    size_t left = at < len ? len - (size_t)at : 0;
    return left < wanted ? left : wanted;
}

/* Compares as much as is of one event; returns how much that is. */
static size_t
match_event(const struct event *event, uint64_t at, struct rt_bytes bytes)
{
    uint8_t header[HEADER_MAX];
    size_t header_len = frame_header(event, header);
    size_t done = piece(header_len, at, bytes.len);
    EXPECT(done == 0 || memcmp(bytes.data, header + at, done) == 0);
    uint64_t skip = at + done - header_len;
    size_t len =
        done < bytes.len ? piece(event->len, skip, bytes.len - done) : 0;
    EXPECT(len == 0 ||
           memcmp(bytes.data + done, noise_at(event->noise) + skip, len) == 0);
    return done + len;
}

void topic_advance(const struct topic *topic,
                   struct reading *reading,
                   uint64_t len)
{
    reading->at += len;
    while (reading->at > 0 &&
           reading->at >= frame_len(topic_event(topic, reading->offset))) {
        reading->at -= frame_len(topic_event(topic, reading->offset));
        reading->offset++;
    }
}

void topic_match(const struct topic *topic,
                 struct reading *reading,
                 struct rt_bytes bytes)
{
    while (bytes.len > 0) {
        EXPECT(reading->offset <= topic->latest);
        size_t len = match_event(topic_event(topic, reading->offset),
                                 reading->at, bytes);
        topic_advance(topic, reading, len);
        bytes.data += len;
        bytes.len -= len;
    }
}

/* --- where to begin --- */

static struct start
gap(const struct topic *topic, enum rt_close_reason reason, uint64_t missed)
{
    return (struct start){topic_earliest(topic), true, reason, missed};
}

static struct start after_cursor(const struct topic *topic,
                                 struct rt_cursor cursor)
{
    if (cursor.epoch != topic->epoch ||
        cursor.offset > topic->latest - topic->base) {
        return gap(topic, RT_CLOSE_EPOCH_CHANGED, 0);
    }
    uint64_t next = topic_offset(topic, cursor.offset) + 1;
    uint64_t earliest = topic_earliest(topic);
    return next < earliest
               ? gap(topic, RT_CLOSE_CURSOR_EVICTED, earliest - next)
               : (struct start){.offset = next};
}

/* The first event of that time or later, if it is there. */
static struct start at_time(const struct topic *topic, uint64_t wall_ms)
{
    uint64_t offset = topic->latest + 1;
    while (offset > topic->base + 1 &&
           topic_event(topic, offset - 1)->wall_ms >= wall_ms) {
        offset--;
    }
    return offset < topic_earliest(topic)
               ? gap(topic, RT_CLOSE_CURSOR_EVICTED, 0)
               : (struct start){.offset = offset};
}

struct start topic_start(const struct topic *topic,
                         const struct rt_since *since)
{
    uint64_t next = topic->latest + 1;
    uint64_t earliest = topic_earliest(topic);
    switch (since->kind) {
    case RT_SINCE_EARLIEST:
        return (struct start){.offset = earliest};
    case RT_SINCE_CURSOR:
        return after_cursor(topic, since->cursor);
    case RT_SINCE_NODE:
        return gap(topic, RT_CLOSE_EPOCH_CHANGED, 0);
    case RT_SINCE_TIME:
        return at_time(topic, since->wall_ms);
    case RT_SINCE_LAST:
        return (struct start){.offset = next -
                                        smaller(since->count, next - earliest)};
    case RT_SINCE_NOW:
        break;
    }
    return (struct start){.offset = next};
}
