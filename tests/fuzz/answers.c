#include "tests/fuzz/answers.h"

#include "base/check.h"
#include "protocol/http_parser.h"
#include "protocol/http_response.h"
#include "protocol/utf8.h"
#include "protocol/ws_client.h"

struct answers {
    struct rt_bytes rest;
    bool asks_head;
    bool may_be_cut;
};

static struct rt_bytes take(struct answers *answers, size_t len)
{
    struct rt_bytes taken = {answers->rest.data, len};
    answers->rest.data += len;
    answers->rest.len -= len;
    return taken;
}

/* The rest is the beginning of something: that is right only if it was cut. */
static void take_cut(struct answers *answers)
{
    RT_CHECK(answers->may_be_cut);
    (void)take(answers, answers->rest.len);
}

/* --- frames --- */

static void check_frame(const struct rt_ws_header *header,
                        struct rt_bytes payload)
{
    RT_CHECK(header->is_final && header->opcode != RT_OPCODE_CONTINUATION);
    RT_CHECK(header->opcode != RT_OPCODE_TEXT || rt_utf8_is_valid(payload));
    if (header->opcode == RT_OPCODE_CLOSE && payload.len > 0) {
        RT_CHECK(payload.len >= 2);
        uint16_t code = rt_load_be16((const uint8_t *)payload.data);
        RT_CHECK(rt_close_code_is_valid(code));
    }
}

/* Returns whether another frame may follow. */
static bool take_frame(struct answers *answers)
{
    struct rt_ws_header header;
    int is_whole = rt_ws_header_parse(answers->rest, &header);
    RT_CHECK(is_whole >= 0);
    if (is_whole == 0 ||
        header.payload_bytes > answers->rest.len - header.header_bytes) {
        take_cut(answers);
        return false;
    }
    (void)take(answers, header.header_bytes);
    check_frame(&header, take(answers, (size_t)header.payload_bytes));
    return header.opcode != RT_OPCODE_CLOSE;
}

static void take_frames(struct answers *answers)
{
    bool is_over = false;
    while (answers->rest.len > 0) {
        RT_CHECK(!is_over);
        is_over = !take_frame(answers);
    }
}

/* --- answers --- */

/* No body of the broker's begins as an answer does. */
static bool is_without_body(const struct answers *answers)
{
    return answers->asks_head &&
           (answers->rest.len == 0 ||
            rt_bytes_starts_with(answers->rest, RT_BYTES("HTTP/1.1 ")));
}

static void take_body(struct answers *answers,
                      const struct rt_http_response *response)
{
    if (!response->has_end) {
        /* A stream of events, which ends with the connection. */
        RT_CHECK(response->status == 200 && !response->keep_alive);
        (void)take(answers, answers->rest.len);
        return;
    }
    if (response->body_bytes > answers->rest.len && answers->may_be_cut) {
        take_cut(answers);
    } else if (!is_without_body(answers)) {
        RT_CHECK(response->body_bytes <= answers->rest.len);
        (void)take(answers, (size_t)response->body_bytes);
    }
    RT_CHECK(response->keep_alive || answers->rest.len == 0);
}

static void take_answer(struct answers *answers)
{
    struct rt_http_response response;
    size_t scanned = 0;
    ssize_t len = rt_http_head_length(answers->rest, &scanned);
    RT_CHECK(len == 0 || len > 2);
    if (len == 0) {
        take_cut(answers);
        return;
    }
    struct rt_bytes head = take(answers, (size_t)len);
    RT_CHECK(rt_bytes_starts_with(head, RT_BYTES("HTTP/1.1 ")));
    RT_CHECK(rt_http_response_parse(head, &response) == 0);
    if (response.status == 101) {
        take_frames(answers);
    } else if (response.status != 100) {
        take_body(answers, &response);
    }
}

void fuzz_check_answers(struct rt_bytes bytes, bool asks_head, bool may_be_cut)
{
    struct answers answers = {bytes, asks_head, may_be_cut};
    while (answers.rest.len > 0) {
        take_answer(&answers);
    }
}
