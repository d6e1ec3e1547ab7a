#include <stdio.h>
#include <string.h>

#include "broker/net/report.h"
#include "tests/support/peer.h"
#include "tests/support/test.h"

struct journal {
    uint64_t lines;
    enum ringtail_log_level level;
    char text[512]; /* all lines */
};

static void
on_log(void *context, enum ringtail_log_level level, const char *text)
{
    struct journal *journal = context;
    size_t len = strlen(journal->text);
    journal->lines++;
    journal->level = level;
    (void)snprintf(journal->text + len, sizeof(journal->text) - len, "%s\n",
                   text);
}

static struct ringtail_config config_over(struct journal *journal)
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.log = on_log;
    config.log_context = journal;
    return config;
}

/* Runs the loop for about so many of the broker's seconds. */
static void run_for(struct test_host *host, uint64_t ms)
{
    uint64_t end = uv_hrtime() + ms * 1000000;
    while (uv_hrtime() < end) {
        (void)uv_run(&host->loop, UV_RUN_ONCE);
    }
}

TEST("events that are refused are told of once a second, in one line")
{
    static char payload[1024];
    struct journal journal = {0};
    struct ringtail_config config = config_over(&journal);
    struct test_host host;
    char topic[16];
    config.memory = (uint64_t)512 * 1024;
    test_host_init(&host, &config);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(topic, sizeof(topic), "t%d", i);
        (void)ringtail_publish(host.broker, topic, payload, sizeof(payload),
                               NULL, NULL);
    }
    EXPECT_INT(journal.lines, 0); /* never inside a call */
    run_for(&host, 2100);
    EXPECT_INT(journal.lines, 1);
    EXPECT_INT(journal.level, RINGTAIL_LOG_WARNING);
    EXPECT(strstr(journal.text,
                  " events refused: the memory budget is spent\n") != NULL);
    test_host_finish(&host);
    EXPECT_INT(journal.lines, 1);
}

TEST("connections that are refused are told of")
{
    static struct test_peer peers[2];
    struct journal journal = {0};
    struct ringtail_config config = config_over(&journal);
    struct test_host host;
    config.connections = 1;
    test_host_start(&host, &config);
    test_peer_connect(&peers[0], &host);
    test_peer_subscribe(&peers[0], "a");
    test_peer_connect(&peers[1], &host);
    test_peer_send(&peers[1], TEST_SUBSCRIBE("a"));
    test_peer_await(&peers[1], "503");
    run_for(&host, 1100);
    EXPECT_TEXT(rt_bytes_of(journal.text),
                "1 connections refused: there are as many as may be\n");
    test_peer_close(&peers[0]);
    test_peer_close(&peers[1]);
    test_host_finish(&host);
}

TEST("how much of a log has been read is told in one line")
{
    struct journal journal = {0};
    struct rt_report report = {.log = on_log, .context = &journal};
    rt_report_progress(&report, UINT64_C(600) << 20, UINT64_C(3) << 30);
    EXPECT_TEXT(rt_bytes_of(journal.text),
                "reading the log: 600 of 3072 MiB\n");
    EXPECT_INT(journal.level, RINGTAIL_LOG_INFO);
    report.log = NULL; /* nobody wants to know */
    rt_report_progress(&report, 0, 1);
    EXPECT_INT(journal.lines, 1);
}
