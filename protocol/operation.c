#include "protocol/operation.h"

#include "base/error.h"
#include "protocol/base64.h"
#include "protocol/event_type.h"
#include "protocol/idempotency_key.h"
#include "protocol/json.h"
#include "protocol/json_members.h"
#include "protocol/json_string.h"
#include "protocol/notice.h"
#include "protocol/topic.h"
#include "protocol/utf8.h"

_Static_assert(RT_NOTICE_ID_MAX == 64, "a detail below says this number");
_Static_assert(RT_SELECTOR_PATTERNS_MAX == 64, "another says this one");
_Static_assert(RT_IDEMPOTENCY_KEY_BYTES_MAX == 255, "and another this one");

#define MEMBER_MAP(X)                     \
    X(OP, "op")                           \
    X(ID, "id")                           \
    X(TOPIC, "topic")                     \
    X(TOPICS, "topics")                   \
    X(SINCE, "since")                     \
    X(GAP, "gap")                         \
    X(ECHO, "echo")                       \
    X(DATA, "data")                       \
    X(DATA_BASE64, "data_base64")         \
    X(TYPE, "type")                       \
    X(IDEMPOTENCY_KEY, "idempotency_key") \
    X(ACK, "ack")                         \
    X(VISIBLE, "visible")                 \
    X(TOKEN, "token")

enum member {
#define X(name, text) name,
    MEMBER_MAP(X)
#undef X
        MEMBER_COUNT
};

static const struct rt_bytes members[MEMBER_COUNT] = {
#define X(name, text) [name] = {text, sizeof(text) - 1},
    MEMBER_MAP(X)
#undef X
};

static const struct rt_bytes operations[RT_OPERATION_COUNT] = {
#define X(name, op) [RT_OPERATION_##name] = {op, sizeof(op) - 1},
    RT_OPERATION_MAP(X)
#undef X
};

/* The members that mean something to an operation, a bit each. */
#define BIT(member) (1U << (member))
#define ANY         (BIT(OP) | BIT(ID))

static const uint32_t meant[RT_OPERATION_COUNT] = {
    [RT_OPERATION_SUB] = ANY | BIT(TOPIC) | BIT(TOPICS) | BIT(SINCE) |
                         BIT(GAP) | BIT(ECHO) | BIT(VISIBLE),
    [RT_OPERATION_UNSUB] = ANY | BIT(TOPIC) | BIT(TOPICS),
    [RT_OPERATION_PUB] = ANY | BIT(TOPIC) | BIT(DATA) | BIT(DATA_BASE64) |
                         BIT(TYPE) | BIT(IDEMPOTENCY_KEY) | BIT(ACK),
    [RT_OPERATION_AUTH] = ANY | BIT(TOKEN),
    [RT_OPERATION_PING] = ANY,
};

/* A text on its way to an operation. */
struct parse {
    struct rt_bytes values[MEMBER_COUNT]; /* as in the text; data NULL: none */
    char *memory;                         /* what is left of it */
    struct rt_refusal *refusal;
};

static int refuse(struct parse *parse,
                  enum rt_problem problem,
                  struct rt_bytes subject,
                  const char *detail)
{
    *parse->refusal = (struct rt_refusal){
        .problem = problem, .subject = subject, .detail = detail};
    return RT_EINVAL;
}

static int refuse_text(struct parse *parse, const char *detail)
{
    return refuse(parse, RT_PROBLEM_BAD_REQUEST, (struct rt_bytes){NULL, 0},
                  detail);
}

/* Without an `op` that is one there is no operation that could have members. */
static int
refuse_member(struct parse *parse, enum member member, const char *detail)
{
    return refuse(
        parse, member == OP ? RT_PROBLEM_BAD_REQUEST : RT_PROBLEM_BAD_PARAMETER,
        members[member], detail);
}

static int
refuse_topic(struct parse *parse, enum member member, const char *detail)
{
    return refuse(parse, RT_PROBLEM_BAD_TOPIC, members[member], detail);
}

static bool is_there(const struct parse *parse, enum member member)
{
    return parse->values[member].data != NULL;
}

/* --- Finding the members --- */

/* Names are compared as they are written: none of ours needs an escape. */
static enum member member_of(struct rt_bytes name)
{
    enum member member = OP;
    while (member < MEMBER_COUNT && !rt_bytes_equal(members[member], name)) {
        member++;
    }
    return member;
}

static int keep(struct parse *parse, const struct rt_json_member *found)
{
    struct rt_bytes name = {found->name.data + 1, found->name.len - 2};
    enum member member = member_of(name);
    if (member == MEMBER_COUNT) {
        return refuse(parse, RT_PROBLEM_BAD_PARAMETER, name,
                      "there is no such member");
    }
    if (is_there(parse, member)) {
        return refuse_member(parse, member, "it is there twice");
    }
    parse->values[member] = found->value;
    return 0;
}

/* Goes on behind a member that is wrong, for the id may be there. */
static int find_members(struct parse *parse, struct rt_bytes text)
{
    struct rt_json_walk walk;
    struct rt_json_member member;
    int err = 0;
    if (!rt_utf8_is_valid(text)) {
        return refuse_text(parse, "a message is not UTF-8");
    }
    if (!rt_json_is_valid(text)) {
        return refuse_text(parse, "a message is not JSON");
    }
    if (!rt_json_enter_object(text, &walk)) {
        return refuse_text(parse, "a message is not an object");
    }
    while (rt_json_next_member(&walk, &member)) {
        int fault = keep(parse, &member);
        err = fault < 0 ? fault : err;
    }
    return err;
}

/* As it is written, for so it comes back; only the quotes do not count. */
static bool is_id(struct rt_bytes value)
{
    char first = value.data[0];
    if (first == '"') {
        return value.len <= RT_NOTICE_ID_BYTES_MAX;
    }
    bool is_number = first == '-' || (first >= '0' && first <= '9');
    return is_number && value.len <= RT_NOTICE_ID_MAX;
}

/* --- Values --- */

/* Members do not overlap: all that is read fits where the whole text does. */
static int read_string(struct parse *parse,
                       enum member member,
                       struct rt_bytes value,
                       struct rt_bytes *text)
{
    if (value.data[0] != '"') {
        return refuse_member(parse, member, "it is not a string");
    }
    if (rt_json_string_read(value, parse->memory, value.len, text) < 0) {
        return refuse_member(parse, member, "half a surrogate is no text");
    }
    parse->memory += value.len;
    return 0;
}

/* A text of at least one byte that must be there. */
static int
read_text(struct parse *parse, enum member member, struct rt_bytes *text)
{
    if (!is_there(parse, member)) {
        return refuse_member(parse, member, "it is missing");
    }
    int err = read_string(parse, member, parse->values[member], text);
    if (err == 0 && text->len == 0) {
        err = refuse_member(parse, member, "it is empty");
    }
    return err;
}

/* One that may be left out. */
static int
read_option(struct parse *parse, enum member member, struct rt_bytes *text)
{
    return is_there(parse, member) ? read_text(parse, member, text) : 0;
}

static bool is_ascii(struct rt_bytes text, char first)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < first || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static int read_ack(struct parse *parse, enum member member, enum rt_ack *ack)
{
    struct rt_bytes text = {NULL, 0};
    int err = read_option(parse, member, &text);
    if (err == 0 && text.len > 0 && rt_ack_parse(text, ack) < 0) {
        err = refuse_member(parse, member, rt_ack_expected);
    }
    return err;
}

/* --- sub, unsub --- */

static int read_echo(struct parse *parse, struct rt_operation *operation)
{
    struct rt_bytes value = parse->values[ECHO];
    if (value.data != NULL && value.data[0] != 't' && value.data[0] != 'f') {
        return refuse_member(parse, ECHO, "it is true or false");
    }
    operation->echo = value.data == NULL || value.data[0] == 't';
    return 0;
}

static int add_pattern(struct parse *parse,
                       enum member member,
                       struct rt_bytes value,
                       struct rt_operation *operation)
{
    const char *reason = NULL;
    struct rt_bytes *topic = &operation->topics[operation->topic_count];
    int err = read_string(parse, member, value, topic);
    if (err == 0 && rt_pattern_check(*topic, &reason) < 0) {
        err = refuse_topic(parse, member, reason);
    }
    operation->topic_count++;
    return err;
}

static int add_element(struct parse *parse,
                       struct rt_bytes value,
                       struct rt_operation *operation)
{
    uint32_t index = operation->topic_count;
    int err = 0;
    if (index == RT_SELECTOR_PATTERNS_MAX) {
        err = refuse_member(parse, TOPICS, "it has at most 64 topics");
        parse->refusal->limit = RT_SELECTOR_PATTERNS_MAX;
        return err;
    }
    err = add_pattern(parse, TOPICS, value, operation);
    if (err < 0) {
        parse->refusal->has_index = true;
        parse->refusal->index = index;
    }
    return err;
}

static int read_patterns(struct parse *parse, struct rt_operation *operation)
{
    struct rt_json_walk walk;
    struct rt_bytes value;
    int err = 0;
    if (!rt_json_enter_array(parse->values[TOPICS], &walk)) {
        return refuse_member(parse, TOPICS, "it is not an array");
    }
    operation->has_topics = true;
    while (err == 0 && rt_json_next_element(&walk, &value)) {
        err = add_element(parse, value, operation);
    }
    if (err == 0 && operation->topic_count == 0) {
        err = refuse_member(parse, TOPICS, "it is empty");
    }
    return err;
}

static int read_selection(struct parse *parse, struct rt_operation *operation)
{
    if (!is_there(parse, TOPICS)) {
        return is_there(parse, TOPIC)
                   ? add_pattern(parse, TOPIC, parse->values[TOPIC], operation)
                   : refuse_member(parse, TOPIC, "it is missing");
    }
    return is_there(parse, TOPIC)
               ? refuse_member(parse, TOPICS, "it is there beside topic")
               : read_patterns(parse, operation);
}

static int read_sub(struct parse *parse, struct rt_operation *operation)
{
    int err = read_selection(parse, operation);
    if (err == 0) {
        err = read_option(parse, SINCE, &operation->since);
    }
    if (err == 0) {
        err = read_option(parse, GAP, &operation->gap);
    }
    if (err == 0) {
        err = read_ack(parse, VISIBLE, &operation->visible);
    }
    return err == 0 ? read_echo(parse, operation) : err;
}

/* --- pub --- */

static int read_topic(struct parse *parse, struct rt_operation *operation)
{
    const char *reason = NULL;
    struct rt_bytes *topic = &operation->topics[0];
    int err = read_text(parse, TOPIC, topic);
    if (err == 0 && rt_topic_check(*topic, &reason) < 0) {
        err = refuse_topic(parse, TOPIC, reason);
    }
    operation->topic_count = 1;
    return err;
}

static int read_base64(struct parse *parse, struct rt_operation *operation)
{
    struct rt_bytes text;
    struct rt_bytes value = parse->values[DATA_BASE64];
    char *memory = parse->memory;
    int err = read_string(parse, DATA_BASE64, value, &text);
    if (err < 0) {
        return err;
    }
    if (rt_base64_decode(text, memory, value.len, &operation->payload) < 0) {
        return refuse_member(parse, DATA_BASE64, "it is not base64");
    }
    operation->content = RT_CONTENT_BINARY;
    return 0;
}

static int read_data(struct parse *parse, struct rt_operation *operation)
{
    struct rt_bytes value = parse->values[DATA];
    if (value.data[0] == '"') {
        operation->content = RT_CONTENT_TEXT;
        return read_string(parse, DATA, value, &operation->payload);
    }
    operation->content = RT_CONTENT_JSON;
    operation->payload = value;
    return 0;
}

static int read_payload(struct parse *parse, struct rt_operation *operation)
{
    if (!is_there(parse, DATA_BASE64)) {
        return is_there(parse, DATA)
                   ? read_data(parse, operation)
                   : refuse_member(parse, DATA, "it is missing");
    }
    return is_there(parse, DATA)
               ? refuse_member(parse, DATA_BASE64, "it is there beside data")
               : read_base64(parse, operation);
}

static int read_type(struct parse *parse, struct rt_operation *operation)
{
    const char *reason = NULL;
    int err = read_option(parse, TYPE, &operation->type);
    if (err == 0 && operation->type.len > 0 &&
        rt_event_type_check(operation->type, &reason) < 0) {
        err = refuse_member(parse, TYPE, reason);
    }
    return err;
}

static int read_key(struct parse *parse, struct rt_operation *operation)
{
    struct rt_bytes *key = &operation->idempotency_key;
    int err = read_option(parse, IDEMPOTENCY_KEY, key);
    if (err == 0 && key->len > RT_IDEMPOTENCY_KEY_BYTES_MAX) {
        err = refuse_member(parse, IDEMPOTENCY_KEY,
                            "a key has at most 255 bytes");
    }
    if (err == 0 && !is_ascii(*key, ' ')) {
        err = refuse_member(parse, IDEMPOTENCY_KEY, "a key is printable ASCII");
    }
    return err;
}

static int read_pub(struct parse *parse, struct rt_operation *operation)
{
    int err = read_topic(parse, operation);
    if (err == 0) {
        err = read_payload(parse, operation);
    }
    if (err == 0) {
        err = read_type(parse, operation);
    }
    if (err == 0) {
        err = read_key(parse, operation);
    }
    return err == 0 ? read_ack(parse, ACK, &operation->ack) : err;
}

/* --- All operations --- */

static int read_token(struct parse *parse, struct rt_operation *operation)
{
    int err = read_text(parse, TOKEN, &operation->token);
    if (err == 0 && !is_ascii(operation->token, '!')) {
        err = refuse_member(parse, TOKEN, "a token is visible ASCII");
    }
    return err;
}

static int read_kind(struct parse *parse, struct rt_operation *operation)
{
    struct rt_bytes op = {NULL, 0};
    int err = read_text(parse, OP, &op);
    if (err < 0) {
        return err;
    }
    for (int kind = 0; kind < RT_OPERATION_COUNT; kind++) {
        if (rt_bytes_equal(operations[kind], op)) {
            operation->kind = (enum rt_operation_kind)kind;
            return 0;
        }
    }
    return refuse(parse, RT_PROBLEM_BAD_REQUEST, op,
                  "there is no such operation");
}

static int check_members(struct parse *parse, enum rt_operation_kind kind)
{
    for (int i = 0; i < MEMBER_COUNT; i++) {
        enum member member = (enum member)i;
        if (is_there(parse, member) && (meant[kind] & BIT(member)) == 0) {
            return refuse_member(parse, member,
                                 "it means nothing to this operation");
        }
    }
    if (is_there(parse, ID) && !is_id(parse->values[ID])) {
        return refuse_member(parse, ID,
                             "it is a number or a string of at most 64 bytes");
    }
    return 0;
}

static int read_operation(struct parse *parse, struct rt_operation *operation)
{
    int err = read_kind(parse, operation);
    if (err == 0) {
        err = check_members(parse, operation->kind);
    }
    if (err < 0) {
        return err;
    }
    switch (operation->kind) {
    case RT_OPERATION_SUB:
    case RT_OPERATION_UNSUB:
        return read_sub(parse, operation);
    case RT_OPERATION_PUB:
        return read_pub(parse, operation);
    case RT_OPERATION_AUTH:
        return read_token(parse, operation);
    default:
        return 0;
    }
}

int rt_operation_parse(struct rt_bytes text,
                       char *memory,
                       struct rt_operation *operation,
                       struct rt_refusal *refusal)
{
    struct parse parse = {.memory = memory, .refusal = refusal};
    struct rt_operation read = {.kind = RT_OPERATION_PING};
    int err = find_members(&parse, text);
    if (is_there(&parse, ID) && is_id(parse.values[ID])) {
        read.id = parse.values[ID];
    }
    if (err == 0) {
        err = read_operation(&parse, &read);
    }
    if (err == 0) {
        *operation = read;
    }
    operation->id = read.id;
    return err;
}
