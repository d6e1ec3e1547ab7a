/*
 * What clients send as JSON: any valid text, taken apart, and operations. The
 * parts of a text are valid, with nothing but punctuation between them; a
 * string is the same when it is written and read again, and so is an operation.
 */
#include "protocol/operation.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "protocol/base64.h"
#include "protocol/event_type.h"
#include "protocol/idempotency_key.h"
#include "protocol/json.h"
#include "protocol/json_members.h"
#include "protocol/json_string.h"
#include "protocol/notice.h"
#include "protocol/utf8.h"
#include "tests/fuzz/fuzz.h"

/* Never NULL, so that no bytes have an address too. */
static char *obtain(size_t size)
{
    char *memory = malloc(size > 0 ? size : 1);
    RT_CHECK(memory != NULL);
    return memory;
}

/* --- Parts of a text --- */

static void try_string(struct rt_bytes string)
{
    char *memory = obtain(string.len);
    struct rt_bytes text = {NULL, SIZE_MAX};
    int err = rt_json_string_read(string, memory, string.len, &text);
    RT_CHECK(err == 0 || (err == RT_EINVAL && text.len == SIZE_MAX));
    if (err == 0) {
        struct rt_writer writer;
        struct rt_bytes again;
        size_t size = rt_json_string_size(text);
        char *written = obtain(size);
        char *read = obtain(size);
        rt_writer_init(&writer, written, size);
        rt_json_string_write(&writer, text);
        RT_CHECK(!writer.overflowed && writer.at == writer.end);
        RT_CHECK(rt_json_is_valid(rt_writer_bytes(&writer)));
        RT_CHECK(rt_json_string_read(rt_writer_bytes(&writer), read, size,
                                     &again) == 0);
        RT_CHECK(rt_bytes_equal(text, again));
        RT_CHECK(!rt_utf8_is_valid(string) || rt_utf8_is_valid(text));
        free(read);
        free(written);
    }
    free(memory);
}

static void try_value(struct rt_bytes value);

/* There is nothing but white space and one of `punctuation` before a part. */
static const char *pass(const char *from, const char *to, char punctuation)
{
    for (; from < to; from++) {
        RT_CHECK(memchr(" \t\r\n", *from, 4) != NULL || *from == punctuation);
    }
    return to;
}

static void try_object(struct rt_bytes value, struct rt_json_walk walk)
{
    struct rt_json_member member;
    const char *at = value.data;
    for (char before = '{'; rt_json_next_member(&walk, &member); before = ',') {
        at = pass(at, member.name.data, before) + member.name.len;
        at = pass(at, member.value.data, ':') + member.value.len;
        RT_CHECK(member.name.data[0] == '"');
        try_value(member.name);
        try_value(member.value);
    }
    const char *end = value.data + value.len;
    RT_CHECK(end[-1] == '}');
    (void)pass(at, end - 1, '{');
}

static void try_array(struct rt_bytes value, struct rt_json_walk walk)
{
    struct rt_bytes element;
    const char *at = value.data;
    for (char before = '['; rt_json_next_element(&walk, &element);
         before = ',') {
        at = pass(at, element.data, before) + element.len;
        try_value(element);
    }
    const char *end = value.data + value.len;
    RT_CHECK(end[-1] == ']');
    (void)pass(at, end - 1, '[');
}

static void try_value(struct rt_bytes value)
{
    struct rt_json_walk walk;
    RT_CHECK(value.len > 0 && rt_json_is_valid(value));
    RT_CHECK(strchr(" \t\r\n", value.data[0]) == NULL);
    if (rt_json_enter_object(value, &walk)) {
        try_object(value, walk);
    } else if (rt_json_enter_array(value, &walk)) {
        try_array(value, walk);
    } else if (value.data[0] == '"') {
        try_string(value);
    }
}

/* A value is not checked on its own: white space may be around it. */
static void try_text(struct rt_bytes text)
{
    struct rt_json_walk walk;
    struct rt_bytes value;
    char *wrapped = obtain(text.len + 2);
    wrapped[0] = '[';
    memcpy(wrapped + 1, text.data, text.len);
    wrapped[text.len + 1] = ']';
    struct rt_bytes array = {wrapped, text.len + 2};
    if (rt_json_is_valid(text) && rt_json_is_valid(array)) {
        RT_CHECK(rt_json_enter_array(array, &walk));
        RT_CHECK(rt_json_next_element(&walk, &value));
        try_value(value);
    }
    free(wrapped);
}

/* --- Operations --- */

static const char *const names[RT_OPERATION_COUNT] = {
#define X(name, op) op,
    RT_OPERATION_MAP(X)
#undef X
};

static void
write_text(struct rt_writer *writer, const char *name, struct rt_bytes text)
{
    if (text.len > 0) {
        rt_write_bytes(writer, rt_bytes_of(name));
        rt_json_string_write(writer, text);
    }
}

static void write_topics(struct rt_writer *writer,
                         const struct rt_operation *operation)
{
    if (operation->kind == RT_OPERATION_PUB) {
        write_text(writer, ",\"topic\":", operation->topics[0]);
        return;
    }
    for (size_t i = 0; i < operation->topic_count; i++) {
        write_text(writer, i == 0 ? ",\"topics\":[" : ",",
                   operation->topics[i]);
    }
    if (operation->topic_count > 0) {
        RT_WRITE(writer, "]");
    }
}

static void write_payload(struct rt_writer *writer,
                          const struct rt_operation *operation)
{
    switch (operation->content) {
    case RT_CONTENT_BINARY:
        RT_WRITE(writer, ",\"data_base64\":\"");
        rt_base64_write(writer, operation->payload);
        RT_WRITE(writer, "\"");
        return;
    case RT_CONTENT_TEXT:
        RT_WRITE(writer, ",\"data\":");
        rt_json_string_write(writer, operation->payload);
        return;
    default:
        RT_WRITE(writer, ",\"data\":");
        rt_write_bytes(writer, operation->payload);
    }
}

static void write_operation(struct rt_writer *writer,
                            const struct rt_operation *operation)
{
    RT_WRITE(writer, "{\"op\":\"");
    rt_write_bytes(writer, rt_bytes_of(names[operation->kind]));
    RT_WRITE(writer, "\"");
    if (operation->id.len > 0) {
        RT_WRITE(writer, ",\"id\":");
        rt_write_bytes(writer, operation->id);
    }
    write_topics(writer, operation);
    write_text(writer, ",\"since\":", operation->since);
    write_text(writer, ",\"gap\":", operation->gap);
    if (operation->kind == RT_OPERATION_SUB && !operation->echo) {
        RT_WRITE(writer, ",\"echo\":false");
    }
    if (operation->kind == RT_OPERATION_PUB) {
        write_payload(writer, operation);
    }
    write_text(writer, ",\"type\":", operation->type);
    write_text(writer, ",\"idempotency_key\":", operation->idempotency_key);
    write_text(writer, ",\"token\":", operation->token);
    RT_WRITE(writer, "}");
}

static bool is_same(const struct rt_operation *a, const struct rt_operation *b)
{
    for (size_t i = 0; i < a->topic_count && i < b->topic_count; i++) {
        if (!rt_bytes_equal(a->topics[i], b->topics[i])) {
            return false;
        }
    }
    return a->kind == b->kind && rt_bytes_equal(a->id, b->id) &&
           a->topic_count == b->topic_count &&
           rt_bytes_equal(a->since, b->since) &&
           rt_bytes_equal(a->gap, b->gap) && a->echo == b->echo &&
           rt_bytes_equal(a->payload, b->payload) && a->content == b->content &&
           rt_bytes_equal(a->type, b->type) &&
           rt_bytes_equal(a->idempotency_key, b->idempotency_key) &&
           rt_bytes_equal(a->token, b->token);
}

static void check_topics(const struct rt_operation *operation)
{
    const char *reason = NULL;
    for (size_t i = 0; i < operation->topic_count; i++) {
        struct rt_bytes topic = operation->topics[i];
        RT_CHECK(operation->kind == RT_OPERATION_PUB
                     ? rt_topic_check(topic, &reason) == 0
                     : rt_pattern_check(topic, &reason) == 0);
    }
    RT_CHECK((operation->topic_count > 0) ==
             (operation->kind <= RT_OPERATION_PUB));
}

static void check_operation(const struct rt_operation *operation)
{
    const char *reason = NULL;
    check_topics(operation);
    RT_CHECK(operation->id.len <= RT_NOTICE_ID_BYTES_MAX);
    RT_CHECK(operation->id.len == 0 || rt_json_is_valid(operation->id));
    RT_CHECK(operation->type.len == 0 ||
             rt_event_type_check(operation->type, &reason) == 0);
    RT_CHECK(operation->idempotency_key.len <= RT_IDEMPOTENCY_KEY_BYTES_MAX);
    RT_CHECK(operation->content == RT_CONTENT_BINARY ||
             rt_utf8_is_valid(operation->payload));
}

/* Each byte of what was read takes six at most, and the names 200. */
static void check_again(const struct rt_operation *operation, size_t text_len)
{
    struct rt_operation again;
    struct rt_refusal refusal;
    struct rt_writer writer;
    size_t size = 6 * text_len + 200;
    char *text = obtain(size);
    char *memory = obtain(size);
    rt_writer_init(&writer, text, size);
    write_operation(&writer, operation);
    RT_CHECK(!writer.overflowed);
    RT_CHECK(rt_operation_parse(rt_writer_bytes(&writer), memory, &again,
                                &refusal) == 0);
    RT_CHECK(is_same(operation, &again));
    free(memory);
    free(text);
}

static void try_operation(struct rt_bytes text)
{
    struct rt_operation operation = {.kind = RT_OPERATION_COUNT};
    struct rt_refusal refusal = {.problem = RT_PROBLEM_COUNT};
    char *memory = obtain(text.len);
    if (rt_operation_parse(text, memory, &operation, &refusal) == 0) {
        check_operation(&operation);
        check_again(&operation, text.len);
    } else {
        RT_CHECK(refusal.problem < RT_PROBLEM_COUNT && refusal.detail != NULL);
        RT_CHECK(operation.kind == RT_OPERATION_COUNT);
        RT_CHECK(operation.id.len == 0 || rt_json_is_valid(operation.id));
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct rt_bytes text = {(const char *)data, size};
        try_text(text);
        try_operation(text);
    }
    return 0;
}
