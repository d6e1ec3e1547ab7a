#include "protocol/json_members.h"

#include "base/check.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* To the next byte that is there: a valid text ends with no space inside. */
static void skip_space(struct rt_json_walk *walk)
{
    while (walk->at < walk->end && is_space(*walk->at)) {
        walk->at++;
    }
}

/* Past a string's closing quote. */
static void skip_string(struct rt_json_walk *walk)
{
    walk->at++;
    while (walk->at < walk->end && *walk->at != '"') {
        walk->at += *walk->at == '\\' ? 2 : 1;
    }
    walk->at++;
}

/* Past the bracket that closes the one here; brackets in strings are none. */
static void skip_nested(struct rt_json_walk *walk)
{
    int depth = 0;
    do {
        char c = *walk->at;
        if (c == '"') {
            skip_string(walk);
            continue;
        }
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        walk->at++;
    } while (depth > 0 && walk->at < walk->end);
}

static bool is_scalar_byte(char c)
{
    return !is_space(c) && c != ',' && c != '}' && c != ']';
}

static struct rt_bytes take_value(struct rt_json_walk *walk)
{
    const char *start = walk->at;
    if (*start == '"') {
        skip_string(walk);
    } else if (*start == '{' || *start == '[') {
        skip_nested(walk);
    } else {
        while (walk->at < walk->end && is_scalar_byte(*walk->at)) {
            walk->at++;
        }
    }
    RT_CHECK(walk->at <= walk->end);
    return (struct rt_bytes){start, (size_t)(walk->at - start)};
}

static bool
enter(struct rt_bytes value, char bracket, struct rt_json_walk *walk)
{
    if (value.len == 0) {
        return false;
    }
    struct rt_json_walk inside = {value.data, value.data + value.len};
    skip_space(&inside);
    if (inside.at == inside.end || *inside.at != bracket) {
        return false;
    }
    inside.at++;
    *walk = inside;
    return true;
}

bool rt_json_enter_object(struct rt_bytes value, struct rt_json_walk *walk)
{
    return enter(value, '{', walk);
}

bool rt_json_enter_array(struct rt_bytes value, struct rt_json_walk *walk)
{
    return enter(value, '[', walk);
}

/* Goes to the next part, past a comma; false at the closing bracket, where it
 * stays. */
static bool goes_on(struct rt_json_walk *walk)
{
    skip_space(walk);
    if (walk->at < walk->end && *walk->at == ',') {
        walk->at++;
        skip_space(walk);
    }
    return walk->at < walk->end && *walk->at != '}' && *walk->at != ']';
}

bool rt_json_next_member(struct rt_json_walk *walk,
                         struct rt_json_member *member)
{
    if (!goes_on(walk)) {
        return false;
    }
    member->name = take_value(walk);
    skip_space(walk);
    RT_CHECK(walk->at < walk->end && *walk->at == ':');
    walk->at++;
    skip_space(walk);
    member->value = take_value(walk);
    return true;
}

bool rt_json_next_element(struct rt_json_walk *walk, struct rt_bytes *value)
{
    if (!goes_on(walk)) {
        return false;
    }
    *value = take_value(walk);
    return true;
}
