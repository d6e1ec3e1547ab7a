#include "storage/log/walk.h"

#include <string.h>

#include "base/error.h"
#include "storage/checksum.h"

void rt_log_walk_init(struct rt_log_walk *walk,
                      struct rt_log_window *window,
                      uint64_t log,
                      uint64_t segment)
{
    *walk =
        (struct rt_log_walk){.window = window, .log = log, .segment = segment};
}

void rt_log_walk_leave(struct rt_log_walk *walk)
{
    if (walk->segment > 0) {
        rt_log_window_close(walk->window);
        walk->segment = 0;
    }
}

int rt_log_walk_enter(struct rt_log_walk *walk, uint64_t segment, uint64_t end)
{
    if (walk->segment != segment) {
        rt_log_walk_leave(walk);
        int err = rt_log_window_open(walk->window, segment);
        if (err < 0) {
            return err;
        }
        walk->segment = segment;
    }
    walk->window->end = end;
    return 0;
}

static uint64_t part_position(const struct rt_log_walk *walk, uint32_t index)
{
    return walk->position + sizeof(walk->batch) +
           (uint64_t)index * sizeof(walk->part);
}

/* Whether the batch's crc is that of its head and its parts' heads. */
static int check_heads(struct rt_log_walk *walk)
{
    uint32_t crc = rt_log_batch_crc_begin(&walk->batch);
    uint64_t len = (uint64_t)walk->batch.part_count * sizeof(walk->part);
    walk->summed += len;
    int err =
        rt_log_window_checksum(walk->window, part_position(walk, 0), len, &crc);
    if (err < 0) {
        return err;
    }
    return crc == walk->batch.crc ? 0 : RT_EDAMAGED;
}

static bool is_ours(const struct rt_log_walk *walk)
{
    const struct rt_log_batch_head *batch = &walk->batch;
    bool is_of_log = walk->log == 0 || batch->log == walk->log;
    return is_of_log && batch->segment == walk->segment &&
           rt_log_batch_head_is_likely(batch,
                                       walk->window->end - walk->position);
}

int rt_log_walk_to(struct rt_log_walk *walk, uint64_t position)
{
    int err = rt_log_window_copy(walk->window, position, &walk->batch,
                                 sizeof(walk->batch));
    if (err < 0) {
        return err;
    }
    walk->position = position;
    walk->index = UINT32_MAX;
    walk->body = part_position(walk, walk->batch.part_count);
    walk->part = (struct rt_log_part_head){0};
    return is_ours(walk) ? check_heads(walk) : RT_EDAMAGED;
}

uint64_t rt_log_walk_end(const struct rt_log_walk *walk)
{
    return walk->position + walk->batch.length;
}

/* Whether the part's body lies in the batch. */
static bool has_body(const struct rt_log_walk *walk)
{
    uint64_t room = rt_log_walk_end(walk) - walk->body;
    return walk->body <= rt_log_walk_end(walk) && walk->part.length <= room &&
           rt_log_padded(walk->part.length) <= room;
}

int rt_log_walk_next(struct rt_log_walk *walk)
{
    uint32_t next = walk->index + 1; /* 0 after UINT32_MAX: before the first */
    if (next == walk->batch.part_count) {
        return 0;
    }
    walk->body += rt_log_padded(walk->part.length);
    int err = rt_log_window_copy(walk->window, part_position(walk, next),
                                 &walk->part, sizeof(walk->part));
    if (err < 0) {
        return err;
    }
    walk->index = next;
    return has_body(walk) && rt_log_part_head_check(&walk->part) ? 1
                                                                 : RT_EDAMAGED;
}

int rt_log_walk_check(struct rt_log_walk *walk)
{
    uint32_t crc = 0;
    int err = rt_log_window_checksum(walk->window, walk->body,
                                     walk->part.length, &crc);
    if (err < 0) {
        return err;
    }
    return crc == walk->part.crc ? 0 : RT_EDAMAGED;
}

int rt_log_walk_is_whole(const struct rt_log_walk *walk)
{
    struct rt_log_walk scout = *walk;
    int more = rt_log_walk_next(&scout);
    while (more > 0) {
        int err = rt_log_walk_check(&scout);
        if (err < 0) {
            return err == RT_EDAMAGED ? 0 : err;
        }
        more = rt_log_walk_next(&scout);
    }
    return more == 0 ? 1 : more;
}

int rt_log_walk_body(struct rt_log_walk *walk, struct rt_bytes *body)
{
    uint32_t crc = 0;
    const void *bytes = NULL;
    int err =
        rt_log_window_at(walk->window, walk->body, walk->part.length, &bytes);
    if (err < 0) {
        return err;
    }
    crc = rt_checksum(0, bytes, walk->part.length);
    if (crc != walk->part.crc) {
        return RT_EDAMAGED;
    }
    *body = (struct rt_bytes){bytes, walk->part.length};
    return 0;
}

struct rt_log_events rt_log_walk_events(const struct rt_log_walk *walk,
                                        struct rt_bytes body)
{
    const struct rt_log_part_head *part = &walk->part;
    size_t entries = part->count * sizeof(struct rt_entry);
    return (struct rt_log_events){
        .offset = part->offset,
        .count = part->count,
        .start = part->start,
        .type = part->type,
        .entries = {body.data, entries},
        .types = {body.data + entries, part->types},
        .frames = {body.data + entries + part->types, part->frames}};
}

int rt_log_walk_topic(const struct rt_log_walk *walk,
                      struct rt_bytes body,
                      struct rt_log_topic *topic,
                      struct rt_log_topic_head *head)
{
    if (body.len < sizeof(*head)) {
        return RT_EDAMAGED;
    }
    memcpy(head, body.data, sizeof(*head));
    if (!rt_log_topic_head_check(head, body.len)) {
        return RT_EDAMAGED;
    }
    const char *name = body.data + sizeof(*head);
    *topic = (struct rt_log_topic){
        .name = {name, head->name_len},
        .next_offset = walk->part.offset,
        .floor = head->floor,
        .retention = {head->bytes, head->events, head->age_ms},
        .state = {name + head->name_len, head->state_len}};
    return 0;
}

/* --- looking for a batch --- */

/* What is looked at together: most of what has not been written yet are zeros.
 */
#define PIECE ((size_t)512)

/* Whether the walk is at a batch, with that number or a higher one. */
static int try_at(struct rt_log_walk *walk, uint64_t position, uint64_t number)
{
    if (walk->summed / RT_LOG_WALK_SUMS_MAX > walk->window->end) {
        return RT_EDAMAGED;
    }
    int err = rt_log_walk_to(walk, position);
    if (err == RT_EDAMAGED) {
        return 0;
    }
    return err < 0 ? err : walk->batch.number >= number;
}

/* Goes on to the next bytes that are not zero, or to the end. */
static int skip_zeros(struct rt_log_walk *walk, uint64_t *position)
{
    static const uint8_t zeros[PIECE];
    uint64_t end = walk->window->end;
    while (*position < end) {
        const void *bytes = NULL;
        uint64_t left = end - *position;
        size_t len = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
        int err = rt_log_window_at(walk->window, *position, len, &bytes);
        if (err < 0 || memcmp(bytes, zeros, len) != 0) {
            return err;
        }
        *position += len;
    }
    return 0;
}

/* Looks at the next piece, of which some are not zero: 1 if a batch that
 * is looked for begins there, with its position in the debris. */
static int look(struct rt_log_walk *walk,
                uint64_t position,
                uint64_t number,
                struct rt_log_debris *debris)
{
    uint64_t end = walk->window->end;
    uint64_t stop = end - position > PIECE ? position + PIECE : end;
    while (position < stop) {
        uint64_t word = 0;
        uint64_t left = stop - position;
        size_t len = left < sizeof(word) ? (size_t)left : sizeof(word);
        int err = rt_log_window_copy(walk->window, position, &word, len);
        if (err == 0 && word != 0) {
            debris->end = position + len;
            err = try_at(walk, position, number);
        }
        if (err != 0) {
            debris->position = position;
            return err;
        }
        position += len;
    }
    return 0;
}

int rt_log_walk_search(struct rt_log_walk *walk,
                       uint64_t position,
                       uint64_t number,
                       struct rt_log_debris *debris)
{
    struct rt_log_walk scout = *walk;
    scout.summed = 0;
    *debris = (struct rt_log_debris){.end = position};
    int found = 0;
    while (found == 0 && position < walk->window->end) {
        found = skip_zeros(&scout, &position);
        if (found == 0) {
            found = look(&scout, position, number, debris);
            position += PIECE;
        }
    }
    return found < 0 ? found : 0;
}

int rt_log_walk_seek(struct rt_log_walk *walk, uint64_t position)
{
    struct rt_log_debris debris;
    int err = rt_log_walk_to(walk, position);
    if (err != RT_EDAMAGED) {
        return err < 0 ? err : 1;
    }
    err = rt_log_walk_search(walk, position, 0, &debris);
    if (err < 0 || debris.position == 0) {
        return err;
    }
    err = rt_log_walk_to(walk, debris.position);
    return err < 0 ? err : 1;
}
