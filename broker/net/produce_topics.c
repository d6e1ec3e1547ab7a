/* POST /produce: a batch whose events name their topics, appended as a whole.
 */
#include <string.h>

#include "base/error.h"
#include "broker/net/http_input.h"
#include "broker/net/produce.h"
#include "broker/net/produce_many.h"
#include "broker/net/route.h"
#include "protocol/batch.h"
#include "protocol/receipt.h"

/* --- what the head says --- */

static int check_fields(struct rt_http_session *session,
                        const struct rt_http_request *request)
{
    static const struct rt_unwanted_field unwanted[] = {
        {RT_HTTP_RINGTAIL_TYPE,
         {"Ringtail-Type", 13},
         "each line names the type of its event"},
        {RT_HTTP_IF_MATCH, {"If-Match", 8}, "a condition is for one topic"},
        {RT_HTTP_IF_NONE_MATCH,
         {"If-None-Match", 13},
         "a condition is for one topic"},
    };
    return rt_route_check_fields(session, request, unwanted,
                                 RT_ARRAY_LENGTH(unwanted));
}

/* What curl says of everything is taken for what it must be. */
static int check_media(struct rt_http_session *session, struct rt_bytes type)
{
    struct rt_exchange *exchange = &session->exchange;
    if (exchange->media == RT_MEDIA_GUESS) {
        exchange->media = RT_MEDIA_NDJSON;
    }
    if (exchange->media != RT_MEDIA_NDJSON) {
        rt_route_refuse(session, RT_PROBLEM_UNSUPPORTED_MEDIA_TYPE, type,
                        "a batch is application/x-ndjson");
        return RT_EINVAL;
    }
    return 0;
}

void rt_produce_topics_begin(struct rt_http_session *session,
                             const struct rt_http_request *request,
                             const struct rt_target *target)
{
    session->exchange.topic_len = 0;
    if (check_fields(session, request) == 0 &&
        rt_produce_take_head(session, request, target) == 0 &&
        check_media(session, request->fields[RT_HTTP_CONTENT_TYPE]) == 0 &&
        rt_produce_check_length(session, request) == 0 &&
        rt_many_begin(session, request, target) == 0) {
        session->exchange.finish = rt_produce_topics_finish;
        rt_produce_await_disk(session);
    }
}

/* --- answers --- */

#define ACK_LINE_MAX 64

#define BODY_MAX (64 + RT_PUBLICATION_TOPICS_MAX * (RT_RECEIPT_BYTES_MAX + 1))

static void write_receipts(struct rt_writer *writer,
                           const struct rt_many *many,
                           const struct rt_receipt *receipts)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < many->topic_count; i++) {
        count += receipts[i].count;
    }
    RT_WRITE(writer, "{\"count\":");
    rt_write_u64(writer, count);
    for (uint32_t i = 0; i < many->topic_count; i++) {
        rt_write_bytes(writer,
                       i == 0 ? RT_BYTES(",\"receipts\":[") : RT_BYTES(","));
        rt_receipt_write(writer, rt_many_topic(many, i), &receipts[i]);
    }
    RT_WRITE(writer, "]}\n");
}

static void answer_with(struct rt_http_session *session,
                        const struct rt_receipt *receipts,
                        bool is_replayed)
{
    char memory[BODY_MAX];
    char header_memory[ACK_LINE_MAX];
    struct rt_writer body;
    struct rt_writer headers;
    rt_writer_init(&body, memory, sizeof(memory));
    rt_writer_init(&headers, header_memory, sizeof(header_memory));
    if (session->exchange.prefers_minimal) {
        rt_ack_write(&headers, receipts[0].ack);
    } else {
        write_receipts(&body, rt_many_of(session), receipts);
    }
    RT_CHECK(!body.overflowed && !headers.overflowed);
    rt_produce_answer_with(session, rt_writer_bytes(&body),
                           rt_writer_bytes(&headers), is_replayed);
}

static void answer(struct rt_http_session *session,
                   struct rt_receipt *receipts,
                   bool is_replayed)
{
    if (rt_produce_settle(session, receipts,
                          rt_many_of(session)->topic_count) == 0) {
        answer_with(session, receipts, is_replayed);
    }
}

/* The publisher waits for the first of its topics that is behind. */
static void wait_for_fanout(struct rt_http_session *session,
                            const struct rt_receipt *receipts)
{
    const struct rt_many *many = rt_many_of(session);
    struct rt_exchange *exchange = &session->exchange;
    uint32_t number = 0;
    while (number < many->topic_count && !receipts[number].is_congested) {
        number++;
    }
    if (number < many->topic_count) {
        struct rt_bytes topic = rt_many_topic(many, number);
        memcpy(exchange->topic, topic.data, topic.len);
        exchange->topic_len = (uint8_t)topic.len;
        rt_http_session_wait(session);
    }
}

/* --- events --- */

/* The lines are known to be events. */
static int add_events(struct rt_publication *publication,
                      struct rt_bytes body,
                      size_t event_bytes_max,
                      char *memory,
                      struct rt_bytes *topic)
{
    struct rt_bytes line;
    int err = 0;
    while (err == 0 && rt_batch_next(&body, &line)) {
        struct rt_batch_item item;
        struct rt_refusal refusal;
        RT_CHECK(rt_batch_item_parse(line, event_bytes_max, memory, &item,
                                     &refusal) == 0);
        struct rt_event event = {.topic = item.topic,
                                 .payload = item.payload,
                                 .type = item.type,
                                 .content = item.content};
        *topic = item.topic;
        err = rt_publication_add(publication, &event);
    }
    return err;
}

static int publish(struct rt_http_session *session,
                   struct rt_bytes body,
                   const struct rt_idempotency_request *request,
                   struct rt_receipt *receipts)
{
    struct rt_server *server = rt_http_session_server(session);
    struct rt_publication publication;
    struct rt_bytes topic = {NULL, 0};
    char *memory = rt_produce_take_scratch(session, body);
    if (memory == NULL) {
        return RT_EINVAL;
    }
    rt_publication_init(&publication, &server->core);
    int err = add_events(&publication, body, server->options.event_bytes_max,
                         memory, &topic);
    if (err == 0) {
        err = rt_produce_commit(&publication, request, receipts);
    }
    if (err < 0) {
        rt_publication_abandon(&publication);
        rt_produce_refuse(session, topic, err);
    }
    rt_produce_give_scratch(session, memory, body);
    return err;
}

void rt_produce_topics_finish(struct rt_http_session *session,
                              struct rt_bytes body)
{
    const struct rt_many *many = rt_many_of(session);
    struct rt_receipt receipts[RT_PUBLICATION_TOPICS_MAX];
    const struct rt_receipt *first;
    if ((many->topic_count == 0 && rt_many_find_topics(session, body) < 0) ||
        rt_many_authorize(session) < 0) {
        return;
    }
    struct rt_idempotency_request request =
        rt_produce_request(session, RT_BYTES(""), body);
    int known = rt_produce_recall(session, &request, &first);
    if (known == 1) {
        memcpy(receipts, first, many->topic_count * sizeof(receipts[0]));
        answer(session, receipts, true);
    }
    if (known == 0 && publish(session, body, &request, receipts) == 0) {
        answer(session, receipts, false);
        wait_for_fanout(session, receipts);
    }
}
