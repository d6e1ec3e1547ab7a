#include "protocol/json.h"

#include <string.h>

/* What may come next, besides whitespace. */
enum state {
    VALUE,
    VALUE_OR_END, /* after '[' */
    NAME,
    NAME_OR_END, /* after '{' */
    AFTER_VALUE, /* a comma or a closing bracket, or nothing at the top */
    INVALID,
};

_Static_assert(RT_JSON_DEPTH_MAX % 64 == 0, "brackets are kept in words");

struct checker {
    const char *at;
    const char *end;
    size_t depth;
    uint64_t is_object[RT_JSON_DEPTH_MAX / 64]; /* a bit per open bracket */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take(struct checker *checker, char c)
{
    if (checker->at == checker->end || *checker->at != c) {
        return false;
    }
    checker->at++;
    return true;
}

static void skip_whitespace(struct checker *checker)
{
    while (checker->at < checker->end &&
           (*checker->at == ' ' || *checker->at == '\n' ||
            *checker->at == '\r' || *checker->at == '\t')) {
        checker->at++;
    }
}

static bool in_object(const struct checker *checker)
{
    size_t bit = checker->depth - 1;
    return (checker->is_object[bit / 64] >> bit % 64 & 1) != 0;
}

static enum state open_bracket(struct checker *checker, bool is_object)
{
    size_t bit = checker->depth;
    if (bit == RT_JSON_DEPTH_MAX) {
        return INVALID;
    }
    uint64_t mask = UINT64_C(1) << bit % 64;
    uint64_t *word = &checker->is_object[bit / 64];
    *word = is_object ? *word | mask : *word & ~mask;
    checker->depth++;
    checker->at++;
    return is_object ? NAME_OR_END : VALUE_OR_END;
}

static enum state close_bracket(struct checker *checker)
{
    checker->depth--;
    checker->at++;
    return AFTER_VALUE;
}

static bool take_literal(struct checker *checker, struct rt_bytes literal)
{
    size_t left = (size_t)(checker->end - checker->at);
    if (!rt_bytes_starts_with((struct rt_bytes){checker->at, left}, literal)) {
        return false;
    }
    checker->at += literal.len;
    return true;
}

/* One digit at least. */
static bool take_digits(struct checker *checker)
{
    const char *start = checker->at;
    while (checker->at < checker->end && is_digit(*checker->at)) {
        checker->at++;
    }
    return checker->at > start;
}

/* RFC 8259, section 6: no leading zeros, and digits around the point. */
static bool take_number(struct checker *checker)
{
    (void)take(checker, '-');
    if (!take(checker, '0') && !take_digits(checker)) {
        return false;
    }
    if (take(checker, '.') && !take_digits(checker)) {
        return false;
    }
    if (take(checker, 'e') || take(checker, 'E')) {
        (void)(take(checker, '+') || take(checker, '-'));
        return take_digits(checker);
    }
    return true;
}

static bool is_hex_digit(char c)
{
    char lower = (char)(c | 0x20);
    return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

/* What follows a backslash. */
static bool take_escape(struct checker *checker)
{
    if (checker->at == checker->end) {
        return false;
    }
    char kind = *checker->at++;
    if (kind != 'u') {
        return memchr("\"\\/bfnrt", kind, 8) != NULL;
    }
    for (int i = 0; i < 4; i++, checker->at++) {
        if (checker->at == checker->end || !is_hex_digit(*checker->at)) {
            return false;
        }
    }
    return true;
}

static bool is_plain(char c)
{
    return (uint8_t)c >= ' ' && c != '"' && c != '\\';
}

static bool take_string(struct checker *checker)
{
    if (!take(checker, '"')) {
        return false;
    }
    for (;;) {
        while (checker->at < checker->end && is_plain(*checker->at)) {
            checker->at++;
        }
        if (take(checker, '"')) {
            return true;
        }
        if (!take(checker, '\\') || !take_escape(checker)) {
            return false;
        }
    }
}

static bool take_scalar(struct checker *checker)
{
    switch (*checker->at) {
    case '"':
        return take_string(checker);
    case 't':
        return take_literal(checker, RT_BYTES("true"));
    case 'f':
        return take_literal(checker, RT_BYTES("false"));
    case 'n':
        return take_literal(checker, RT_BYTES("null"));
    default:
        return take_number(checker);
    }
}

static enum state take_value(struct checker *checker)
{
    if (*checker->at == '{') {
        return open_bracket(checker, true);
    }
    if (*checker->at == '[') {
        return open_bracket(checker, false);
    }
    return take_scalar(checker) ? AFTER_VALUE : INVALID;
}

static enum state take_name(struct checker *checker)
{
    if (!take_string(checker)) {
        return INVALID;
    }
    skip_whitespace(checker);
    return take(checker, ':') ? VALUE : INVALID;
}

static enum state take_separator(struct checker *checker)
{
    if (take(checker, ',')) {
        return in_object(checker) ? NAME : VALUE;
    }
    char closing = in_object(checker) ? '}' : ']';
    return *checker->at == closing ? close_bracket(checker) : INVALID;
}

/* Takes what may come in this state; there is at least one byte left. */
static enum state step(struct checker *checker, enum state state)
{
    char next = *checker->at;
    switch (state) {
    case VALUE_OR_END:
        return next == ']' ? close_bracket(checker) : take_value(checker);
    case VALUE:
        return take_value(checker);
    case NAME_OR_END:
        return next == '}' ? close_bracket(checker) : take_name(checker);
    case NAME:
        return take_name(checker);
    case AFTER_VALUE:
        return take_separator(checker);
    default:
        return INVALID;
    }
}

bool rt_json_is_valid(struct rt_bytes text)
{
    struct checker checker = {.at = text.data};
    checker.end = text.len == 0 ? text.data : text.data + text.len;
    enum state state = VALUE;
    skip_whitespace(&checker);
    do {
        if (checker.at == checker.end) {
            return false;
        }
        state = step(&checker, state);
        skip_whitespace(&checker);
    } while (state != INVALID && (state != AFTER_VALUE || checker.depth > 0));
    return state != INVALID && checker.at == checker.end;
}
