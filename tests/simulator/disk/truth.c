#include "tests/simulator/disk/truth.h"

#include <stdlib.h>

#include "tests/simulator/expect.h"
#include "tests/simulator/noise.h"

#define EVENT_MIN   64
#define ENCODED_MAX (6 * PAYLOAD_MAX + 1024) /* as \u0000, all of it */

uint32_t truth_era(struct truth_topic *topic, uint32_t epoch)
{
    uint32_t number = 0;
    while (number < topic->era_count && topic->eras[number].epoch != epoch) {
        number++;
    }
    if (number == topic->era_count) {
        EXPECT(topic->era_count < TRUTH_ERA_MAX);
        topic->eras[topic->era_count++] = (struct era){.epoch = epoch};
    }
    return number;
}

void truth_change(struct truth_topic *topic,
                  struct standing standing,
                  uint64_t ticket)
{
    topic->was_removed =
        topic->was_removed || (topic->now.is_known && !standing.is_known);
    topic->now = standing;
    topic->changed = ticket;
}

static void reserve(struct era *era)
{
    if (era->count == era->capacity) {
        era->capacity = EVENT_MIN + era->capacity * 2;
        era->events =
            realloc(era->events, era->capacity * sizeof(struct event));
        EXPECT(era->events != NULL);
    }
}

void truth_add(struct era *era, const struct event *event)
{
    EXPECT(event->offset > truth_last(era));
    reserve(era);
    era->events[era->count++] = *event;
}

uint64_t truth_last(const struct era *era)
{
    return era->count > 0 ? era->events[era->count - 1].offset : 0;
}

struct event *truth_from(const struct era *era, uint64_t offset)
{
    uint64_t low = 0;
    uint64_t high = era->count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (era->events[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < era->count ? &era->events[low] : NULL;
}

void truth_renumber(struct truth_topic *topic, uint64_t last)
{
    for (uint32_t i = 0; i < topic->era_count; i++) {
        for (uint64_t j = 0; j < topic->eras[i].count; j++) {
            uint64_t *sequence = &topic->eras[i].events[j].sequence;
            *sequence = *sequence < last ? *sequence : last;
        }
    }
}

const struct event *truth_after(const struct era *era, uint64_t sequence)
{
    uint64_t low = 0;
    uint64_t high = era->count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (era->events[middle].sequence <= sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < era->count ? &era->events[low] : NULL;
}

void truth_written(struct truth_topic *topic, uint64_t number)
{
    for (uint32_t i = 0; i < topic->era_count; i++) {
        struct era *era = &topic->eras[i];
        for (uint64_t j = 0; j < era->count; j++) {
            struct event *event = &era->events[j];
            if (event->fate == FATE_PENDING && event->ticket <= number) {
                event->fate = FATE_WRITTEN;
            }
        }
    }
    if (topic->changed <= number) {
        topic->on_disk = topic->now;
        topic->was_removed = false;
    }
}

/* What is before `end` is on disk, as all that was acknowledged must be. */
static void settle(struct era *era, uint64_t end)
{
    for (uint64_t i = 0; i < era->count; i++) {
        struct event *event = &era->events[i];
        EXPECT(event->fate != FATE_WRITTEN || event->offset < end);
        if (event->fate == FATE_PENDING) {
            event->fate = event->offset < end ? FATE_WRITTEN : FATE_LOST;
        }
        event->ticket = 0;
    }
}

static void lose(struct era *era)
{
    for (uint64_t i = 0; i < era->count; i++) {
        struct event *event = &era->events[i];
        event->fate = event->fate == FATE_PENDING ? FATE_LOST : event->fate;
    }
}

void truth_lose(struct truth_topic *topic)
{
    for (uint32_t i = 0; i < topic->era_count; i++) {
        lose(&topic->eras[i]);
    }
    topic->now = (struct standing){0};
    topic->on_disk = topic->now;
    topic->was_removed = false;
    topic->changed = 0;
}

void truth_restart(struct truth_topic *topic,
                   struct standing standing,
                   uint64_t end,
                   uint64_t next)
{
    struct era *era = &topic->eras[standing.era];
    settle(era, end);
    truth_lose(topic);
    EXPECT(next > truth_last(era) || standing.is_damaged);
    if (next > end) {
        EXPECT(era->jump_count < TRUTH_JUMP_MAX);
        era->jumps[era->jump_count++] = (struct jump){end, next};
    }
    topic->now = standing;
    topic->on_disk = standing;
}

void truth_cut(struct era *era, uint64_t end)
{
    while (truth_last(era) >= end) {
        era->count--;
    }
}

void truth_cut_last(struct era *era, uint64_t end, uint64_t last)
{
    for (uint64_t i = 0; i < era->count; i++) {
        struct event *event = &era->events[i];
        if (event->fate == FATE_WRITTEN && event->offset >= end) {
            EXPECT(event->ticket >= last);
            event->fate = FATE_LOST;
        }
    }
}

bool truth_has_jump(const struct era *era, uint64_t first, uint64_t end)
{
    for (uint32_t i = 0; i < era->jump_count; i++) {
        if (first < era->jumps[i].end && end > era->jumps[i].first) {
            return true;
        }
    }
    return false;
}

static void write_raw(struct rt_writer *writer, const struct rt_item *item)
{
    uint8_t header[RT_FRAME_HEADER_MAX];
    enum rt_opcode opcode =
        item->content == RT_CONTENT_BINARY ? RT_OPCODE_BINARY : RT_OPCODE_TEXT;
    size_t len = rt_frame_header(header, opcode, item->payload.len);
    rt_write_bytes(writer, (struct rt_bytes){(const char *)header, len});
    rt_write_bytes(writer, item->payload);
}

struct rt_bytes truth_encode(const struct truth_topic *topic,
                             const struct era *era,
                             const struct event *event,
                             enum rt_format format,
                             const struct rt_cursor *resume)
{
    static char memory[ENCODED_MAX];
    struct rt_writer writer;
    struct rt_item item = {.topic = topic->name,
                           .cursor = {era->epoch, event->offset},
                           .wall_ms = event->wall_ms,
                           .type = event->type,
                           .content = event->content,
                           .payload = {noise_at(event->noise), event->len}};
    if (resume != NULL) {
        item.has_resume = true;
        item.resume = *resume;
    }
    rt_writer_init(&writer, memory, sizeof(memory));
    if (format == RT_FORMAT_RAW) {
        write_raw(&writer, &item);
    } else {
        rt_format_write(&writer, format, &item);
    }
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

void truth_finish(struct truth_topic *topic)
{
    for (uint32_t i = 0; i < topic->era_count; i++) {
        free(topic->eras[i].events);
    }
}
