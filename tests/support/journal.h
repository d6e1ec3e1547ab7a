/*
 * A core with a journal, and a disk that is plain memory: what is written to it
 * is compared with what was published.
 */
#ifndef TESTS_SUPPORT_JOURNAL_H
#define TESTS_SUPPORT_JOURNAL_H

#include "broker/core/journal.h"
#include "tests/support/sink.h"

struct test_journal {
    struct test_core test;
    struct rt_journal journal;
    uint64_t written; /* events, in all */
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

/* The note of that number in a batch. */
struct rt_note test_journal_note(const struct rt_journal_batch *batch,
                                 size_t number);

#endif
