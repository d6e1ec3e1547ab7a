/*
 * A core with a journal, and a disk that is plain memory: what is written to it
 * is compared with what was published.
 */
#ifndef TESTS_SUPPORT_JOURNAL_H
#define TESTS_SUPPORT_JOURNAL_H

#include "broker/core/history.h"
#include "broker/core/journal.h"
#include "tests/support/sink.h"

#define TEST_DISK_TOPICS 8    /* numbered from 1 */
#define TEST_DISK_EVENTS 8192 /* in all */

/* An event on disk. */
struct test_written {
    uint64_t id;
    uint64_t offset;
    struct rt_entry entry;
    char *frame; /* of the C library */
    size_t len;
};

struct test_journal {
    struct test_core test;
    struct rt_journal journal;
    uint64_t written; /* events, in all */
    struct test_written events[TEST_DISK_EVENTS];
    uint64_t earliest[TEST_DISK_TOPICS]; /* what retention has left */
    uint64_t damaged;                    /* number, of no topic that is known */
    uint64_t fetch_id;                   /* 0: nothing is wanted */
    uint64_t fetch_offset;
    struct rt_segment *segment;
    uint64_t fetches;
    struct rt_log_scan *scan; /* that is wanted; NULL: none is */
    uint64_t scans;
};

void test_journal_init(struct test_journal *disk,
                       struct rt_retention retention);

/* All sinks must be finished. */
void test_journal_finish(struct test_journal *disk);

/* Looks at all events of a batch: those of each topic must be what
 * test_core_publish made, one after the other. */
void test_journal_read(struct test_journal *disk,
                       const struct rt_journal_batch *batch);

/* Takes a batch, reads it, and says that it is on disk. */
void test_journal_write(struct test_journal *disk);

/* Fills the segment that is wanted and hands it over; an error instead. */
void test_journal_fetch(struct test_journal *disk);
void test_journal_fail_fetch(struct test_journal *disk, int err);

/* The same for what a scan asks for. */
void test_journal_scan(struct test_journal *disk);
void test_journal_fail_scan(struct test_journal *disk, int err);

/* Flushes, fetches and scans until no work remains. */
void test_journal_flush(struct test_journal *disk);

/* The note of that number in a batch. */
struct rt_note test_journal_note(const struct rt_journal_batch *batch,
                                 size_t number);

#endif
