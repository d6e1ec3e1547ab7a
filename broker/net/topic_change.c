/* What is done to a topic: PUT, DELETE, and POST .../close. */
#include "base/error.h"
#include "broker/core/control.h"
#include "broker/net/produce.h"
#include "broker/net/query.h"
#include "broker/net/route.h"
#include "broker/net/topic_resource.h"

static struct rt_core *core_of(const struct rt_http_session *session)
{
    return &rt_http_session_server(session)->core;
}

static struct rt_bytes name_of(const struct rt_http_session *session)
{
    return (struct rt_bytes){session->exchange.topic,
                             session->exchange.topic_len};
}

/* --- who may --- */

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

/* --- how far a change has come --- */

static int check_ack(struct rt_http_session *session, enum rt_ack ack)
{
    struct rt_refusal refusal = {.subject = RT_BYTES("ack")};
    if (rt_disk_check_ack(rt_http_session_server(session), ack, &refusal) < 0) {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
        return RT_EINVAL;
    }
    return 0;
}

static int take_ack(void *values, struct rt_bytes value)
{
    return rt_ack_parse(value, values);
}

/* What is to be said of a change that is asked for. */
static int read_ack(struct rt_http_session *session,
                    const struct rt_target *target)
{
    static const struct rt_parameter ack = {
        {"ack", 3}, take_ack, rt_ack_expected};
    static const struct rt_query query = {&ack, 1, "the only parameter is ack"};
    struct rt_exchange *exchange = &session->exchange;
    exchange->ack = RT_ACK_UNSAID;
    int err = rt_query_read(session, target->query, &query, &exchange->ack);
    return err < 0 ? err : check_ack(session, exchange->ack);
}

/* Of what changes a topic. */
static int check_change(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        const struct rt_target *target)
{
    return read_ack(session, target) == 0 &&
                   check_origin(session, request) == 0 &&
                   check_conditions(session, request) == 0
               ? 0
               : RT_EINVAL;
}

/* What will not come to disk is not done. */
static int check_disk(struct rt_http_session *session)
{
    const struct rt_journal *journal = core_of(session)->journal;
    if (journal == NULL) {
        return 0;
    }
    int err = rt_disk_check(rt_http_session_server(session),
                            rt_journal_ticket(journal));
    if (err == RT_EAGAIN) {
        return 0;
    }
    rt_produce_refuse(session, (struct rt_bytes){0}, err);
    return RT_EINVAL;
}

/* What goes for events of the topic goes for what is done to it. */
static enum rt_ack find_ack(const struct rt_http_session *session,
                            const struct rt_topic *topic)
{
    enum rt_ack usual = rt_topic_ack(topic);
    bool is_said =
        usual != RT_ACK_UNSAID && session->exchange.ack != RT_ACK_UNSAID;
    return is_said ? session->exchange.ack : usual;
}

/* The answer to come waits for what was changed; of a topic that the log does
 * not know there is nothing to wait for. */
static void await_change(struct rt_http_session *session,
                         const struct rt_topic *topic,
                         enum rt_ack ack)
{
    if (ack == RT_ACK_DISK && topic != NULL && rt_journal_knows(topic)) {
        uint64_t ticket = rt_journal_change_ticket(topic);
        RT_CHECK(rt_disk_answers_hold(session, ticket) == 0);
    }
}

/* What was done, by what has become of the topic. */
static void answer_changed(struct rt_http_session *session,
                           const struct rt_topic *topic,
                           uint16_t status)
{
    char body_memory[RT_RESOURCE_STATE_MAX];
    char memory[RT_RESOURCE_LINES_MAX];
    enum rt_ack ack = find_ack(session, topic);
    await_change(session, topic, ack);
    rt_http_answer(session,
                   (struct rt_http_answer){
                       .status = status,
                       .content_type = "application/json",
                       .headers = rt_resource_lines(topic, ack, memory),
                       .body = rt_resource_state(session, topic, body_memory)});
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

static int check_data(struct rt_http_session *session)
{
    if (core_of(session)->journal == NULL) {
        rt_route_refuse(session, RT_PROBLEM_NOT_IMPLEMENTED, RT_BYTES("data"),
                        "this node keeps nothing on disk");
        return RT_EINVAL;
    }
    return 0;
}

static int check_ring_bytes(struct rt_http_session *session, uint64_t bytes)
{
    uint64_t max = rt_topic_bytes_max(core_of(session));
    struct rt_refusal refusal = {
        .problem = RT_PROBLEM_BAD_PARAMETER,
        .subject = RT_BYTES("ring_bytes"),
        .detail = "one topic may have a quarter of the broker's memory",
        .limit = max};
    if (bytes > max) {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
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
    const struct rt_retention *usual = &core_of(session)->options.retention;
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
    return check_ring_bytes(session, change->configuration.ring_bytes);
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
        read_change(session, payload, &change) < 0 || check_disk(session) < 0) {
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

void rt_topic_put_begin(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        const struct rt_target *target)
{
    if (check_change(session, request, target) == 0 &&
        check_media(session, request->fields[RT_HTTP_CONTENT_TYPE]) == 0 &&
        check_length(session, request) == 0) {
        session->exchange.finish = finish_put;
    }
}

/* --- DELETE, and POST .../close --- */

/* The topic to change; NULL if the request is refused. */
static struct rt_topic *find_to_change(struct rt_http_session *session,
                                       const struct rt_http_request *request,
                                       const struct rt_target *target)
{
    bool may_change =
        check_change(session, request, target) == 0 && check_disk(session) == 0;
    return may_change ? rt_resource_find(session) : NULL;
}

static void answer_purged(struct rt_http_session *session, enum rt_ack ack)
{
    char memory[RT_RESOURCE_LINES_MAX];
    struct rt_writer lines;
    rt_writer_init(&lines, memory, sizeof(memory));
    rt_ack_write(&lines, ack);
    RT_CHECK(!lines.overflowed);
    rt_http_answer(session,
                   (struct rt_http_answer){.status = 204,
                                           .headers = rt_writer_bytes(&lines)});
}

/* The topic may be gone when it is purged, and is as the others are else. */
void rt_topic_purge_begin(struct rt_http_session *session,
                          const struct rt_http_request *request,
                          const struct rt_target *target)
{
    struct rt_topic *topic = find_to_change(session, request, target);
    if (topic != NULL) {
        enum rt_ack ack = find_ack(session, topic);
        if (rt_topic_purge(topic) < 0) {
            rt_http_refuse_for_memory(session);
            return;
        }
        topic = rt_topic_find(core_of(session), name_of(session));
        await_change(session, topic, ack);
        answer_purged(session, ack);
    }
}

void rt_topic_close_begin(struct rt_http_session *session,
                          const struct rt_http_request *request,
                          const struct rt_target *target)
{
    if (rt_route_topic(session, target->path) < 0) {
        return;
    }
    struct rt_topic *topic = find_to_change(session, request, target);
    if (topic != NULL) {
        rt_topic_close(topic);
        answer_changed(session, topic, 200);
    }
}
