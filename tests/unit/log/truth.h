/*
 * What a log must remember: batches of every kind, made from a seed, and beside
 * the log a plain account of what they come to. After a crash the log must be
 * as the account was after the last batch that was acknowledged, or as after
 * the one that was under way.
 */
#ifndef TESTS_UNIT_LOG_TRUTH_H
#define TESTS_UNIT_LOG_TRUTH_H

#include "storage/log/log.h"
#include "tests/support/random.h"
#include "tests/unit/storage/fake_disk.h"

#define TRUTH_TOPICS      5  /* at a time */
#define TRUTH_IDS_MAX     64 /* topics that there ever are */
#define TRUTH_OFFSETS_MAX 1024
#define TRUTH_KEYS_MAX    256
#define TRUTH_PARTS_MAX   8
#define TRUTH_WALL_MS     UINT64_C(1787000000000)

struct truth_topic {
    uint64_t id; /* 0: there is none */
    uint64_t next_offset;
    uint64_t floor;
    uint32_t version;                         /* of its state */
    uint64_t skipped[TRUTH_OFFSETS_MAX / 64]; /* a bit for each offset */
};

/* The account, a plain value. */
struct truth {
    struct truth_topic topics[TRUTH_TOPICS];
    uint64_t sequence;
    uint64_t last_id;
    uint64_t batches; /* the node's state is the number of its last batch */
    uint64_t node;
    uint64_t keys;
};

/* The bodies of a batch's parts, which the parts point into. */
struct truth_batch {
    struct rt_log_part parts[TRUTH_PARTS_MAX];
    struct rt_log_batch batch;
    struct rt_segment *segments[TRUTH_PARTS_MAX]; /* of events */
    char texts[TRUTH_PARTS_MAX][128];             /* of the others */
    struct rt_store store;
    struct rt_heap heap;
};

/* --- truth_batch.c: batches --- */

/* Makes the next batch, and brings the account up to it. */
void truth_batch_init(struct truth_batch *batch,
                      struct truth *truth,
                      struct test_random *random);
void truth_batch_finish(struct truth_batch *batch);

/* The name of a topic, and a version of its state. */
struct rt_bytes truth_name(uint64_t id, char text[32]);
struct rt_bytes truth_state(uint32_t version, char text[32]);

/* Whether there was an event of that offset, which may not count any more. */
bool truth_has(const struct truth_topic *topic, uint64_t offset);

/* What is wrong with events of a topic; NULL: nothing, they are what was
 * appended. */
const char *truth_check_events(uint64_t id, const struct rt_log_events *events);

/* --- truth.c: a log on a disk, and its account --- */

struct truth_log {
    struct fake_disk *disk;
    struct rt_heap heap;
    struct rt_log *log;
    struct truth sure;     /* all that was acknowledged */
    struct truth possible; /* and with what was tried since */
    bool has_failed;       /* it takes nothing more */
    uint64_t segment_bytes;
    uint64_t retained_bytes; /* UINT64_MAX: all */
    uint64_t min_free;
};

/* What a log tells when it is opened; all zeros before. */
struct truth_witness {
    const char *wrong; /* NULL: nothing yet */
    bool may_forget;   /* there is retention */
    uint64_t sequence;
    struct truth_topic topics[TRUTH_IDS_MAX]; /* by number */
    uint32_t sound_count;
    bool is_damaged[TRUTH_IDS_MAX];
    uint64_t first[TRUTH_IDS_MAX]; /* offset of the first event told; 0: none */
    uint64_t last[TRUTH_IDS_MAX];
    uint64_t told[TRUTH_IDS_MAX][TRUTH_OFFSETS_MAX / 64]; /* a bit for each */
    uint64_t node;
    bool has_key[TRUTH_KEYS_MAX];
};

/* A heap without a limit that keeps large blocks for those who come next. */
void truth_heap_init(struct rt_heap *heap);

/* With nothing in it yet, and not open. */
void truth_log_init(struct truth_log *log, struct fake_disk *disk);

/*
 * Opens the log and compares what it tells with the account, which becomes
 * sure. NULL, or what is wrong: an error of the opening is one, but for what
 * the disk says when it fails, which is told in `err`.
 */
const char *truth_log_open(struct truth_log *log, int *err);

/* Opens the log, whatever is in it: what the log says. */
int truth_log_look(struct truth_log *log,
                   struct truth_witness *witness,
                   struct rt_log_found *found);

/* What is wrong with what is read of an open log; NULL: nothing. */
const char *truth_log_read(struct truth_log *log);

/* NULL if what was seen is that account, damaged topics aside. */
const char *truth_compare(const struct truth_witness *witness,
                          const struct truth *truth);

/* What it is opened with. */
struct rt_log_options truth_log_options(struct truth_log *log);

/* Appends the next batch, and tries again if that is said to make sense. 0, or
 * what the log says. */
int truth_log_append(struct truth_log *log, struct test_random *random);

/* Gives all memory back, and expects that none is left. */
void truth_log_close(struct truth_log *log);

#endif
