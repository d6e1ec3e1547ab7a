/* The protocol of redis-server: PUBLISH, answered by a number of readers. */
#include <string.h>

#include "bench/load_protocol.h"
#include "bench/load_report.h"

static void subscribe(struct load_dialog *dialog, const char *topic)
{
    static const char ends[] = ":1\r\n";
    struct load_step *step = load_dialog_step(dialog, ends, strlen(ends));
    step->begins = "*3\r\n$9\r\nsubscribe\r\n";
    load_step_print(step, "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n",
                    strlen(topic), topic);
}

static void end_with_line(struct load_wrapping *wrapping)
{
    wrapping->tail_len = 2;
    memcpy(wrapping->tail, "\r\n", 2);
}

static void wrap_published(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len)
{
    load_wrapping_print(wrapping,
                        "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n",
                        strlen(topic), topic, payload_len);
    end_with_line(wrapping);
}

static void wrap_delivered(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len)
{
    load_wrapping_print(wrapping,
                        "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n",
                        strlen(topic), topic, payload_len);
    end_with_line(wrapping);
}

static size_t
take_answer(struct load_answers *answers, const char *data, size_t len)
{
    size_t line_len = load_line_len(data, len);
    if (line_len > 0 && data[0] != ':') {
        load_fail("a PUBLISH was refused: %.*s", (int)line_len, data);
    }
    answers->count += line_len > 0 ? 1 : 0;
    return line_len;
}

static size_t take_other(int fd, const char *data, size_t len)
{
    (void)fd;
    load_fail("not an event: %.*s", (int)len, data);
}

const struct load_protocol load_redis = {
    .name = "redis",
    .subscribe = subscribe,
    .wrap_published = wrap_published,
    .wrap_delivered = wrap_delivered,
    .take_answer = take_answer,
    .take_other = take_other,
};
