/* GET /topics/{topic}/events: events in pages, and a wait for the next one. */
#include "base/error.h"
#include "broker/net/authorize.h"
#include "broker/net/event_page.h"
#include "broker/net/poll.h"
#include "broker/net/query.h"
#include "broker/net/route.h"
#include "broker/net/subscribe_query.h"
#include "broker/net/topic_resource.h"
#include "protocol/accept.h"
#include "protocol/quantity.h"

#define COMMON_LINES "Cache-Control: no-cache\r\nVary: Accept, Prefer\r\n"

#define HEADERS_MAX 1024

/* --- parameters --- */

struct values {
    struct rt_page_query query;
    uint64_t wall_ms;
};

static int take_after(void *context, struct rt_bytes value)
{
    struct values *values = context;
    int err = rt_since_parse(value, values->wall_ms, &values->query.after);
    return values->query.after.kind == RT_SINCE_NODE ? RT_EINVAL : err;
}

static int take_limit(void *context, struct rt_bytes value)
{
    struct values *values = context;
    int err = rt_count_parse(value, &values->query.limit);
    return err == 0 && values->query.limit > RT_PAGE_EVENTS_MAX ? RT_ERANGE
                                                                : err;
}

static int take_wait(void *context, struct rt_bytes value)
{
    struct values *values = context;
    int err = rt_duration_parse(value, &values->query.wait_ms);
    return err == 0 && values->query.wait_ms > RT_PAGE_WAIT_MS_MAX ? RT_ERANGE
                                                                   : err;
}

static int take_gap(void *context, struct rt_bytes value)
{
    struct values *values = context;
    const char *expected;
    return rt_gap_policy_parse(value, RT_FORMAT_NDJSON, &values->query.gap,
                               &expected);
}

static int take_format(void *context, struct rt_bytes value)
{
    struct values *values = context;
    values->query.is_ndjson = rt_bytes_equal(value, RT_BYTES("ndjson"));
    return values->query.is_ndjson || rt_bytes_equal(value, RT_BYTES("json"))
               ? 0
               : RT_EINVAL;
}

_Static_assert(RT_PAGE_EVENTS_MAX == 1000 && RT_PAGE_WAIT_MS_MAX == 60000,
               "the texts below say so");

static const struct rt_parameter parameters[] = {
    {{"after", 5},
     take_after,
     "it is now, earliest, a cursor, an RFC 3339 time, a duration such as "
     "10m, or -N"},
    {{"limit", 5}, take_limit, "it is a number from 1 to 1000"},
    {{"wait", 4}, take_wait, "it is a duration such as 10s, at most 60s"},
    {{"gap", 3}, take_gap, "it is notify, close or skip"},
    {{"format", 6}, take_format, "it is json or ndjson"},
};

static const struct rt_query query_of_page = {
    parameters, RT_ARRAY_LENGTH(parameters),
    "the parameters are after, limit, wait, gap and format"};

/* RFC 7240, section 4.3, in seconds. What is no number is not asked for, and
 * more than may be is as much as may be: a preference is never wrong. */
static uint64_t preferred_wait_ms(struct rt_bytes preferences)
{
    while (preferences.data != NULL) {
        struct rt_bytes value = rt_bytes_split(&preferences, ',');
        struct rt_bytes name = rt_bytes_trim(rt_bytes_split(&value, '='));
        struct rt_bytes text = rt_bytes_trim(rt_bytes_split(&value, ';'));
        uint64_t seconds = 0;
        if (rt_bytes_equal_nocase(name, RT_BYTES("wait")) &&
            rt_count_parse(text, &seconds) == 0) {
            return seconds < RT_PAGE_WAIT_MS_MAX / 1000 ? seconds * 1000
                                                        : RT_PAGE_WAIT_MS_MAX;
        }
    }
    return 0;
}

static int parse(struct rt_http_session *session,
                 const struct rt_http_request *request,
                 struct rt_bytes text,
                 struct rt_page_query *query)
{
    struct values values = {
        .wall_ms = rt_http_session_server(session)->core.wall_ms,
        .query = {.after = {.kind = RT_SINCE_EARLIEST},
                  .gap = RT_GAP_TELL,
                  .limit = RT_PAGE_EVENTS,
                  .wait_ms = preferred_wait_ms(request->fields[RT_HTTP_PREFER]),
                  .is_ndjson =
                      rt_accept_has_lines(request->fields[RT_HTTP_ACCEPT])}};
    int err = rt_query_read(session, text, &query_of_page, &values);
    *query = values.query;
    return err;
}

/* --- headers --- */

/* The same request from here on. */
static void write_link(struct rt_writer *writer,
                       const struct rt_topic *topic,
                       const struct rt_page_query *query,
                       struct rt_cursor cursor)
{
    RT_WRITE(writer, "Link: </topics/");
    rt_write_bytes(writer, topic->leaf.key);
    RT_WRITE(writer, "/events?after=");
    rt_cursor_write(writer, cursor);
    RT_WRITE(writer, "&limit=");
    rt_write_u64(writer, query->limit);
    if (query->wait_ms > 0) {
        RT_WRITE(writer, "&wait=");
        rt_duration_write(writer, query->wait_ms);
    }
    if (query->gap != RT_GAP_TELL) {
        rt_write_bytes(writer, query->gap == RT_GAP_SKIP
                                   ? RT_BYTES("&gap=skip")
                                   : RT_BYTES("&gap=close"));
    }
    rt_write_bytes(writer, query->is_ndjson ? RT_BYTES("&format=ndjson")
                                            : RT_BYTES(""));
    RT_WRITE(writer, ">; rel=\"next\"\r\n");
}

static void write_headers(struct rt_writer *writer,
                          const struct rt_topic *topic,
                          const struct rt_page_query *query,
                          const struct rt_page *page)
{
    struct rt_cursor cursor = rt_page_cursor(topic, page);
    RT_WRITE(writer, COMMON_LINES "Ringtail-Cursor: ");
    rt_cursor_write(writer, cursor);
    RT_WRITE(writer, "\r\n");
    if (page->is_at_head) {
        RT_WRITE(writer, "Ringtail-Up-To-Date: true\r\n");
    }
    if (!page->is_ended) {
        write_link(writer, topic, query, cursor);
    }
}

/* Returns the tag, which is valid as long as the writer's memory. */
static struct rt_bytes write_tag(struct rt_writer *writer,
                                 const struct rt_topic *topic,
                                 const struct rt_page_query *query,
                                 const struct rt_page *page)
{
    RT_WRITE(writer, "ETag: ");
    const char *start = writer->at;
    rt_page_tag_write(writer, topic, query, page);
    struct rt_bytes tag = {start, (size_t)(writer->at - start)};
    RT_WRITE(writer, "\r\n");
    return tag;
}

/* --- answers --- */

/* Writes the page into memory of its own, for the time of the answer. */
static void answer_page(struct rt_http_session *session,
                        const struct rt_topic *topic,
                        const struct rt_page_query *query,
                        const struct rt_page *page,
                        struct rt_bytes headers)
{
    struct rt_heap *heap = &rt_http_session_server(session)->heap;
    size_t size = rt_page_size(page);
    char *memory =
        rt_heap_is_low(heap, 2 * size) ? NULL : rt_heap_alloc(heap, size);
    if (memory == NULL) {
        rt_http_refuse_for_memory(session);
        return;
    }
    struct rt_writer body;
    rt_writer_init(&body, memory, size);
    rt_page_write(&body, topic, query, page);
    rt_http_answer(session,
                   (struct rt_http_answer){
                       .status = 200,
                       .content_type = query->is_ndjson ? "application/x-ndjson"
                                                        : "application/json",
                       .headers = headers,
                       .body = rt_writer_bytes(&body)});
    rt_heap_free(heap, memory, size);
}

static void answer_empty(struct rt_http_session *session,
                         uint16_t status,
                         struct rt_bytes headers)
{
    rt_http_answer(
        session, (struct rt_http_answer){.status = status, .headers = headers});
}

static void answer(struct rt_http_session *session,
                   const struct rt_topic *topic,
                   const struct rt_page_query *query,
                   const struct rt_page *page,
                   struct rt_bytes known_tags)
{
    char memory[HEADERS_MAX];
    struct rt_writer headers;
    rt_writer_init(&headers, memory, sizeof(memory));
    write_headers(&headers, topic, query, page);
    if (rt_page_is_empty(page) && query->wait_ms > 0) {
        answer_empty(session, 204, rt_writer_bytes(&headers));
        return;
    }
    struct rt_bytes tag = write_tag(&headers, topic, query, page);
    RT_CHECK(!headers.overflowed);
    if (rt_etag_is_known(known_tags, tag)) {
        answer_empty(session, 304, rt_writer_bytes(&headers));
    } else {
        answer_page(session, topic, query, page, rt_writer_bytes(&headers));
    }
}

static void refuse_gap(struct rt_http_session *session,
                       const struct rt_topic *topic,
                       const struct rt_gap *gap)
{
    char memory[RT_CURSOR_BYTES_MAX];
    struct rt_writer resume;
    bool is_other = gap->reason == RT_CLOSE_EPOCH_CHANGED;
    rt_writer_init(&resume, memory, sizeof(memory));
    rt_cursor_write(&resume, rt_resume_after(gap).cursor);
    struct rt_refusal refusal = {
        .problem =
            is_other ? RT_PROBLEM_EPOCH_CHANGED : RT_PROBLEM_CURSOR_EVICTED,
        .subject = rt_writer_bytes(&resume),
        .detail = "after this come the events that are left"};
    rt_refusal_add_cursors(&refusal, topic);
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

/* A page that is found is said, with its gap. */
static void respond(struct rt_http_session *session,
                    const struct rt_topic *topic,
                    const struct rt_page_query *query,
                    const struct rt_page *page,
                    struct rt_bytes known_tags)
{
    if (page->start.is_gap) {
        rt_core_count_gap(topic->core, page->start.gap.missed);
    }
    if (page->start.is_gap && query->gap == RT_GAP_CLOSE) {
        refuse_gap(session, topic, &page->start.gap);
    } else {
        answer(session, topic, query, page, known_tags);
    }
}

/* --- waiting --- */

static void wait(struct rt_http_session *session,
                 const struct rt_page_query *query,
                 struct rt_cursor after,
                 uint64_t wait_ms)
{
    if (rt_poll_begin(session, query, after, wait_ms) < 0) {
        rt_http_refuse_for_memory(session);
    }
}

/* Whether to wait for an event that there is not yet. */
static bool should_wait(const struct rt_server *server,
                        const struct rt_page_query *query,
                        const struct rt_page *page)
{
    return !page->start.is_gap && rt_page_is_empty(page) &&
           query->wait_ms > 0 && server->state == RT_SERVER_RUNNING;
}

/* Waits if there is nothing, or nothing here; else says what there is. */
static void begin(struct rt_http_session *session,
                  const struct rt_topic *topic,
                  struct rt_page_query *query,
                  struct rt_bytes known_tags)
{
    const struct rt_server *server = rt_http_session_server(session);
    struct rt_page page = rt_page_find(topic, query);
    bool is_refused = page.start.is_gap && query->gap == RT_GAP_CLOSE;
    if (page.is_away && !is_refused) {
        wait(session, query, page.start.cursor, RT_POLL_DISK_MS);
    } else if (should_wait(server, query, &page)) {
        query->after = (struct rt_since){
            .kind = RT_SINCE_CURSOR, .cursor = rt_page_cursor(topic, &page)};
        wait(session, query, query->after.cursor, query->wait_ms);
    } else {
        respond(session, topic, query, &page, known_tags);
    }
}

/* It has waited for as long as a page may, or what was fetched is gone again.
 */
static void refuse_disk(struct rt_http_session *session)
{
    struct rt_refusal refusal = {.problem = RT_PROBLEM_OVERLOADED,
                                 .detail = "the disk takes too long"};
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

void rt_topic_events_answer(struct rt_http_session *session,
                            const struct rt_page_query *query)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    struct rt_bytes name = {session->exchange.topic,
                            session->exchange.topic_len};
    const struct rt_topic *topic = rt_topic_find(core, name);
    if (topic == NULL) { /* it was purged when nobody followed it any more */
        rt_route_refuse(session, RT_PROBLEM_TOPIC_NOT_FOUND, name,
                        "it was there when the request came");
        return;
    }
    struct rt_page page = rt_page_find(topic, query);
    if (page.is_away) {
        refuse_disk(session);
    } else {
        respond(session, topic, query, &page, (struct rt_bytes){NULL, 0});
    }
}

/* Who waits for the first event of a topic is one who subscribes to it. */
static struct rt_topic *find(struct rt_http_session *session,
                             const struct rt_page_query *query)
{
    struct rt_core *core = &rt_http_session_server(session)->core;
    struct rt_bytes name = {session->exchange.topic,
                            session->exchange.topic_len};
    struct rt_topic *topic = query->wait_ms > 0 ? rt_topic_obtain(core, name)
                                                : rt_topic_find(core, name);
    if (topic == NULL && query->wait_ms > 0) {
        rt_http_refuse_for_memory(session);
    } else if (topic == NULL) {
        rt_route_refuse(session, RT_PROBLEM_TOPIC_NOT_FOUND, name,
                        "nobody has published or subscribed to it lately");
    }
    return topic;
}

void rt_topic_events_begin(struct rt_http_session *session,
                           const struct rt_http_request *request,
                           const struct rt_target *target)
{
    struct rt_page_query query;
    if (rt_route_topic(session, target->path) < 0 ||
        parse(session, request, target->query, &query) < 0 ||
        rt_authorize(session, RINGTAIL_SUBSCRIBE, request, target) < 0) {
        return;
    }
    const struct rt_topic *topic = find(session, &query);
    if (topic != NULL) {
        begin(session, topic, &query, request->fields[RT_HTTP_IF_NONE_MATCH]);
    }
}
