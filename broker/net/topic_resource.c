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

struct rt_topic *rt_resource_find(struct rt_http_session *session)
{
    struct rt_topic *topic = rt_topic_find(core_of(session), name_of(session));
    if (topic == NULL) {
        rt_route_refuse(session, RT_PROBLEM_TOPIC_NOT_FOUND, name_of(session),
                        "nobody has published or subscribed to it lately");
    }
    return topic;
}

static int check_query(struct rt_http_session *session,
                       const struct rt_target *target)
{
    static const struct rt_query none = {NULL, 0, "there are no parameters"};
    return rt_query_read(session, target->query, &none, NULL);
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

struct rt_bytes rt_resource_state(const struct rt_http_session *session,
                                  const struct rt_topic *topic,
                                  char memory[RT_RESOURCE_STATE_MAX])
{
    struct rt_writer writer;
    struct rt_topic_state state = rt_topic_state_of(session, topic);
    rt_writer_init(&writer, memory, RT_RESOURCE_STATE_MAX);
    rt_topic_state_write(&writer, &state);
    RT_WRITE(&writer, "\n");
    RT_CHECK(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

struct rt_bytes rt_resource_lines(const struct rt_topic *topic,
                                  enum rt_ack ack,
                                  char memory[RT_RESOURCE_LINES_MAX])
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, RT_RESOURCE_LINES_MAX);
    RT_WRITE(&writer, "Ringtail-Cursor: ");
    rt_cursor_write(&writer, rt_topic_latest(topic));
    RT_WRITE(&writer, "\r\n");
    rt_ack_write(&writer, ack);
    RT_CHECK(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

/* --- GET --- */

static void get(struct rt_http_session *session,
                const struct rt_http_request *request,
                const struct rt_target *target)
{
    char body_memory[RT_RESOURCE_STATE_MAX];
    char memory[RT_RESOURCE_LINES_MAX];
    if (check_query(session, target) < 0 ||
        rt_authorize(session, RINGTAIL_SUBSCRIBE, request, target) < 0) {
        return;
    }
    const struct rt_topic *topic = rt_resource_find(session);
    if (topic != NULL) {
        rt_resource_answer(session, request,
                           rt_resource_lines(topic, RT_ACK_UNSAID, memory),
                           rt_resource_state(session, topic, body_memory));
    }
}

void rt_topic_begin(struct rt_http_session *session,
                    const struct rt_http_request *request,
                    const struct rt_target *target)
{
    if (rt_route_topic(session, target->path) < 0) {
        return;
    }
    switch (request->method) {
    case RT_HTTP_PUT:
        rt_topic_put_begin(session, request, target);
        break;
    case RT_HTTP_DELETE:
        rt_topic_purge_begin(session, request, target);
        break;
    default:
        get(session, request, target);
        break;
    }
}
