#include "broker/net/report.h"

#include <uv.h>

#include "base/error.h"
#include "broker/core/topic.h"
#include "broker/net/committer.h"
#include "broker/net/server.h"

#define LINE_MAX_BYTES   512
#define DAMAGED_TOLD_MAX 10
#define MIB              ((uint64_t)1024 * 1024)

/* One line: how many, what, and maybe why. */
static void tell(const struct rt_report *report,
                 enum ringtail_log_level level,
                 uint64_t count,
                 const char *what,
                 const char *why)
{
    char line[LINE_MAX_BYTES];
    struct rt_writer writer;
    if (count == 0) {
        return;
    }
    rt_writer_init(&writer, line, sizeof(line) - 1);
    rt_write_u64(&writer, count);
    RT_WRITE(&writer, " ");
    rt_write_bytes(&writer, rt_bytes_of(what));
    rt_write_bytes(&writer, rt_bytes_of(why));
    RT_CHECK(!writer.overflowed);
    line[rt_writer_bytes(&writer).len] = '\0';
    report->log(report->context, level, line);
}

/* The same without a number. */
static void tell_that(const struct rt_report *report,
                      enum ringtail_log_level level,
                      const char *what,
                      const char *why)
{
    char line[LINE_MAX_BYTES];
    struct rt_writer writer;
    rt_writer_init(&writer, line, sizeof(line) - 1);
    rt_write_bytes(&writer, rt_bytes_of(what));
    rt_write_bytes(&writer, rt_bytes_of(why));
    RT_CHECK(!writer.overflowed);
    line[rt_writer_bytes(&writer).len] = '\0';
    report->log(report->context, level, line);
}

static void tell_refusals(struct rt_server *server,
                          const struct rt_report *before)
{
    tell(before, RINGTAIL_LOG_WARNING,
         server->core.counters.events_refused - before->counters.events_refused,
         "events refused: the memory budget is spent", "");
    tell(before, RINGTAIL_LOG_WARNING,
         server->connections_refused - before->connections_refused,
         "connections refused: there are as many as may be", "");
    if (server->accept_failures > before->accept_failures) {
        tell(before, RINGTAIL_LOG_WARNING,
             server->accept_failures - before->accept_failures,
             "connections not accepted: ", uv_strerror(server->accept_error));
    }
}

/* Closes that the peer did not ask for, and that no stop explains. */
static void tell_closes(const struct rt_server *server,
                        const struct rt_report *before)
{
    static const enum rt_close_reason reasons[] = {
        RT_CLOSE_OVERLOAD, RT_CLOSE_SLOW_CONSUMER, RT_CLOSE_PONG_MISSED,
        RT_CLOSE_CURSOR_EVICTED};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(reasons); i++) {
        tell(before, RINGTAIL_LOG_INFO,
             server->core.counters.closes[reasons[i]] -
                 before->counters.closes[reasons[i]],
             "subscribers closed: ", rt_close_slug(reasons[i]));
    }
}

/* For their peers the connection is just lost. */
static void tell_sheds(const struct rt_server *server,
                       const struct rt_report *before)
{
    tell(before, RINGTAIL_LOG_WARNING,
         server->core.counters.sheds - before->counters.sheds,
         "stalled subscribers cut off: they kept too much memory", "");
}

/* --- the log on disk --- */

void rt_report_progress(const struct rt_report *report,
                        uint64_t done,
                        uint64_t all)
{
    char line[LINE_MAX_BYTES];
    struct rt_writer writer;
    if (report->log == NULL) {
        return;
    }
    rt_writer_init(&writer, line, sizeof(line) - 1);
    RT_WRITE(&writer, "reading the log: ");
    rt_write_u64(&writer, done / MIB);
    RT_WRITE(&writer, " of ");
    rt_write_u64(&writer, all / MIB);
    RT_WRITE(&writer, " MiB");
    line[rt_writer_bytes(&writer).len] = '\0';
    report->log(report->context, RINGTAIL_LOG_INFO, line);
}

/* The names of the first ones; all are counted. */
static void tell_damaged_topics(const struct rt_server *server)
{
    unsigned told = 0;
    RT_LIST_EACH (link, &server->core.topic_list) {
        const struct rt_topic *topic =
            RT_CONTAINER(link, struct rt_topic, link);
        if (topic->durable != NULL && topic->durable->is_damaged) {
            tell_that(&server->report, RINGTAIL_LOG_WARNING,
                      "events were lost on disk, and no more are taken: ",
                      topic->name);
            if (++told == DAMAGED_TOLD_MAX) {
                return;
            }
        }
    }
}

/* Whether offsets go on further, for events may have been lost. */
static bool has_jumped(const struct rt_server *server)
{
    return server->core.sequence > server->committer->found.sequence;
}

static const char *ending_of(const struct rt_server *server)
{
    return server->committer->found.is_clean ? "it was ended in good order"
           : has_jumped(server)              ? "it ended without a word"
                                             : "it is new";
}

static void tell_size(const struct rt_server *server, uint64_t took_ms)
{
    char line[LINE_MAX_BYTES];
    struct rt_writer writer;
    const struct rt_log_found *found = &server->committer->found;
    rt_writer_init(&writer, line, sizeof(line) - 1);
    RT_WRITE(&writer, "the log is open after ");
    rt_write_u64(&writer, took_ms);
    RT_WRITE(&writer, " ms: topics ");
    rt_write_u64(&writer, server->core.topic_count);
    RT_WRITE(&writer, ", segments ");
    rt_write_u64(&writer, found->segment_count);
    RT_WRITE(&writer, ", bytes ");
    rt_write_u64(&writer, found->bytes);
    RT_WRITE(&writer, "; ");
    rt_write_bytes(&writer, rt_bytes_of(ending_of(server)));
    line[rt_writer_bytes(&writer).len] = '\0';
    server->report.log(server->report.context, RINGTAIL_LOG_INFO, line);
}

static void tell_found(const struct rt_server *server)
{
    const struct rt_report *report = &server->report;
    const struct rt_log_found *found = &server->committer->found;
    if (has_jumped(server)) {
        tell(report, RINGTAIL_LOG_WARNING, RT_JOURNAL_JUMP,
             "offsets are left out in each topic: events that were not on disk "
             "are lost, and who comes from before is told of a gap",
             "");
    }
    tell(report, RINGTAIL_LOG_INFO, found->torn_bytes,
         "bytes cut off the log: the last batch was not whole", "");
    tell(report, RINGTAIL_LOG_INFO, found->removed,
         "segments removed from the end of the log: they were about to begin",
         "");
    tell(report, RINGTAIL_LOG_WARNING, found->damages,
         "places of the log are damaged: see `ringtail log verify`", "");
    tell(report, RINGTAIL_LOG_WARNING, found->damaged_topics,
         "topics have lost events on disk: see `ringtail log verify`", "");
}

void rt_report_opened(const struct rt_server *server, uint64_t took_ms)
{
    if (server->report.log != NULL) {
        tell_size(server, took_ms);
        tell_found(server);
        tell_damaged_topics(server);
    }
}

/* What the disk said is not known of each failure. */
static const char *reason_of(int err)
{
    return err == RT_EFAILED ? "a write or a sync has failed"
                             : uv_strerror(err);
}

static void tell_state(const struct rt_committer *committer,
                       const struct rt_report *before)
{
    switch (committer->journal.state) {
    case RT_JOURNAL_WORKING:
        tell_that(before, RINGTAIL_LOG_INFO, "the log has room again", "");
        break;
    case RT_JOURNAL_FULL:
        tell_that(before, RINGTAIL_LOG_WARNING,
                  "the log has no room left: publishers get 507", "");
        break;
    case RT_JOURNAL_FAILED:
        tell_that(before, RINGTAIL_LOG_WARNING,
                  "the log has failed, and takes nothing until a new start: ",
                  reason_of(committer->failure));
        break;
    }
}

static void tell_log(struct rt_server *server, const struct rt_report *before)
{
    const struct rt_committer *committer = server->committer;
    if (committer == NULL) {
        return;
    }
    if (committer->journal.state != before->log_state) {
        tell_state(committer, before);
    }
    if (committer->news.retain_err != before->retain_err &&
        committer->news.retain_err < 0) {
        tell_that(before, RINGTAIL_LOG_WARNING,
                  "old segments of the log could not be sealed or removed: ",
                  uv_strerror(committer->news.retain_err));
    }
    server->report.log_state = committer->journal.state;
    server->report.retain_err = committer->news.retain_err;
}

void rt_server_report(struct rt_server *server)
{
    struct rt_report before = server->report;
    if (before.log == NULL) {
        return;
    }
    server->report.counters = server->core.counters;
    server->report.connections_refused = server->connections_refused;
    server->report.accept_failures = server->accept_failures;
    tell_refusals(server, &before);
    tell_closes(server, &before);
    tell_sheds(server, &before);
    tell_log(server, &before);
}
