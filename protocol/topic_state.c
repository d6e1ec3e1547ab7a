#include "protocol/topic_state.h"

#include "base/error.h"
#include "protocol/json.h"
#include "protocol/json_members.h"
#include "protocol/json_string.h"
#include "protocol/quantity.h"
#include "protocol/utf8.h"

/* Of a quantity as text: more than any valid one has. */
#define VALUE_BYTES_MAX 64

/* --- what is said --- */

static void write_cursor(struct rt_writer *writer,
                         const char *name,
                         struct rt_cursor cursor)
{
    RT_WRITE(writer, ",\"");
    rt_write_bytes(writer, rt_bytes_of(name));
    RT_WRITE(writer, "\":\"");
    rt_cursor_write(writer, cursor);
    RT_WRITE(writer, "\"");
}

static void
write_number(struct rt_writer *writer, const char *name, uint64_t value)
{
    RT_WRITE(writer, ",\"");
    rt_write_bytes(writer, rt_bytes_of(name));
    RT_WRITE(writer, "\":");
    rt_write_u64(writer, value);
}

static void write_limit(struct rt_writer *writer, uint64_t value)
{
    if (value == UINT64_MAX) {
        RT_WRITE(writer, "\"unlimited\"");
    } else {
        rt_write_u64(writer, value);
    }
}

static void write_age(struct rt_writer *writer, uint64_t age_ms)
{
    RT_WRITE(writer, "\"");
    if (age_ms == UINT64_MAX) {
        RT_WRITE(writer, "unlimited");
    } else {
        rt_duration_write(writer, age_ms);
    }
    RT_WRITE(writer, "\"");
}

static void write_data(struct rt_writer *writer,
                       const struct rt_topic_configuration *configuration)
{
    RT_WRITE(writer, ",\"data_bytes\":");
    write_limit(writer, configuration->data_bytes);
    RT_WRITE(writer, ",\"data_events\":");
    write_limit(writer, configuration->data_events);
    RT_WRITE(writer, ",\"data_age\":");
    write_age(writer, configuration->data_age_ms);
}

static void write_configuration(struct rt_writer *writer,
                                const struct rt_topic_state *state)
{
    const struct rt_topic_configuration *configuration = &state->configuration;
    RT_WRITE(writer, ",\"configuration\":{\"ring_bytes\":");
    write_limit(writer, configuration->ring_bytes);
    RT_WRITE(writer, ",\"ring_events\":");
    write_limit(writer, configuration->ring_events);
    RT_WRITE(writer, ",\"max_age\":");
    write_age(writer, configuration->max_age_ms);
    if (state->has_data) {
        write_data(writer, configuration);
    }
    if (state->ack != RT_ACK_UNSAID) {
        RT_WRITE(writer, ",\"ack\":\"");
        rt_write_bytes(writer, rt_ack_name(state->ack));
        RT_WRITE(writer, "\"");
    }
    RT_WRITE(writer, "}");
}

void rt_topic_state_write(struct rt_writer *writer,
                          const struct rt_topic_state *state)
{
    RT_WRITE(writer, "{\"topic\":\"");
    rt_write_bytes(writer, state->topic);
    RT_WRITE(writer, "\",\"epoch\":\"");
    rt_write_hex32(writer, state->latest.epoch);
    RT_WRITE(writer, "\"");
    write_cursor(writer, "earliest", state->earliest);
    write_cursor(writer, "latest", state->latest);
    write_number(writer, "events", state->events);
    write_number(writer, "bytes", state->bytes);
    if (state->has_subscribers) {
        write_number(writer, "subscribers", state->subscribers);
    }
    rt_write_bytes(writer, state->is_closed ? RT_BYTES(",\"closed\":true")
                                            : RT_BYTES(",\"closed\":false"));
    write_configuration(writer, state);
    RT_WRITE(writer, "}");
}

/* --- what is asked --- */

static int refuse(struct rt_refusal *refusal,
                  enum rt_problem problem,
                  struct rt_bytes subject,
                  const char *detail)
{
    *refusal = (struct rt_refusal){
        .problem = problem, .subject = subject, .detail = detail};
    return RT_EINVAL;
}

/* A value as the command line has it: the inside of a string, or a number,
 * which is as it is written. */
static int read_text(struct rt_bytes value, char *memory, struct rt_bytes *text)
{
    if (value.data[0] == '"') {
        return rt_json_string_read(value, memory, VALUE_BYTES_MAX, text);
    }
    *text = value;
    return 0;
}

typedef int (*parse_fn)(struct rt_bytes text, uint64_t *value);

static int
read_quantity(struct rt_bytes value, parse_fn parse, uint64_t *quantity)
{
    char memory[VALUE_BYTES_MAX];
    struct rt_bytes text;
    int err = read_text(value, memory, &text);
    if (err < 0) {
        return err;
    }
    if (rt_bytes_equal(text, RT_BYTES("unlimited"))) {
        *quantity = UINT64_MAX;
        return 0;
    }
    return parse(text, quantity);
}

static int take_bytes(struct rt_topic_change *change, struct rt_bytes value)
{
    return read_quantity(value, rt_size_parse,
                         &change->configuration.ring_bytes);
}

static int take_events(struct rt_topic_change *change, struct rt_bytes value)
{
    return read_quantity(value, rt_count_parse,
                         &change->configuration.ring_events);
}

static int take_age(struct rt_topic_change *change, struct rt_bytes value)
{
    return read_quantity(value, rt_duration_parse,
                         &change->configuration.max_age_ms);
}

static int take_data_bytes(struct rt_topic_change *change,
                           struct rt_bytes value)
{
    change->has_data = true;
    return read_quantity(value, rt_size_parse,
                         &change->configuration.data_bytes);
}

static int take_data_events(struct rt_topic_change *change,
                            struct rt_bytes value)
{
    change->has_data = true;
    return read_quantity(value, rt_count_parse,
                         &change->configuration.data_events);
}

static int take_data_age(struct rt_topic_change *change, struct rt_bytes value)
{
    change->has_data = true;
    return read_quantity(value, rt_duration_parse,
                         &change->configuration.data_age_ms);
}

static int take_ack(struct rt_topic_change *change, struct rt_bytes value)
{
    char memory[VALUE_BYTES_MAX];
    struct rt_bytes text;
    if (value.data[0] != '"' || read_text(value, memory, &text) < 0 ||
        rt_ack_parse(text, &change->ack) < 0 || change->ack > RT_ACK_DISK) {
        return RT_EINVAL;
    }
    return 0;
}

static int take_closed(struct rt_topic_change *change, struct rt_bytes value)
{
    change->has_closed = true;
    change->is_closed = rt_bytes_equal(value, RT_BYTES("true"));
    return change->is_closed || rt_bytes_equal(value, RT_BYTES("false"))
               ? 0
               : RT_EINVAL;
}

#define SIZE_EXPECTED  "it is a size such as \"64KiB\", or \"unlimited\""
#define COUNT_EXPECTED "it is a number from 1, or \"unlimited\""
#define AGE_EXPECTED   "it is a duration such as \"10m\", or \"unlimited\""

static const struct member {
    struct rt_bytes name;
    int (*take)(struct rt_topic_change *change, struct rt_bytes value);
    const char *expected;
} members[] = {
    {{"ring_bytes", 10}, take_bytes, SIZE_EXPECTED},
    {{"ring_events", 11}, take_events, COUNT_EXPECTED},
    {{"max_age", 7}, take_age, AGE_EXPECTED},
    {{"data_bytes", 10}, take_data_bytes, SIZE_EXPECTED},
    {{"data_events", 11}, take_data_events, COUNT_EXPECTED},
    {{"data_age", 8}, take_data_age, AGE_EXPECTED},
    {{"ack", 3}, take_ack, "it is \"memory\" or \"disk\""},
    {{"closed", 6}, take_closed, "it is true or false"},
};

/* Names are compared as they are written: none of ours needs an escape. */
static int take_member(struct rt_topic_change *change,
                       unsigned *seen,
                       const struct rt_json_member *found,
                       struct rt_refusal *refusal)
{
    struct rt_bytes name = {found->name.data + 1, found->name.len - 2};
    size_t i = 0;
    while (i < RT_ARRAY_LENGTH(members) &&
           !rt_bytes_equal(members[i].name, name)) {
        i++;
    }
    if (i == RT_ARRAY_LENGTH(members)) {
        return refuse(refusal, RT_PROBLEM_BAD_PARAMETER, name,
                      "the members are ring_bytes, ring_events, max_age, "
                      "data_bytes, data_events, data_age, ack and closed");
    }
    if ((*seen & (1U << i)) != 0) {
        return refuse(refusal, RT_PROBLEM_BAD_PARAMETER, name,
                      "it is there twice");
    }
    *seen |= 1U << i;
    if (members[i].take(change, found->value) < 0) {
        return refuse(refusal, RT_PROBLEM_BAD_PARAMETER, name,
                      members[i].expected);
    }
    return 0;
}

int rt_topic_change_read(struct rt_bytes body,
                         struct rt_topic_change *change,
                         struct rt_refusal *refusal)
{
    struct rt_json_walk walk;
    struct rt_json_member member;
    unsigned seen = 0;
    int err = 0;
    if (!rt_utf8_is_valid(body) || !rt_json_is_valid(body) ||
        !rt_json_enter_object(body, &walk)) {
        return refuse(refusal, RT_PROBLEM_BAD_PAYLOAD, (struct rt_bytes){0},
                      "the body is not a JSON object");
    }
    while (err == 0 && rt_json_next_member(&walk, &member)) {
        err = take_member(change, &seen, &member, refusal);
    }
    return err;
}
