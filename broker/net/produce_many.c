#include "broker/net/produce_many.h"

#include <string.h>

#include "base/error.h"
#include "broker/net/authorize.h"
#include "broker/net/produce.h"
#include "protocol/batch.h"

_Static_assert(RT_PUBLICATION_TOPICS_MAX == 64, "a detail below says it");

/* --- what is kept of the head --- */

static void keep_text(struct rt_writer *texts, struct rt_bytes *text)
{
    const char *at = texts->at;
    if (text->data != NULL) {
        rt_write_bytes(texts, *text);
        text->data = at;
    }
}

static void keep_asked(struct rt_many *many, struct rt_asked asked, size_t len)
{
    struct rt_writer texts;
    rt_writer_init(&texts, many->texts, len);
    keep_text(&texts, &asked.query);
    keep_text(&texts, &asked.authorization);
    keep_text(&texts, &asked.cookie);
    keep_text(&texts, &asked.origin);
    RT_CHECK(!texts.overflowed);
    many->asked = asked;
}

int rt_many_begin(struct rt_http_session *session,
                  const struct rt_http_request *request,
                  const struct rt_target *target)
{
    struct rt_heap *heap = &rt_http_session_server(session)->heap;
    struct rt_asked asked =
        rt_authorize_asked_of(RINGTAIL_PRODUCE, request, target);
    size_t len = asked.query.len + asked.authorization.len + asked.cookie.len +
                 asked.origin.len;
    size_t size = sizeof(struct rt_many) + len;
    char *memory = rt_heap_is_low(heap, size)
                       ? NULL
                       : rt_buffer_reserve(&session->notes, heap, size);
    if (memory == NULL) {
        rt_http_refuse_for_memory(session);
        return RT_EINVAL;
    }
    session->notes.len = size;
    struct rt_many *many = rt_many_of(session);
    many->topic_count = 0;
    many->allowed_count = 0;
    keep_asked(many, asked, len);
    return 0;
}

struct rt_many *rt_many_of(struct rt_http_session *session)
{
    return (struct rt_many *)(void *)session->notes.data;
}

/* --- topics --- */

static size_t scratch_size(struct rt_bytes body)
{
    return body.len + 1; /* the body may be empty */
}

char *rt_produce_take_scratch(struct rt_http_session *session,
                              struct rt_bytes body)
{
    struct rt_heap *heap = &rt_http_session_server(session)->heap;
    char *memory = rt_heap_is_low(heap, scratch_size(body))
                       ? NULL
                       : rt_heap_alloc(heap, scratch_size(body));
    if (memory == NULL) {
        rt_http_refuse_for_memory(session);
    }
    return memory;
}

void rt_produce_give_scratch(struct rt_http_session *session,
                             char *memory,
                             struct rt_bytes body)
{
    rt_heap_free(&rt_http_session_server(session)->heap, memory,
                 scratch_size(body));
}

struct rt_bytes rt_many_topic(const struct rt_many *many, uint32_t number)
{
    const struct rt_many_topic *topic = &many->topics[number];
    return (struct rt_bytes){topic->name, topic->len};
}

static bool has_topic(const struct rt_many *many, struct rt_bytes name)
{
    /* Mostly it is that of the event before. */
    for (uint32_t i = many->topic_count; i > 0; i--) {
        if (rt_bytes_equal(rt_many_topic(many, i - 1), name)) {
            return true;
        }
    }
    return false;
}

static int add_topic(struct rt_many *many,
                     struct rt_bytes name,
                     struct rt_refusal *refusal)
{
    if (has_topic(many, name)) {
        return 0;
    }
    if (many->topic_count == RT_PUBLICATION_TOPICS_MAX) {
        *refusal =
            (struct rt_refusal){.problem = RT_PROBLEM_PAYLOAD_TOO_LARGE,
                                .detail = "a batch has at most 64 topics",
                                .limit = RT_PUBLICATION_TOPICS_MAX};
        return RT_EINVAL;
    }
    struct rt_many_topic *topic = &many->topics[many->topic_count++];
    memcpy(topic->name, name.data, name.len);
    topic->len = (uint8_t)name.len;
    return 0;
}

static int find_topics(struct rt_many *many,
                       struct rt_bytes body,
                       size_t event_bytes_max,
                       char *memory,
                       struct rt_batch_fault *fault)
{
    struct rt_bytes line;
    uint32_t count = 0;
    int err = rt_batch_count(body, &count, fault);
    if (err < 0) {
        return err;
    }
    for (fault->index = 0; rt_batch_next(&body, &line); fault->index++) {
        struct rt_batch_item item;
        err = rt_batch_item_parse(line, event_bytes_max, memory, &item,
                                  &fault->refusal);
        if (err == 0) {
            err = add_topic(many, item.topic, &fault->refusal);
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int rt_many_find_topics(struct rt_http_session *session, struct rt_bytes body)
{
    const struct rt_server *server = rt_http_session_server(session);
    struct rt_batch_fault fault;
    char *memory = rt_produce_take_scratch(session, body);
    if (memory == NULL) {
        return RT_EINVAL;
    }
    int err = find_topics(rt_many_of(session), body,
                          server->options.event_bytes_max, memory, &fault);
    if (err < 0) {
        rt_produce_refuse_batch(session, &fault);
    }
    rt_produce_give_scratch(session, memory, body);
    return err;
}

/* --- asking --- */

int rt_many_authorize(struct rt_http_session *session)
{
    struct rt_many *many = rt_many_of(session);
    while (many->allowed_count < many->topic_count) {
        many->asked.topic = rt_many_topic(many, many->allowed_count);
        int err = rt_authorize_asked(session, &many->asked);
        session->asker.verdict = RT_VERDICT_NONE; /* it was for this topic */
        if (err < 0) {
            return err;
        }
        many->allowed_count++;
    }
    return 0;
}
