/* GET /livez, /readyz, /metrics, /openapi.json: what an operator's tools ask
 * for. */
#include "broker/net/committer.h"
#include "broker/net/openapi.h"
#include "broker/net/route.h"
#include "broker/net/topic_resource.h"
#include "ringtail/ringtail.h"

#define METRICS_BYTES_MAX ((size_t)16 * 1024)

static void answer_text(struct rt_http_session *session,
                        uint16_t status,
                        struct rt_bytes body)
{
    rt_http_answer(session,
                   (struct rt_http_answer){
                       .status = status,
                       .content_type = "text/plain; charset=utf-8",
                       .headers = RT_BYTES("Cache-Control: no-store\r\n"),
                       .body = body});
}

void rt_livez_begin(struct rt_http_session *session,
                    const struct rt_http_request *request,
                    const struct rt_target *target)
{
    (void)request;
    (void)target;
    answer_text(session, 200, RT_BYTES("ok\n"));
}

/* A topic that has lost events does not make the others less ready. */
static void answer_log(struct rt_http_session *session,
                       const struct rt_committer *committer)
{
    switch (committer->journal.state) {
    case RT_JOURNAL_WORKING:
        answer_text(session, 200,
                    committer->found.damaged_topics > 0
                        ? RT_BYTES("ok\ntopics have lost events on disk\n")
                        : RT_BYTES("ok\n"));
        break;
    case RT_JOURNAL_FULL:
        answer_text(session, 503, RT_BYTES("storage-full\n"));
        break;
    case RT_JOURNAL_FAILED:
        answer_text(session, 503, RT_BYTES("storage-failed\n"));
        break;
    }
}

void rt_readyz_begin(struct rt_http_session *session,
                     const struct rt_http_request *request,
                     const struct rt_target *target)
{
    (void)request;
    (void)target;
    const struct rt_server *server = rt_connection_server(session->connection);
    const struct rt_committer *committer = server->committer;
    if (server->state != RT_SERVER_RUNNING) {
        answer_text(session, 503, RT_BYTES("draining\n"));
    } else if (committer == NULL) {
        answer_text(session, 200, RT_BYTES("ok\n"));
    } else {
        answer_log(session, committer);
    }
}

void rt_openapi_begin(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target)
{
    (void)target;
    rt_resource_answer(session, request, (struct rt_bytes){0},
                       (struct rt_bytes){rt_openapi_bytes, rt_openapi_len});
}

/* --- metrics, in the text format of Prometheus, version 0.0.4 --- */

static void write_help(struct rt_writer *writer,
                       const char *name,
                       const char *type,
                       const char *help)
{
    RT_WRITE(writer, "# HELP ringtail_");
    rt_write_bytes(writer, rt_bytes_of(name));
    RT_WRITE(writer, " ");
    rt_write_bytes(writer, rt_bytes_of(help));
    RT_WRITE(writer, "\n# TYPE ringtail_");
    rt_write_bytes(writer, rt_bytes_of(name));
    RT_WRITE(writer, " ");
    rt_write_bytes(writer, rt_bytes_of(type));
    RT_WRITE(writer, "\n");
}

/* `labels` is empty or `{name="value"}`. */
static void write_value(struct rt_writer *writer,
                        const char *name,
                        struct rt_bytes labels,
                        uint64_t value)
{
    RT_WRITE(writer, "ringtail_");
    rt_write_bytes(writer, rt_bytes_of(name));
    rt_write_bytes(writer, labels);
    RT_WRITE(writer, " ");
    rt_write_u64(writer, value);
    RT_WRITE(writer, "\n");
}

static void write_closes(struct rt_writer *writer,
                         const struct rt_counters *counters)
{
    write_help(writer, "connections_closed_total", "counter",
               "Subscriptions that ended, by reason.");
    for (int reason = 0; reason < RT_CLOSE_COUNT; reason++) {
        char memory[64];
        struct rt_writer labels;
        rt_writer_init(&labels, memory, sizeof(memory));
        RT_WRITE(&labels, "{reason=\"");
        rt_write_bytes(
            &labels, rt_bytes_of(rt_close_slug((enum rt_close_reason)reason)));
        RT_WRITE(&labels, "\"}");
        write_value(writer, "connections_closed_total",
                    rt_writer_bytes(&labels), counters->closes[reason]);
    }
}

static void write_answers(struct rt_writer *writer,
                          const struct rt_server *server)
{
    static const struct rt_bytes labels[] = {{"{class=\"1xx\"}", 13},
                                             {"{class=\"2xx\"}", 13},
                                             {"{class=\"3xx\"}", 13},
                                             {"{class=\"4xx\"}", 13},
                                             {"{class=\"5xx\"}", 13}};
    static const int classes[] = {1, 2, 3, 4, 5};
    write_help(writer, "http_responses_total", "counter",
               "HTTP answers, by class of status.");
    for (size_t i = 0; i < RT_ARRAY_LENGTH(classes); i++) {
        write_value(writer, "http_responses_total", labels[i],
                    server->answers[classes[i]]);
    }
}

struct metric {
    const char *name;
    const char *type;
    uint64_t value;
    const char *help;
};

static void
write_all(struct rt_writer *writer, const struct metric *metrics, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_help(writer, metrics[i].name, metrics[i].type, metrics[i].help);
        write_value(writer, metrics[i].name, (struct rt_bytes){0},
                    metrics[i].value);
    }
}

static void write_log_state(struct rt_writer *writer,
                            enum rt_journal_state state)
{
    static const struct rt_bytes labels[] = {
        [RT_JOURNAL_WORKING] = {"{state=\"working\"}", 17},
        [RT_JOURNAL_FULL] = {"{state=\"full\"}", 14},
        [RT_JOURNAL_FAILED] = {"{state=\"failed\"}", 16}};
    write_help(writer, "log_state", "gauge", "1 for the state of the log.");
    for (size_t i = 0; i < RT_ARRAY_LENGTH(labels); i++) {
        write_value(writer, "log_state", labels[i], i == state);
    }
}

static void write_log(struct rt_writer *writer,
                      const struct rt_committer *committer)
{
    const struct rt_committer_news *news = &committer->news;
    struct rt_log_usage usage = rt_log_usage(committer->log);
    const struct metric metrics[] = {
        {"log_bytes", "gauge", usage.bytes, "What the log takes on disk."},
        {"log_segments", "gauge", usage.segment_count, "Files of the log."},
        {"log_batches_total", "counter", news->batches,
         "Batches on disk, each with one sync."},
        {"log_batch_events", "gauge", news->events,
         "Events of the last batch."},
        {"log_write_microseconds_total", "counter", news->write_ns / 1000,
         "Time spent on writing and syncing batches."},
        {"log_waiting_bytes", "gauge", committer->journal.bytes,
         "Bytes of events and keys that are not on disk yet."},
        {"log_memory_bytes", "gauge", committer->charged,
         "Memory for the log, charged to the budget."},
        {"log_damaged_topics", "gauge", committer->found.damaged_topics,
         "Topics that have lost events on disk."},
    };
    write_all(writer, metrics, RT_ARRAY_LENGTH(metrics));
    write_log_state(writer, committer->journal.state);
}

static void write_metrics(struct rt_writer *writer,
                          const struct rt_server *server)
{
    const struct rt_core *core = &server->core;
    const struct rt_counters *counters = &core->counters;
    const struct metric metrics[] = {
        {"connections", "gauge", server->connection_count,
         "Open connections, HTTP and WebSocket."},
        {"connections_opened_total", "counter", server->connections_opened,
         "Connections accepted."},
        {"connections_refused_total", "counter", server->connections_refused,
         "Connections refused for want of room."},
        {"subscriptions", "gauge", core->subscriber_count,
         "Attached subscribers."},
        {"local_subscriptions", "gauge", core->local_count - server->poll_count,
         "Subscriptions of the process that the broker is a part of."},
        {"polls", "gauge", server->poll_count,
         "Requests that wait for an event."},
        {"topics", "gauge", core->topic_count, "Topics that exist."},
        {"events_produced_total", "counter", counters->events_produced,
         "Events appended."},
        {"bytes_produced_total", "counter", counters->bytes_produced,
         "Payload bytes appended."},
        {"events_rejected_total", "counter", counters->events_refused,
         "Events refused because the memory budget was spent."},
        {"rings_yielded_bytes_total", "counter", counters->bytes_yielded,
         "Memory of events that are on disk, given up for others."},
        {"events_delivered_total", "counter", counters->events_delivered,
         "Events handed to subscribers' connections."},
        {"bytes_delivered_total", "counter", counters->bytes_delivered,
         "Bytes of frames handed to subscribers' connections."},
        {"subscriber_writes_total", "counter", counters->writes,
         "Writes to subscribers' connections."},
        {"subscriber_stalls_total", "counter", counters->stalls,
         "Times a subscriber's connection took only part of a write."},
        {"subscriber_gaps_total", "counter", counters->gaps,
         "Gaps that subscribers were told of."},
        {"subscriber_events_missed_total", "counter", counters->events_missed,
         "Events in those gaps."},
        {"memory_bytes", "gauge", server->heap.used,
         "Memory charged to the budget."},
        {"memory_budget_bytes", "gauge", server->heap.limit,
         "The memory budget."},
        {"views_memory_bytes", "gauge", core->block_room.bytes,
         "Memory for events in formats other than raw."},
        {"memory_allocations_total", "counter", server->heap.allocations,
         "Allocations made."},
    };
    write_help(writer, "build_info", "gauge", "The version, as a label.");
    write_value(writer, "build_info",
                RT_BYTES("{version=\"" RINGTAIL_VERSION "\"}"), 1);
    write_all(writer, metrics, RT_ARRAY_LENGTH(metrics));
    write_answers(writer, server);
    write_closes(writer, counters);
    if (server->committer != NULL) {
        write_log(writer, server->committer);
    }
}

void rt_metrics_begin(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target)
{
    (void)request;
    (void)target;
    struct rt_server *server = rt_connection_server(session->connection);
    char *memory = rt_heap_alloc(&server->heap, METRICS_BYTES_MAX);
    if (memory == NULL) {
        rt_http_refuse_for_memory(session);
        return;
    }
    struct rt_writer writer;
    rt_writer_init(&writer, memory, METRICS_BYTES_MAX);
    write_metrics(&writer, server);
    RT_CHECK(!writer.overflowed);
    rt_http_answer(session,
                   (struct rt_http_answer){
                       .status = 200,
                       .content_type = "text/plain; version=0.0.4",
                       .headers = RT_BYTES("Cache-Control: no-store\r\n"),
                       .body = rt_writer_bytes(&writer)});
    rt_heap_free(&server->heap, memory, METRICS_BYTES_MAX);
}
