/*
 * Publishing to what other brokers keep on a disk: a stream of redis-server,
 * and JetStream of nats-server. Nobody subscribes.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/load_protocol.h"
#include "bench/load_report.h"

#define LINE_END "\r\n"
#define PONG     "PONG" LINE_END

static void end_with_line(struct load_wrapping *wrapping)
{
    wrapping->tail_len = strlen(LINE_END);
    memcpy(wrapping->tail, LINE_END, strlen(LINE_END));
}

static bool begins_with(const char *data, const char *words)
{
    return strncmp(data, words, strlen(words)) == 0;
}

static size_t take_other(int fd, const char *data, size_t len)
{
    (void)fd;
    load_fail("not an event: %.*s", (int)len, data);
}

/* --- redis: XADD, answered by the entry's identifier --- */

static void wrap_redis(struct load_wrapping *wrapping,
                       const char *topic,
                       size_t payload_len)
{
    load_wrapping_print(wrapping,
                        "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n"
                        "$1\r\nx\r\n$%zu\r\n",
                        strlen(topic), topic, payload_len);
    end_with_line(wrapping);
}

static size_t
take_redis(struct load_answers *answers, const char *data, size_t len)
{
    size_t line_len = load_line_len(data, len);
    if (line_len == 0) {
        return 0;
    }
    if (data[0] != '$') {
        load_fail("an XADD was refused: %.*s", (int)line_len, data);
    }
    answers->body_left = strtoul(data + 1, NULL, 10) + strlen(LINE_END);
    answers->count++;
    return line_len;
}

/* --- nats: a PUB, answered by a message to the publisher's own subject --- */

#define STREAM "BENCH"
#define INBOX  "_INBOX."
#define DESCRIBED                                          \
    "{\"name\":\"" STREAM "\",\"subjects\":[\"bench.>\"]," \
    "\"storage\":\"file\"}"

/* Whoever comes first creates the stream, which the others find. */
static void create_stream(struct load_dialog *dialog, uint32_t number)
{
    static const char ends[] = "}" LINE_END;
    struct load_step *step = load_dialog_step(dialog, ends, strlen(ends));
    step->begins = "MSG ";
    step->holds = "\"config\"";
    load_step_print(step,
                    "SUB " INBOX LOAD_NUMBER_FORMAT " 1\r\n"
                    "PUB $JS.API.STREAM.CREATE." STREAM
                    " " INBOX LOAD_NUMBER_FORMAT " %zu\r\n" DESCRIBED LINE_END,
                    number, number, strlen(DESCRIBED));
}

static void introduce(struct load_dialog *dialog, uint32_t number)
{
    struct load_step *step = load_dialog_step(dialog, PONG, strlen(PONG));
    load_step_print(step, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"
                          "PING\r\n");
    create_stream(dialog, number);
}

static void
wrap_nats(struct load_wrapping *wrapping, const char *topic, size_t payload_len)
{
    load_wrapping_print(wrapping, "PUB %s " INBOX, topic);
    wrapping->number_at = wrapping->head_len;
    load_wrapping_print(wrapping, LOAD_NUMBER_FORMAT " %zu\r\n", 0U,
                        payload_len);
    end_with_line(wrapping);
}

/* MSG, the subject, the subscription, and how long the payload is. */
static size_t
take_message(struct load_answers *answers, const char *data, size_t len)
{
    size_t line_len = load_line_len(data, len);
    const char *number = memrchr(data, ' ', line_len);
    size_t whole_len = line_len + strtoul(number, NULL, 10) + strlen(LINE_END);
    if (len < whole_len) {
        return 0;
    }
    if (memmem(data, whole_len, "\"seq\"", strlen("\"seq\"")) == NULL) {
        load_fail("a PUB was refused: %.*s", (int)whole_len, data);
    }
    answers->count++;
    return whole_len;
}

static size_t
take_nats(struct load_answers *answers, const char *data, size_t len)
{
    size_t line_len = load_line_len(data, len);
    if (line_len == 0) {
        return 0;
    }
    if (begins_with(data, "MSG ")) {
        return take_message(answers, data, len);
    }
    if (begins_with(data, "PING")) {
        answers->is_pinged = true;
    } else if (!begins_with(data, "INFO")) {
        load_fail("a PUB was refused: %.*s", (int)line_len, data);
    }
    return line_len;
}

/* Nobody does. */
static void subscribe(struct load_dialog *dialog, const char *topic)
{
    (void)dialog;
    (void)topic;
}

const struct load_protocol load_redis_stream = {
    .name = "redis-stream",
    .subscribe = subscribe,
    .wrap_published = wrap_redis,
    .wrap_delivered = wrap_redis,
    .take_answer = take_redis,
    .take_other = take_other,
};

const struct load_protocol load_nats_stream = {
    .name = "nats-stream",
    .introduce = introduce,
    .subscribe = subscribe,
    .wrap_published = wrap_nats,
    .wrap_delivered = wrap_nats,
    .take_answer = take_nats,
    .take_other = take_other,
    .pong = PONG,
    .pong_len = sizeof(PONG) - 1,
};
