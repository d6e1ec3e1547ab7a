/*
 * What the broker writes with something of a peer's in it: problems, receipts,
 * answers and the reasons of closes. Whatever the peer sent, a writer keeps to
 * its size, and no control byte of the peer's gets into what it writes.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/core/close_reason.h"
#include "protocol/http_answer.h"
#include "protocol/http_response.h"
#include "protocol/json.h"
#include "protocol/problem.h"
#include "protocol/problem_read.h"
#include "protocol/receipt.h"
#include "protocol/timestamp.h"
#include "tests/fuzz/fuzz.h"

/* As long as any detail is. */
#define DETAIL                                                     \
    "is what a sentence would say that went on for longer than a " \
    "sentence has any right to go on, and says \"no\" at the end"

static bool is_printable(struct rt_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

/* One JSON object of printable bytes, and a line feed. */
static void check_json_line(const struct rt_writer *writer)
{
    struct rt_bytes text = rt_writer_bytes(writer);
    RT_CHECK(!writer->overflowed && text.len > 0);
    RT_CHECK(text.data[text.len - 1] == '\n');
    text.len--;
    RT_CHECK(is_printable(text) && text.data[0] == '{');
    RT_CHECK(rt_json_is_valid(text));
}

/* What the command line shows of a problem, or of what claims to be one. */
static void try_explain(struct rt_bytes body, bool is_problem)
{
    char memory[256];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_problem_explain(&writer, body);
    struct rt_bytes text = rt_writer_bytes(&writer);
    RT_CHECK(!is_problem || text.len > 0);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        RT_CHECK(byte >= ' ' && byte != 0x7f);
    }
}

static void try_problem(struct fuzz_input input)
{
    char memory[RT_PROBLEM_BYTES_MAX];
    struct rt_writer writer;
    struct rt_refusal refusal = {.problem =
                                     fuzz_take_byte(&input) % RT_PROBLEM_COUNT,
                                 .limit = fuzz_take_u64(&input),
                                 .detail = DETAIL,
                                 .subject = fuzz_take(&input, SIZE_MAX)};
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_problem_write(&writer, &refusal);
    check_json_line(&writer);
    try_explain(rt_writer_bytes(&writer), true);
    try_explain(refusal.subject, false);
}

static void try_receipt(struct fuzz_input input)
{
    char memory[RT_RECEIPT_BYTES_MAX];
    struct rt_writer writer;
    const char *reason;
    struct rt_receipt receipt = {
        .cursor = {(uint32_t)fuzz_take_u64(&input), fuzz_take_u64(&input)},
        .wall_ms = fuzz_take_u64(&input)};
    struct rt_bytes topic = fuzz_take(&input, SIZE_MAX);
    receipt.first = receipt.wall_ms;
    receipt.count = (uint32_t)topic.len / 2;
    if (rt_topic_check(topic, &reason) == 0) {
        rt_writer_init(&writer, memory, sizeof(memory));
        rt_receipt_write(&writer, topic, &receipt);
        RT_WRITE(&writer, "\n");
        check_json_line(&writer);
    }
}

static void try_close(struct fuzz_input input)
{
    char memory[RT_CLOSE_TEXT_MAX];
    struct rt_writer writer;
    uint8_t choice = fuzz_take_byte(&input);
    struct rt_resume resume = {
        .cursor = {(uint32_t)fuzz_take_u64(&input), fuzz_take_u64(&input)},
        .missed = fuzz_take_u64(&input),
        .has_cursor = (choice & 1) != 0};
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_close_write(&writer, (choice >> 1) % RT_CLOSE_COUNT, &resume);
    RT_CHECK(!writer.overflowed && is_printable(rt_writer_bytes(&writer)));
}

static const uint16_t statuses[] = {
#define X(status, phrase) status,
    RT_HTTP_STATUS_MAP(X)
#undef X
};

/* RFC 9112, section 6.3. */
static bool may_have_body(uint16_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* The head and the body are found where the answer says they are. */
static void check_answer(struct rt_bytes text,
                         const struct rt_http_answer *answer)
{
    struct rt_http_response response;
    size_t body_len = answer->is_head ? 0 : answer->body.len;
    struct rt_bytes head = {text.data, text.len - body_len};
    RT_CHECK(text.len <= rt_http_answer_size(answer));
    RT_CHECK(rt_http_response_parse(head, &response) == 0);
    RT_CHECK(response.status == answer->status);
    RT_CHECK(response.keep_alive == (answer->persistence != RT_HTTP_CLOSE));
    bool has_body = may_have_body(response.status);
    RT_CHECK(!has_body ||
             (response.has_end && response.body_bytes == answer->body.len));
}

static void try_answer(struct fuzz_input input)
{
    char date[RT_HTTP_DATE_BYTES];
    struct rt_writer writer;
    uint16_t status =
        statuses[fuzz_take_byte(&input) % RT_ARRAY_LENGTH(statuses)];
    uint8_t choice = fuzz_take_byte(&input);
    rt_writer_init(&writer, date, sizeof(date));
    rt_http_date_write(&writer, fuzz_take_u64(&input));
    bool has_body = may_have_body(status);
    struct rt_http_answer answer = {
        .status = status,
        .persistence = choice % 3,
        .is_head = (choice & 4) != 0,
        .headers = RT_BYTES("Retry-After: 1\r\n"),
        .content_type = has_body ? "application/problem+json" : NULL};
    answer.body = fuzz_take(&input, has_body ? SIZE_MAX : 0);
    size_t size = rt_http_answer_size(&answer);
    char *memory = malloc(size);
    RT_CHECK(memory != NULL);
    struct rt_bytes now = rt_writer_bytes(&writer);
    rt_writer_init(&writer, memory, size);
    rt_http_answer_write(&writer, &answer, now);
    RT_CHECK(!writer.overflowed);
    check_answer(rt_writer_bytes(&writer), &answer);
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    try_problem(input);
    try_receipt(input);
    try_close(input);
    try_answer(input);
    return 0;
}
