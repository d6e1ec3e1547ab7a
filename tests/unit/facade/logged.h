/* A host with a log in a directory of its own. */
#ifndef TESTS_UNIT_FACADE_LOGGED_H
#define TESTS_UNIT_FACADE_LOGGED_H

#include "broker/facade.h"
#include "broker/net/committer.h"
#include "tests/support/directory.h"
#include "tests/support/host.h"
#include "tests/support/test.h"

static inline struct ringtail_config
config_over(const struct test_directory *directory)
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.data = directory->path;
    return config;
}

static inline struct ringtail_receipt publish(struct test_host *host,
                                              const char *topic)
{
    struct ringtail_receipt receipt;
    EXPECT_INT(ringtail_publish(host->broker, topic, "x", 1, NULL, &receipt),
               0);
    return receipt;
}

static inline struct rt_committer *committer_of(const struct test_host *host)
{
    return host->broker->server.committer;
}

static inline void until_written(struct test_host *host)
{
    TEST_UNTIL(&host->loop, rt_journal_is_idle(&committer_of(host)->journal));
}

#endif
