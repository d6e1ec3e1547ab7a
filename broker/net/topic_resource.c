#include "broker/net/topic_resource.h"

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/net/authorize.h"
#include "broker/net/query.h"
#include "broker/net/route.h"
#include "protocol/etag.h"

#define CACHE_LINES "Cache-Control: no-cache\r\n"

static struct rt_core *core_of(const struct rt_http_session *session)
{
    return &rt_http_session_server(session)->core;
}

static struct rt_bytes name_of(const struct rt_http_session *session)
{
    return (struct rt_bytes){session->exchange.topic,
                             session->exchange.topic_len};
}

/* The topic of the exchange; refuses the request if there is none. */
static struct rt_topic *find(struct rt_http_session *session)
{
    struct rt_topic *topic = rt_topic_find(core_of(session), name_of(session));
    if (topic == NULL) {
        rt_route_refuse(session, RT_PROBLEM_TOPIC_NOT_FOUND, name_of(session),
                        "nobody has published or subscribed to it lately");
    }
    return topic;
}

/* None of these takes parameters. */
static int check_query(struct rt_http_session *session,
                       const struct rt_target *target)
{
    static const struct rt_query none = {NULL, 0, "there are no parameters"};
    return rt_query_read(session, target->query, &none, NULL);
}

/* Any page can make a browser send a request to this machine, but not without
 * saying where the page is from (RFC 6454, section 7). */
static bool is_own_page(struct rt_bytes origin, struct rt_bytes host)
{
    static const struct rt_bytes schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(schemes); i++) {
        size_t len = schemes[i].len;
        if (rt_bytes_starts_with(origin, schemes[i])) {
            struct rt_bytes rest = {origin.data + len, origin.len - len};
            return rest.len > 0 && rt_bytes_equal_nocase(rest, host);
        }
    }
    return false;
}

static int check_origin(struct rt_http_session *session,
                        const struct rt_http_request *request)
{
    struct rt_bytes origin = request->fields[RT_HTTP_ORIGIN];
    if (origin.data == NULL ||
        is_own_page(origin, request->fields[RT_HTTP_HOST])) {
        return 0;
    }
    rt_route_refuse(session, RT_PROBLEM_FORBIDDEN, RT_BYTES("Origin"),
                    "pages of other sites may not change topics");
    return RT_EINVAL;
}

/* Whoever has a condition would rather have nothing changed than be passed
 * over (RFC 9110, section 13.1). */
static int check_conditions(struct rt_http_session *session,
                            const struct rt_http_request *request)
{
    static const char detail[] = "topics are changed without conditions";
    static const struct rt_unwanted_field unwanted[] = {
        {RT_HTTP_IF_MATCH, {"If-Match", 8}, detail},
        {RT_HTTP_IF_NONE_MATCH, {"If-None-Match", 13}, detail},
    };
    return rt_route_check_fields(session, request, unwanted,
                                 RT_ARRAY_LENGTH(unwanted));
}

/* Of what changes a topic. */
static int check_change(struct rt_http_session *session,
                        const struct rt_http_request *request)
{
    int err = check_origin(session, request);
    return err < 0 ? err : check_conditions(session, request);
}

/* --- answers --- */

struct rt_topic_state rt_topic_state_of(const struct rt_http_session *session,
                                        const struct rt_topic *topic)
{
    const struct rt_ring *ring = &topic->ring;
    struct rt_retention retention = rt_topic_retention(topic);
    const struct rt_retention *kept =
        topic->durable != NULL ? &topic->durable->kept : &rt_journal_all;
    return (struct rt_topic_state){
        .topic = topic->leaf.key,
        .earliest = rt_topic_earliest(topic),
        .latest = rt_topic_latest(topic),
        .events = ring->next_offset - rt_ring_earliest(ring),
        .bytes = ring->bytes,
        .has_subscribers =
            (session->connection->roles & RINGTAIL_ROLE_ADMIN) != 0,
        .subscribers = rt_topic_subscribers(topic),
        .is_closed = topic->is_closed,
        .configuration = {.ring_bytes = retention.bytes,
                          .ring_events = retention.events,
                          .max_age_ms = retention.age_ms,
                          .data_bytes = kept->bytes,
                          .data_events = kept->events,
                          .data_age_ms = kept->age_ms},
        .has_data = topic->durable != NULL,
        .ack = rt_topic_ack(topic),
    };
}

void rt_refusal_add_cursors(struct rt_refusal *refusal,
                            const struct rt_topic *topic)
{
    refusal->has_cursors = true;
    refusal->earliest = rt_topic_earliest(topic);
    refusal->latest = rt_topic_latest(topic);
}

void rt_resource_answer(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        struct rt_bytes headers,
                        struct rt_bytes body)
{
    char tag_memory[RT_ETAG_BYTES_MAX];
    char memory[RT_RESOURCE_HEADERS_MAX + RT_ETAG_BYTES_MAX + 64];
    struct rt_writer tag;
    struct rt_writer lines;
    rt_writer_init(&tag, tag_memory, sizeof(tag_memory));
    rt_writer_init(&lines, memory, sizeof(memory));
    rt_etag_write(&tag, body);
    RT_WRITE(&lines, CACHE_LINES "ETag: ");
    rt_write_bytes(&lines, rt_writer_bytes(&tag));
    RT_WRITE(&lines, "\r\n");
    rt_write_bytes(&lines, headers);
    RT_CHECK(!tag.overflowed && !lines.overflowed);
    struct rt_http_answer answer = {.status = 200,
                                    .content_type = "application/json",
                                    .headers = rt_writer_bytes(&lines),
                                    .body = body};
    if (rt_etag_is_known(request->fields[RT_HTTP_IF_NONE_MATCH],
                         rt_writer_bytes(&tag))) {
        answer.status = 304;
        answer.content_type = NULL;
        answer.body = (struct rt_bytes){0};
    }
    rt_http_answer(session, answer);
}

static struct rt_bytes write_state(const struct rt_http_session *session,
                                   const struct rt_topic *topic,
                                   char memory[RT_TOPIC_STATE_BYTES_MAX + 1])
{
    struct rt_writer writer;
    struct rt_topic_state state = rt_topic_state_of(session, topic);
    rt_writer_init(&writer, memory, RT_TOPIC_STATE_BYTES_MAX + 1);
    rt_topic_state_write(&writer, &state);
    RT_WRITE(&writer, "\n");
    RT_CHECK(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

static struct rt_bytes
write_cursor_line(const struct rt_topic *topic, char *memory, size_t size)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, size);
    RT_WRITE(&writer, "Ringtail-Cursor: ");
    rt_cursor_write(&writer, rt_topic_latest(topic));
    RT_WRITE(&writer, "\r\n");
    RT_CHECK(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

/* What was done, by what has become of the topic. */
static void answer_changed(struct rt_http_session *session,
                           const struct rt_topic *topic,
                           uint16_t status)
{
    char body_memory[RT_TOPIC_STATE_BYTES_MAX + 1];
    char memory[RT_CURSOR_BYTES_MAX + 32];
    rt_http_answer(
        session,
        (struct rt_http_answer){
            .status = status,
            .content_type = "application/json",
            .headers = write_cursor_line(topic, memory, sizeof(memory)),
            .body = write_state(session, topic, body_memory)});
}

/* --- GET --- */

static void get(struct rt_http_session *session,
                const struct rt_http_request *request,
                const struct rt_target *target)
{
    char body_memory[RT_TOPIC_STATE_BYTES_MAX + 1];
    char memory[RT_CURSOR_BYTES_MAX + 32];
    if (rt_authorize(session, RINGTAIL_SUBSCRIBE, request, target) < 0) {
        return;
    }
    const struct rt_topic *topic = find(session);
    if (topic != NULL) {
        rt_resource_answer(session, request,
                           write_cursor_line(topic, memory, sizeof(memory)),
                           write_state(session, topic, body_memory));
    }
}

/* --- PUT --- */

static int check_media(struct rt_http_session *session,
                       struct rt_bytes content_type)
{
    enum rt_media media = rt_media_type_classify(content_type);
    if (media != RT_MEDIA_JSON && media != RT_MEDIA_GUESS) {
        rt_route_refuse(session, RT_PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        RT_BYTES("Content-Type"), "send application/json");
        return RT_EINVAL;
    }
    return 0;
}

static int check_size(struct rt_http_session *session, uint64_t size)
{
    struct rt_refusal refusal = {.problem = RT_PROBLEM_PAYLOAD_TOO_LARGE,
                                 .limit = RT_TOPIC_CHANGE_BYTES_MAX};
    if (size > RT_TOPIC_CHANGE_BYTES_MAX) {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
        return RT_EINVAL;
    }
    return 0;
}

static int check_length(struct rt_http_session *session,
                        const struct rt_http_request *request)
{
    if (!request->is_chunked && !request->has_content_length) {
        rt_route_refuse(session, RT_PROBLEM_LENGTH_REQUIRED,
                        RT_BYTES("Content-Length"), "send {} at least");
        return RT_EINVAL;
    }
    return check_size(session, request->content_length);
}

static int check_ack(struct rt_http_session *session, enum rt_ack ack)
{
    struct rt_refusal refusal = {.subject = RT_BYTES("ack")};
    if (rt_disk_check_ack(rt_http_session_server(session), ack, &refusal) < 0) {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
        return RT_EINVAL;
    }
    return 0;
}

static int check_data(struct rt_http_session *session)
{
    if (core_of(session)->journal == NULL) {
        rt_route_refuse(session, RT_PROBLEM_NOT_IMPLEMENTED, RT_BYTES("data"),
                        "this node keeps nothing on disk");
        return RT_EINVAL;
    }
    return 0;
}

/* What is not asked for is as the node has it; but that a topic is closed is
 * not undone by leaving it out. */
static int read_change(struct rt_http_session *session,
                       struct rt_bytes payload,
                       struct rt_topic_change *change)
{
    const struct rt_core *core = core_of(session);
    const struct rt_retention *usual = &core->options.retention;
    struct rt_refusal refusal;
    *change =
        (struct rt_topic_change){.configuration = {.ring_bytes = usual->bytes,
                                                   .ring_events = usual->events,
                                                   .max_age_ms = usual->age_ms,
                                                   .data_bytes = UINT64_MAX,
                                                   .data_events = UINT64_MAX,
                                                   .data_age_ms = UINT64_MAX}};
    if (rt_topic_change_read(payload, change, &refusal) < 0) {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
        return RT_EINVAL;
    }
    if (check_ack(session, change->ack) < 0 ||
        (change->has_data && check_data(session) < 0)) {
        return RT_EINVAL;
    }
    uint64_t max = rt_topic_bytes_max(core);
    if (change->configuration.ring_bytes > max) {
        refusal = (struct rt_refusal){
            .problem = RT_PROBLEM_BAD_PARAMETER,
            .subject = RT_BYTES("ring_bytes"),
            .detail = "one topic may have a quarter of the broker's memory",
            .limit = max};
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
        return RT_EINVAL;
    }
    return 0;
}

static void keep(struct rt_topic *topic,
                 const struct rt_topic_configuration *configuration)
{
    struct rt_retention kept = {.bytes = configuration->data_bytes,
                                .events = configuration->data_events,
                                .age_ms = configuration->data_age_ms};
    if (topic->durable != NULL) {
        rt_journal_keep(topic, &kept);
    }
}

static int apply(struct rt_topic *topic, const struct rt_topic_change *change)
{
    struct rt_retention retention = {
        .bytes = change->configuration.ring_bytes,
        .events = change->configuration.ring_events,
        .age_ms = change->configuration.max_age_ms};
    if (rt_topic_retain(topic, &retention) < 0) {
        return RT_ENOMEM;
    }
    rt_topic_set_ack(topic, change->ack);
    keep(topic, &change->configuration);
    if (change->has_closed) {
        (change->is_closed ? rt_topic_close : rt_topic_open)(topic);
    }
    return 0;
}

static void finish_put(struct rt_http_session *session, struct rt_bytes payload)
{
    struct rt_core *core = core_of(session);
    uint32_t topic_count = core->topic_count;
    struct rt_topic_change change;
    if (check_size(session, payload.len) < 0 ||
        read_change(session, payload, &change) < 0) {
        return;
    }
    struct rt_topic *topic = rt_topic_obtain(core, name_of(session));
    bool is_new = core->topic_count > topic_count;
    if (topic == NULL || apply(topic, &change) < 0) {
        rt_topic_undo(topic, topic_count);
        rt_http_refuse_for_memory(session);
        return;
    }
    answer_changed(session, topic, is_new ? 201 : 200);
}

static void begin_put(struct rt_http_session *session,
                      const struct rt_http_request *request)
{
    if (check_change(session, request) == 0 &&
        check_media(session, request->fields[RT_HTTP_CONTENT_TYPE]) == 0 &&
        check_length(session, request) == 0) {
        session->exchange.finish = finish_put;
    }
}

/* --- DELETE, and POST .../close --- */

static void purge(struct rt_http_session *session,
                  const struct rt_http_request *request)
{
    struct rt_topic *topic =
        check_change(session, request) < 0 ? NULL : find(session);
    if (topic != NULL) {
        rt_topic_purge(topic);
        rt_http_answer(session, (struct rt_http_answer){.status = 204});
    }
}

void rt_topic_close_begin(struct rt_http_session *session,
                          const struct rt_http_request *request,
                          const struct rt_target *target)
{
    if (rt_route_topic(session, target->path) < 0 ||
        check_query(session, target) < 0 ||
        check_change(session, request) < 0) {
        return;
    }
    struct rt_topic *topic = find(session);
    if (topic != NULL) {
        rt_topic_close(topic);
        answer_changed(session, topic, 200);
    }
}

void rt_topic_begin(struct rt_http_session *session,
                    const struct rt_http_request *request,
                    const struct rt_target *target)
{
    if (rt_route_topic(session, target->path) < 0 ||
        check_query(session, target) < 0) {
        return;
    }
    switch (request->method) {
    case RT_HTTP_PUT:
        begin_put(session, request);
        break;
    case RT_HTTP_DELETE:
        purge(session, request);
        break;
    default:
        get(session, request, target);
        break;
    }
}
