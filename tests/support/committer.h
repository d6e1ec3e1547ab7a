/*
 * What brings a test host's events to disk, when the test says so: there is no
 * disk, and no thread. A broker whose log this is has a journal like any other.
 */
#ifndef TESTS_SUPPORT_COMMITTER_H
#define TESTS_SUPPORT_COMMITTER_H

#include "broker/core/journal.h"
#include "tests/support/host.h"

struct test_committer {
    struct test_host *host;
    struct rt_journal journal;
};

/* Gives the host's broker, which has no topics yet, a journal. */
void test_committer_init(struct test_committer *committer,
                         struct test_host *host);

/* Takes a batch, which must be there, to write it; and says that it is done, or
 * why not. */
void test_committer_begin(struct test_committer *committer);
void test_committer_end(struct test_committer *committer, int err);

/* Both, without an error. */
void test_committer_commit(struct test_committer *committer);

/* The disk has room again. */
void test_committer_make_room(struct test_committer *committer);

/* How many batches have been done. */
uint64_t test_committer_batches(const struct test_committer *committer);

/* Stops the host and finishes both. */
void test_committer_finish(struct test_committer *committer);

#endif
