#include "protocol/topic.h"

#include "base/error.h"

/*
 * What each byte is in a name: 't' part of a token, '.' itself, '*' a wildcard,
 * 'x' neither. One line per 32 bytes.
 */
static const char classes[256 + 1] =
    /* */ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          /*  !"#$%&'()*+,-./0123456789:;<=>?  */
          /* */ "xxxxxxxxxx*xxt.xttttttttttxxxt*x"
          /* @ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_  */
          /* */ "xttttttttttttttttttttttttttxxxxt"
          /* `abcdefghijklmnopqrstuvwxyz{|}~   */
          /* */ "xttttttttttttttttttttttttttxxxtx"
          /* */ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          /* */ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          /* */ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          /* */ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

_Static_assert(RT_TOPIC_BYTES_MAX == 200 && RT_TOKEN_BYTES_MAX == 64,
               "the reasons below say these numbers");

static const char *fault_of_byte(char c)
{
    if (classes[(uint8_t)c] == '*') {
        return "wildcards are for subscribing";
    }
    return "a token has only letters, digits and _ = ~ -";
}

static const char *find_fault(struct rt_bytes name)
{
    size_t token_len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char class = classes[(uint8_t)name.data[i]];
        if (class == 't') {
            token_len++;
        } else if (class != '.') {
            return fault_of_byte(name.data[i]);
        } else if (token_len == 0) {
            return "a token is empty";
        } else {
            token_len = 0;
        }
        if (token_len > RT_TOKEN_BYTES_MAX) {
            return "a token has at most 64 bytes";
        }
    }
    return token_len == 0 ? "a token is empty" : NULL;
}

int rt_topic_check(struct rt_bytes name, const char **reason)
{
    const char *fault = NULL;
    if (name.len == 0) {
        fault = "the topic is missing";
    } else if (name.len > RT_TOPIC_BYTES_MAX) {
        fault = "a topic has at most 200 bytes";
    } else if (name.data[0] == '$') {
        fault = "topics that begin with $ are the broker's own";
    } else {
        fault = find_fault(name);
    }
    if (fault == NULL) {
        return 0;
    }
    *reason = fault;
    return RT_EINVAL;
}

int rt_topic_check_prefix(struct rt_bytes prefix, const char **reason)
{
    if (prefix.len > RT_TOPIC_BYTES_MAX) {
        *reason = "a topic has at most 200 bytes";
        return RT_EINVAL;
    }
    for (size_t i = 0; i < prefix.len; i++) {
        char class = classes[(uint8_t)prefix.data[i]];
        if (class != 't' && class != '.') {
            *reason = fault_of_byte(prefix.data[i]);
            return RT_EINVAL;
        }
    }
    return 0;
}
