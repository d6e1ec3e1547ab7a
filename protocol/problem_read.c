#include "protocol/problem_read.h"

#include <stdbool.h>

/* Takes a JSON string off `rest`, which begins behind its opening quote. */
static struct rt_bytes take_string(struct rt_bytes *rest)
{
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '"') {
        len += rest->data[len] == '\\' ? 2 : 1;
    }
    len = len < rest->len ? len : rest->len;
    struct rt_bytes string = {rest->data, len};
    size_t used = len < rest->len ? len + 1 : len;
    rest->data += used;
    rest->len -= used;
    return string;
}

/* The next byte that is no white space, or NUL at the end. */
static char take_byte(struct rt_bytes *rest)
{
    while (rest->len > 0) {
        char c = *rest->data++;
        rest->len--;
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            return c;
        }
    }
    return '\0';
}

static int depth_after(int depth, char c)
{
    if (c == '{' || c == '[') {
        return depth + 1;
    }
    return c == '}' || c == ']' ? depth - 1 : depth;
}

/* The string that the outermost object has under a name, still escaped. */
static bool
find_member(struct rt_bytes json, struct rt_bytes name, struct rt_bytes *value)
{
    struct rt_bytes key = {NULL, 0};
    int depth = 0;
    for (char c = take_byte(&json); c != '\0'; c = take_byte(&json)) {
        if (c == ':') {
            continue;
        }
        depth = depth_after(depth, c);
        if (c != '"') {
            key.data = NULL;
            continue;
        }
        bool is_value = key.data != NULL;
        struct rt_bytes string = take_string(&json);
        if (is_value && depth == 1 && rt_bytes_equal(key, name)) {
            *value = string;
            return true;
        }
        key = is_value ? (struct rt_bytes){NULL, 0} : string;
    }
    return false;
}

static void write_char(struct rt_writer *writer, char c)
{
    char shown = c >= ' ' && c <= '~' ? c : '?';
    rt_write_bytes(writer, (struct rt_bytes){&shown, 1});
}

void rt_write_shown(struct rt_writer *writer, struct rt_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        write_char(writer, text.data[i]);
    }
}

void rt_problem_explain(struct rt_writer *writer, struct rt_bytes body)
{
    struct rt_bytes text = {NULL, 0};
    if (!find_member(body, RT_BYTES("detail"), &text)) {
        (void)find_member(body, RT_BYTES("title"), &text);
    }
    for (size_t i = 0; i < text.len; i++) {
        bool is_escaped = text.data[i] == '\\' && i + 1 < text.len &&
                          (text.data[i + 1] == '"' || text.data[i + 1] == '\\');
        i += is_escaped ? 1 : 0;
        write_char(writer, text.data[i]);
    }
}
