/* A broker with a log on disk, as its host has it. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/core/topic.h"
#include "tests/unit/facade/logged.h"

/* --- what a host sees --- */

TEST("a broker that was stopped goes on where it was")
{
    struct test_directory directory;
    struct test_host host;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    (void)publish(&host, "a");
    struct ringtail_receipt last = publish(&host, "a");
    EXPECT_INT(last.offset, 2);
    test_host_finish(&host);
    test_host_init(&host, &config);
    struct ringtail_receipt next = publish(&host, "a");
    EXPECT_INT(next.offset, 3);
    EXPECT(memcmp(next.cursor, last.cursor, 9) == 0); /* the epoch */
    EXPECT(next.ts >= last.ts);
    test_host_finish(&host);
    test_directory_remove(&directory);
}

TEST("what is published while a batch is written is the next one")
{
    struct test_directory directory;
    struct test_host host;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    for (int i = 0; i < 300; i++) {
        (void)publish(&host, i % 3 == 0 ? "a" : "b");
        test_host_turn(&host);
    }
    until_written(&host);
    const struct rt_committer_news *news = &committer_of(&host)->news;
    EXPECT(news->batches > 0 && news->batches < 300);
    EXPECT(news->events > 0);
    EXPECT_INT(committer_of(&host)->journal.bytes, 0);
    test_host_finish(&host);
    test_directory_remove(&directory);
}

TEST("a broker that is not told of its end jumps, and gives no offset twice")
{
    struct test_directory directory;
    struct test_directory copy;
    struct test_host host;
    char command[200];
    test_directory_make(&directory);
    test_directory_make(&copy);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    struct ringtail_receipt last = publish(&host, "a");
    until_written(&host);
    /* What a crash would leave now. */
    (void)snprintf(command, sizeof(command), "cp %s/*.rtl %s", directory.path,
                   copy.path);
    EXPECT_INT(system(command), 0);
    test_host_finish(&host);
    config = config_over(&copy);
    test_host_init(&host, &config);
    struct ringtail_receipt next = publish(&host, "a");
    EXPECT_INT(next.offset, last.offset + 1 + RT_JOURNAL_JUMP);
    test_host_finish(&host);
    test_host_init(&host, &config);
    EXPECT_INT(publish(&host, "a").offset, next.offset + 1);
    test_host_finish(&host);
    test_directory_remove(&directory);
    test_directory_remove(&copy);
}

TEST("what other threads sent before the stop is in the log, and the last one")
{
    struct test_directory directory;
    struct test_host host;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    for (int i = 0; i < 100; i++) {
        EXPECT_INT(
            ringtail_publish_async(host.broker, "a", "x", 1, NULL, NULL, NULL),
            0);
    }
    test_host_finish(&host);
    test_host_init(&host, &config);
    EXPECT_INT(publish(&host, "a").offset, 101);
    test_host_finish(&host);
    test_directory_remove(&directory);
}

/* --- reasons not to begin --- */

static int created(const struct ringtail_config *config)
{
    uv_loop_t loop;
    struct ringtail_broker *broker = NULL;
    EXPECT_INT(uv_loop_init(&loop), 0);
    int err = ringtail_broker_create(config, &loop, &broker);
    EXPECT(err < 0 && broker == NULL);
    EXPECT_INT(uv_loop_close(&loop), 0);
    return err;
}

TEST("two brokers do not share a directory")
{
    struct test_directory directory;
    struct test_host host;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    EXPECT_INT(created(&config), RINGTAIL_ELOCKED);
    (void)publish(&host, "a");
    test_host_finish(&host);
    test_directory_remove(&directory);
}

TEST("a directory that cannot be had is an error, and leaves nothing")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.data = "/nonexistent/ringtail/data";
    EXPECT_INT(created(&config), UV_ENOENT);
    config.data = "/dev/null";
    EXPECT_INT(created(&config), UV_ENOTDIR);
}

TEST("a log that cannot be understood is an error, and stays as it is")
{
    struct test_directory directory;
    char path[128];
    char other[128];
    struct stat before;
    struct stat after;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    struct test_host host;
    test_host_init(&host, &config);
    test_host_finish(&host);
    (void)snprintf(path, sizeof(path), "%s/00000000000000000001.rtl",
                   directory.path);
    (void)snprintf(other, sizeof(other), "%s/00000000000000000002.rtl",
                   directory.path);
    EXPECT_INT(rename(path, other), 0); /* it is not what it says */
    EXPECT_INT(stat(other, &before), 0);
    EXPECT_INT(created(&config), RINGTAIL_EDAMAGED);
    EXPECT_INT(stat(other, &after), 0);
    EXPECT_INT(after.st_size, before.st_size);
    test_directory_remove(&directory);
}

TEST("a disk with less than the reserve takes no log")
{
    struct test_directory directory;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    config.data_reserve = RINGTAIL_UNLIMITED;
    EXPECT_INT(created(&config), UV_ENOSPC);
    test_directory_remove(&directory);
}

/* --- a guest --- */

static int thread_count(void)
{
    int count = 0;
    struct dirent *entry = NULL;
    DIR *tasks = opendir("/proc/self/task");
    EXPECT(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(tasks);
    return count;
}

TEST("there is one thread more while it lives, and none without a log")
{
    struct test_directory directory;
    struct test_host host;
    char name[16];
    int before = thread_count();
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, NULL);
    EXPECT_INT(thread_count(), before);
    test_host_finish(&host);
    test_host_init(&host, &config);
    EXPECT_INT(thread_count(), before + 1);
    EXPECT_INT(
        pthread_getname_np(committer_of(&host)->thread, name, sizeof(name)), 0);
    EXPECT_TEXT(rt_bytes_of(name), RT_COMMITTER_NAME);
    test_host_finish(&host);
    EXPECT_INT(thread_count(), before);
    test_directory_remove(&directory);
}

static volatile sig_atomic_t signalled;
static pthread_t signalled_thread;

static void on_signal(int number)
{
    (void)number;
    signalled_thread = pthread_self();
    signalled = 1;
}

TEST("signals are for the host's threads, and its mask stays as it was")
{
    struct test_directory directory;
    struct test_host host;
    sigset_t usr1;
    sigset_t mask;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    (void)signal(SIGUSR1, on_signal);
    (void)sigemptyset(&usr1);
    (void)sigaddset(&usr1, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &usr1, &mask);
    EXPECT(sigismember(&mask, SIGUSR1) == 0);
    (void)kill(getpid(), SIGUSR1); /* waits, for nobody takes it */
    (void)publish(&host, "a");
    until_written(&host);
    EXPECT_INT(signalled, 0);
    (void)pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    EXPECT_INT(signalled, 1);
    EXPECT(pthread_equal(signalled_thread, pthread_self()));
    (void)signal(SIGUSR1, SIG_DFL);
    test_host_finish(&host);
    test_directory_remove(&directory);
}

TEST("a broker with a log keeps the loop going no more than another")
{
    struct test_directory directory;
    struct test_host host;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    EXPECT(uv_loop_alive(&host.loop));
    ringtail_broker_unref(host.broker);
    EXPECT(!uv_loop_alive(&host.loop));
    test_host_finish(&host);
    test_directory_remove(&directory);
}

TEST("an event outside of the loop's turns is handed over by the next one")
{
    struct test_directory directory;
    struct test_host host;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    test_host_turns(&host, 3);
    EXPECT(uv_backend_timeout(&host.loop) > 0);
    (void)publish(&host, "a");
    EXPECT_INT(uv_backend_timeout(&host.loop), 0);
    until_written(&host);
    test_host_turns(&host, 3);
    EXPECT(uv_backend_timeout(&host.loop) > 0);
    test_host_finish(&host);
    test_directory_remove(&directory);
}

TEST("what the log takes is charged to the broker's memory")
{
    struct test_directory directory;
    struct test_host host;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    size_t charged = committer_of(&host)->charged;
    EXPECT(charged >= RT_COMMITTER_GRANT);
    EXPECT(host.broker->server.heap.used > charged);
    EXPECT(committer_of(&host)->heap.limit <= charged);
    test_host_finish(&host);
    test_directory_remove(&directory);
}
