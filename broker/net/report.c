#include "broker/net/report.h"

#include <uv.h>

#include "broker/net/server.h"

#define LINE_MAX_BYTES 256

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
}
