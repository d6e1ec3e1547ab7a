#include "protocol/batch.h"

#include "base/error.h"
#include "protocol/base64.h"
#include "protocol/event_type.h"
#include "protocol/json.h"
#include "protocol/json_members.h"
#include "protocol/json_string.h"
#include "protocol/topic.h"
#include "protocol/utf8.h"

_Static_assert(RT_BATCH_EVENTS_MAX == 10000, "the detail says this number");

static int refuse(struct rt_refusal *refusal,
                  enum rt_problem problem,
                  struct rt_bytes subject,
                  const char *detail)
{
    *refusal = (struct rt_refusal){
        .problem = problem, .subject = subject, .detail = detail};
    return RT_EINVAL;
}

static int refuse_size(struct rt_refusal *refusal, uint64_t limit)
{
    *refusal =
        (struct rt_refusal){.problem = RT_PROBLEM_PAYLOAD_TOO_LARGE,
                            .detail = "an event is larger than it may be",
                            .limit = limit};
    return RT_EINVAL;
}

/* --- lines --- */

bool rt_batch_next(struct rt_bytes *rest, struct rt_bytes *line)
{
    while (rest->len > 0) {
        struct rt_bytes next = rt_bytes_split(rest, '\n');
        if (next.len > 0 && next.data[next.len - 1] == '\r') {
            next.len--;
        }
        if (rt_bytes_trim(next).len > 0) {
            *line = next;
            return true;
        }
    }
    return false;
}

static int refuse_count(struct rt_batch_fault *fault, uint32_t count)
{
    struct rt_bytes nothing = {NULL, 0};
    fault->index = count;
    if (count == 0) {
        return refuse(&fault->refusal, RT_PROBLEM_BAD_BATCH, nothing,
                      "a batch has one event at least");
    }
    (void)refuse(&fault->refusal, RT_PROBLEM_PAYLOAD_TOO_LARGE, nothing,
                 "a batch has at most 10000 events");
    fault->refusal.limit = RT_BATCH_EVENTS_MAX;
    return RT_EINVAL;
}

int rt_batch_count(struct rt_bytes body,
                   uint32_t *count,
                   struct rt_batch_fault *fault)
{
    struct rt_bytes line;
    uint32_t counted = 0;
    while (rt_batch_next(&body, &line)) {
        if (counted == RT_BATCH_EVENTS_MAX) {
            return refuse_count(fault, counted);
        }
        counted++;
    }
    if (counted == 0) {
        return refuse_count(fault, counted);
    }
    *count = counted;
    return 0;
}

static int check_json(struct rt_bytes line, struct rt_refusal *refusal)
{
    struct rt_bytes nothing = {NULL, 0};
    if (!rt_utf8_is_valid(line)) {
        return refuse(refusal, RT_PROBLEM_BAD_BATCH, nothing,
                      "a line is not UTF-8");
    }
    if (!rt_json_is_valid(line)) {
        return refuse(refusal, RT_PROBLEM_BAD_BATCH, nothing,
                      "a line is not JSON");
    }
    return 0;
}

static int check_event(struct rt_bytes line,
                       size_t event_bytes_max,
                       struct rt_refusal *refusal)
{
    return line.len > event_bytes_max ? refuse_size(refusal, event_bytes_max)
                                      : check_json(line, refusal);
}

int rt_batch_check(struct rt_bytes body,
                   size_t event_bytes_max,
                   uint32_t *count,
                   struct rt_batch_fault *fault)
{
    struct rt_bytes line;
    uint32_t counted = 0;
    int err = rt_batch_count(body, &counted, fault);
    if (err < 0) {
        return err;
    }
    for (uint32_t i = 0; rt_batch_next(&body, &line); i++) {
        err = check_event(line, event_bytes_max, &fault->refusal);
        if (err < 0) {
            fault->index = i;
            return err;
        }
    }
    *count = counted;
    return 0;
}

/* --- lines that name their topic --- */

enum member {
    TOPIC,
    TYPE,
    DATA,
    DATA_BASE64,
    MEMBER_COUNT,
};

static const struct rt_bytes names[MEMBER_COUNT] = {
    [TOPIC] = {"topic", 5},
    [TYPE] = {"type", 4},
    [DATA] = {"data", 4},
    [DATA_BASE64] = {"data_base64", 11},
};

/* A line on its way to an item. */
struct parse {
    struct rt_bytes values[MEMBER_COUNT]; /* as in the line; data NULL: none */
    char *memory;                         /* what is left of it */
    struct rt_refusal *refusal;
};

static int
refuse_member(struct parse *parse, enum member member, const char *detail)
{
    return refuse(parse->refusal, RT_PROBLEM_BAD_BATCH, names[member], detail);
}

static int keep(struct parse *parse, const struct rt_json_member *found)
{
    struct rt_bytes name = {found->name.data + 1, found->name.len - 2};
    enum member member = TOPIC;
    while (member < MEMBER_COUNT && !rt_bytes_equal(names[member], name)) {
        member++;
    }
    if (member == MEMBER_COUNT) {
        return refuse(parse->refusal, RT_PROBLEM_BAD_BATCH, name,
                      "there is no such member");
    }
    if (parse->values[member].data != NULL) {
        return refuse_member(parse, member, "it is there twice");
    }
    parse->values[member] = found->value;
    return 0;
}

static int find_members(struct parse *parse, struct rt_bytes line)
{
    struct rt_json_walk walk;
    struct rt_json_member member;
    int err = check_json(line, parse->refusal);
    if (err < 0) {
        return err;
    }
    if (!rt_json_enter_object(line, &walk)) {
        return refuse(parse->refusal, RT_PROBLEM_BAD_BATCH,
                      (struct rt_bytes){NULL, 0}, "a line is not an object");
    }
    while (err == 0 && rt_json_next_member(&walk, &member)) {
        err = keep(parse, &member);
    }
    return err;
}

/* Members do not overlap: all that is read fits where the whole line does. */
static int
read_string(struct parse *parse, enum member member, struct rt_bytes *text)
{
    struct rt_bytes value = parse->values[member];
    if (value.data == NULL) {
        return refuse_member(parse, member, "it is missing");
    }
    if (value.data[0] != '"') {
        return refuse_member(parse, member, "it is not a string");
    }
    if (rt_json_string_read(value, parse->memory, value.len, text) < 0) {
        return refuse_member(parse, member, "half a surrogate is no text");
    }
    parse->memory += value.len;
    return 0;
}

static int read_topic(struct parse *parse, struct rt_batch_item *item)
{
    const char *reason = NULL;
    int err = read_string(parse, TOPIC, &item->topic);
    if (err == 0 && rt_topic_check(item->topic, &reason) < 0) {
        err =
            refuse(parse->refusal, RT_PROBLEM_BAD_BATCH, names[TOPIC], reason);
    }
    return err;
}

static int read_type(struct parse *parse, struct rt_batch_item *item)
{
    const char *reason = NULL;
    item->type = (struct rt_bytes){NULL, 0};
    if (parse->values[TYPE].data == NULL) {
        return 0;
    }
    int err = read_string(parse, TYPE, &item->type);
    if (err == 0 && rt_event_type_check(item->type, &reason) < 0) {
        err = refuse_member(parse, TYPE, reason);
    }
    return err;
}

static int read_base64(struct parse *parse, struct rt_batch_item *item)
{
    struct rt_bytes text;
    char *memory = parse->memory;
    int err = read_string(parse, DATA_BASE64, &text);
    if (err < 0) {
        return err;
    }
    if (rt_base64_decode(text, memory, text.len, &item->payload) < 0) {
        return refuse_member(parse, DATA_BASE64, "it is not base64");
    }
    item->content = RT_CONTENT_BINARY;
    return 0;
}

static int read_data(struct parse *parse, struct rt_batch_item *item)
{
    struct rt_bytes value = parse->values[DATA];
    if (value.data != NULL && value.data[0] != '"') {
        item->payload = value;
        item->content = RT_CONTENT_JSON;
        return 0;
    }
    item->content = RT_CONTENT_TEXT;
    return read_string(parse, DATA, &item->payload);
}

static int read_payload(struct parse *parse, struct rt_batch_item *item)
{
    bool is_base64 = parse->values[DATA_BASE64].data != NULL;
    if (is_base64 && parse->values[DATA].data != NULL) {
        return refuse_member(parse, DATA_BASE64, "it is there beside data");
    }
    return is_base64 ? read_base64(parse, item) : read_data(parse, item);
}

static int read_item(struct parse *parse, struct rt_batch_item *item)
{
    int err = read_topic(parse, item);
    if (err == 0) {
        err = read_type(parse, item);
    }
    return err == 0 ? read_payload(parse, item) : err;
}

int rt_batch_item_parse(struct rt_bytes line,
                        size_t event_bytes_max,
                        char *memory,
                        struct rt_batch_item *item,
                        struct rt_refusal *refusal)
{
    struct parse parse = {.memory = memory, .refusal = refusal};
    struct rt_batch_item read;
    int err = find_members(&parse, line);
    if (err == 0) {
        err = read_item(&parse, &read);
    }
    if (err == 0 && read.payload.len > event_bytes_max) {
        err = refuse_size(refusal, event_bytes_max);
    }
    if (err == 0) {
        *item = read;
    }
    return err;
}
