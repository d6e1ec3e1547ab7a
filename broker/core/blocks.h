/*
 * Blocks of encoded events: what a view or a selection keeps of its format, for
 * everybody who gets it. Events have rising numbers: in one topic their
 * offsets, in a selection their sequences among all events of the node. A block
 * has all there is in a range of numbers, back to back; blocks are in order,
 * and do not overlap:
 *
 *     | 2 .. 7 |      | 12 .. 30 | 30 .. 41 |   the last one may grow
 *
 * They are a cache: any of them may go at any time, but during a pass. A write
 * in flight holds a reference, and who comes later has it made anew. All views
 * and selections of a node have one room, which bounds what their blocks take.
 */
#ifndef BROKER_CORE_BLOCKS_H
#define BROKER_CORE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "protocol/format.h"
#include "storage/segment.h"

/* Blocks begin with this size and double up to the largest, or to a part of all
 * that they may take; an event that is larger still has a block of its own. A
 * write ends with its block, so small ones make more of them. */
#define RT_BLOCK_SIZE_FIRST ((size_t)4 * 1024)
#define RT_BLOCK_SIZE_MAX   ((size_t)256 * 1024)
#define RT_BLOCKS_MIN       4 /* as large as can be, in all they may take */

/* All blocks of a node take at most this part of its memory, or the one block
 * that needs more. It is less than what is kept free (RT_RELIEF_PART). */
#define RT_BLOCK_ROOM_PART 8

/* A block that nobody has looked at for so long goes. */
#define RT_BLOCK_IDLE_MS 2000

struct rt_block {
    struct rt_segment
        *segment; /* an entry's `sequence` is its event's number */
    uint64_t first;
    uint64_t end; /* behind the last number that it has */
};

struct rt_block_room {
    struct rt_store *store;
    struct rt_list users; /* that have blocks; looked at longest ago is first */
    size_t bytes;         /* of all blocks */
};

struct rt_blocks {
    struct rt_block_room *room;
    struct rt_list link; /* in room->users */
    enum rt_format format;
    struct rt_block *blocks;
    uint32_t count;
    uint32_t capacity;
    size_t bytes; /* of these blocks */
};

/* What is to be sent from a number on. */
struct rt_run {
    struct rt_segment *segment; /* NULL: nothing */
    uint32_t index;             /* of the first event in the segment */
    uint64_t end;               /* the number behind the run */
    uint32_t topics;            /* that were looked at to find it */
};

/* Allocate nothing. */
void rt_block_room_init(struct rt_block_room *room, struct rt_store *store);
void rt_blocks_init(struct rt_blocks *blocks,
                    struct rt_block_room *room,
                    enum rt_format format);

void rt_blocks_finish(struct rt_blocks *blocks);

/*
 * The block that has a number or ends at it; NULL if there is none. If another
 * block comes behind, *end is lowered to where that begins. Valid until a block
 * is opened or dropped.
 */
struct rt_block *
rt_blocks_seek(const struct rt_blocks *blocks, uint64_t number, uint64_t *end);

/*
 * Opens a block that begins with a number, which no block has: with room for
 * `needed` bytes, entries included, or for more if it `may_grow`. Blocks that
 * were not looked at for longest go until these take at most `bytes_max`, and
 * those of others until there is room. NULL without memory; it must get an
 * event before anything else is done.
 */
RT_MUST_USE struct rt_block *rt_blocks_open(struct rt_blocks *blocks,
                                            uint64_t first,
                                            size_t needed,
                                            bool may_grow,
                                            uint64_t bytes_max);

/* Somebody looks at a block. */
void rt_blocks_touch(struct rt_blocks *blocks,
                     const struct rt_block *block,
                     uint64_t now_ms);

/* What an event needs of a block's room. */
size_t rt_block_need(enum rt_format format, const struct rt_item *item);

/* Encodes an event to the end of a block, which ends behind its number then;
 * returns whether there was room. */
bool rt_block_add(struct rt_block *block,
                  enum rt_format format,
                  uint64_t number,
                  const struct rt_item *item);

/* The same with what is encoded already. */
bool rt_block_append(struct rt_block *block,
                     uint64_t number,
                     struct rt_bytes bytes);

/* The index of the first event with that number or a higher one; where the
 * next one would be if there is none. */
uint32_t rt_block_index(const struct rt_block *block, uint64_t number);

/* Drops the blocks that begin before a number, and all that nobody has looked
 * at for RT_BLOCK_IDLE_MS. */
void rt_blocks_drop_before(struct rt_blocks *blocks, uint64_t number);
void rt_blocks_drop_idle(struct rt_blocks *blocks, uint64_t now_ms);

/* Checks every invariant; for tests. */
void rt_blocks_validate(const struct rt_blocks *blocks);

#endif
