#include "tests/support/committer.h"

#include "broker/facade.h"
#include "broker/net/disk_answers.h"
#include "tests/support/test.h"

static struct rt_server *server_of(const struct test_committer *committer)
{
    return &committer->host->broker->server;
}

void test_committer_init(struct test_committer *committer,
                         struct test_host *host)
{
    committer->host = host;
    struct rt_core *core = &server_of(committer)->core;
    EXPECT_INT(core->topic_count, 0);
    rt_journal_init(&committer->journal, core);
    core->journal = &committer->journal;
}

void test_committer_begin(struct test_committer *committer)
{
    EXPECT(rt_journal_take(&committer->journal) != NULL);
}

void test_committer_end(struct test_committer *committer, int err)
{
    rt_journal_done(&committer->journal, err);
    rt_disk_answers_release(server_of(committer));
}

void test_committer_commit(struct test_committer *committer)
{
    test_committer_begin(committer);
    test_committer_end(committer, 0);
}

void test_committer_make_room(struct test_committer *committer)
{
    rt_journal_set_full(&committer->journal, false);
    rt_disk_answers_release(server_of(committer));
}

uint64_t test_committer_batches(const struct test_committer *committer)
{
    return committer->journal.done;
}

void test_committer_finish(struct test_committer *committer)
{
    test_host_stop(committer->host);
    rt_journal_finish(&committer->journal);
    test_host_finish(committer->host);
}
