/*
 * The simulated world with a disk: a core that has a journal and a history, the
 * log that both belong to, on a disk that forgets what was not synced, and the
 * truth beside them. Batches are written some time after they were taken, or
 * not; what is fetched comes some time after it was wanted, or never; and it
 * ends, on purpose or not, and begins again with what the disk has. All that
 * happens follows from the seed.
 */
#ifndef TESTS_SIMULATOR_DISK_WORLD_H
#define TESTS_SIMULATOR_DISK_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "broker/core/journal.h"
#include "broker/core/journal_write.h"
#include "storage/log/reader.h"
#include "storage/log/scan.h"
#include "tests/simulator/chance.h"
#include "tests/simulator/disk/keyed.h"
#include "tests/simulator/disk/reader.h"
#include "tests/simulator/disk/several.h"
#include "tests/simulator/disk/truth.h"
#include "tests/unit/storage/fake_disk.h"

#define READER_MAX  10
#define SEVERAL_MAX 4

/* What is between the core and the log's thread. */
struct batches {
    struct rt_journal_batch *offered; /* NULL: none, or the thread had it */
    struct rt_journal_batch *again;   /* that found no room, before it */
    uint64_t written; /* the number of the last one in the log */
    int err;          /* of the one behind it; the core was not told yet */
    bool is_halted;   /* the thread takes nothing but that */
};

/* What is to be fetched. */
struct wanted {
    uint64_t id; /* the topic's; 0: nothing is */
    uint64_t offset;
    struct rt_segment *segment;
};

/* A bit of the log that is another one. */
struct flip {
    struct fake_file *file;
    uint64_t at;
    uint32_t bit;
};

/* What this seed is like. */
struct habits {
    uint32_t topic_count;
    uint32_t reader_count;
    uint32_t len_max;
    uint32_t burst_max;
    uint32_t patience;     /* a connection is bad one time in so many */
    uint64_t segment_size; /* of the log */
    bool is_vast;          /* events are larger than a write, now and then */
    bool is_short;         /* of memory, now and then */
    bool is_damaged;       /* what is fetched cannot be had, now and then */
    bool fails;            /* a write does, some day */
    bool flips;            /* the log has another bit, after some ends */
};

struct world {
    struct chance chance;
    struct habits habits;
    struct rt_core core;
    struct rt_journal journal;
    struct rt_retention retention; /* in memory */
    uint64_t now_ms;
    uint64_t wall_ms;
    struct fake_disk disk;
    struct rt_heap log_heap;
    struct rt_retention log_retention;
    struct rt_log *log;
    struct rt_log_reader log_reader;
    struct rt_log_scanner log_scanner;
    struct rt_store log_store; /* of who reads */
    struct rt_journal_parts parts;
    struct batches batches;
    uint64_t last; /* the first ticket of the last batch that was done */
    struct wanted wanted;
    struct rt_log_scan *scan; /* that is wanted, too; NULL: none is */
    uint64_t refused;         /* the last number of what was said to be lost */
    bool is_full;             /* the disk is, as far as the core was told */
    bool is_retained;         /* the log has forgotten something, maybe */
    bool is_flipped;  /* the log has another bit: anything may be lost */
    struct flip flip; /* the last one */
    bool is_answered; /* with a loss: who is told of a gap now has a reason */
    uint64_t starts;
    uint64_t sequence; /* of what was last given a number */
    uint64_t begun;    /* the same when it began */
    uint32_t node_epoch;
    struct truth_topic topics[TRUTH_TOPIC_MAX];
    struct reader readers[READER_MAX];
    struct several several[SEVERAL_MAX];
    struct keyed keys[KEY_PLACES];
    uint64_t events; /* that there ever were */
};

void world_init(struct world *world, uint64_t seed);

/* Everybody has left: expects that no memory is left either. */
void world_finish(struct world *world);

/* The core's own. */
struct rt_topic *world_find(const struct world *world,
                            const struct truth_topic *topic);

/* Whether an event of that era can be had, now or when it is on disk. */
bool world_has(const struct world *world,
               const struct truth_topic *topic,
               const struct era *era,
               const struct event *event);

/* Whether an event of its topic's era is on disk, or will be. */
bool world_is_on_disk(const struct world *world,
                      const struct truth_topic *topic,
                      const struct event *event);

/* The core begins, and has no topic yet. */
void world_begin_core(struct world *world);

void world_set_time(struct world *world, uint64_t now_ms, uint64_t wall_ms);

/* What the core calls for whoever subscribes: sink.c */
extern const struct rt_sink_ops world_sink;

/* --- the log and its thread: disk.c --- */

extern const struct rt_history_ops disk_history;

/* Opens the log, and makes the core what it has: 0, or RT_EDAMAGED. */
int disk_open(struct world *world, struct rt_log_found *found);

/* The process is no more: what was not written never will be. */
void disk_close(struct world *world);

/* What there is is offered to the thread; the log takes it, or not; the core is
 * told. Each does nothing where there is nothing to do. */
void disk_take(struct world *world);
void disk_append(struct world *world);
void disk_tell(struct world *world);

/* Answers what is to be fetched. */
void disk_answer(struct world *world);
void disk_scan(struct world *world);
void disk_refuse(struct world *world);

/* There is no room, or again as much as there was. */
void disk_fill(struct world *world);
void disk_empty(struct world *world);

/* Applies retention to the log. */
void disk_retain(struct world *world);

/* What the log has of a topic; false: nothing. */
bool disk_extent(const struct world *world,
                 const struct rt_topic *found,
                 struct rt_log_extent *extent);

/* --- a bit of the log: damage.c --- */

/* Another one, maybe; and as it was before that. */
void damage_flip(struct world *world);
void damage_mend(struct world *world);

/* --- how it ends and begins again: restart.c --- */

/* On purpose, with all that there is on disk; else it just ends. */
void restart(struct world *world, bool is_clean);

/* --- what happens: publish.c, action.c --- */

void publish_one(struct world *world, struct truth_topic *topic);
void publish_together(struct world *world);

void action_step(struct world *world);

/* Everybody gets everything, and leaves. */
void action_end(struct world *world);

#endif
