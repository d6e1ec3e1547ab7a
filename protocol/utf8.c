#include "protocol/utf8.h"

#include <string.h>

#define HIGH_BITS   UINT64_C(0x8080808080808080)
#define WORD_BYTES  8
#define BLOCK_BYTES 32

static uint64_t load_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Four words and one branch: compilers make vector code of it. */
static bool is_ascii_block(const uint8_t *at)
{
    uint64_t bits = load_word(at) | load_word(at + 8) | load_word(at + 16) |
                    load_word(at + 24);
    return (bits & HIGH_BITS) == 0;
}

/* The first byte that is not ASCII, or the end. */
static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= BLOCK_BYTES && is_ascii_block(at)) {
        at += BLOCK_BYTES;
    }
    while (end - at >= WORD_BYTES && (load_word(at) & HIGH_BITS) == 0) {
        at += WORD_BYTES;
    }
    while (at < end && *at < 0x80) {
        at++;
    }
    return at;
}

static bool is_between(uint8_t byte, uint8_t low, uint8_t high)
{
    return byte >= low && byte <= high;
}

static bool is_tail(uint8_t byte)
{
    return is_between(byte, 0x80, 0xbf);
}

/*
 * The rows of table 3-7 in section 3.9 of the Unicode Standard, by length. Some
 * lead bytes narrow the range of the second one: that is what keeps overlong
 * forms, surrogates and code points beyond U+10FFFF out.
 */
static bool is_pair(const uint8_t *at, size_t left)
{
    return left >= 2 && is_between(at[0], 0xc2, 0xdf) && is_tail(at[1]);
}

static bool is_triple(const uint8_t *at, size_t left)
{
    uint8_t low = at[0] == 0xe0 ? 0xa0 : 0x80;
    uint8_t high = at[0] == 0xed ? 0x9f : 0xbf;
    return left >= 3 && is_between(at[0], 0xe0, 0xef) &&
           is_between(at[1], low, high) && is_tail(at[2]);
}

static bool is_quadruple(const uint8_t *at, size_t left)
{
    uint8_t low = at[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = at[0] == 0xf4 ? 0x8f : 0xbf;
    return left >= 4 && is_between(at[0], 0xf0, 0xf4) &&
           is_between(at[1], low, high) && is_tail(at[2]) && is_tail(at[3]);
}

/* The length of the sequence that begins with a byte beyond ASCII, or 0. */
static size_t sequence_len(const uint8_t *at, size_t left)
{
    if (is_triple(at, left)) {
        return 3;
    }
    if (is_pair(at, left)) {
        return 2;
    }
    return is_quadruple(at, left) ? 4 : 0;
}

/* The first byte of what is no whole sequence, or the end. */
static const uint8_t *skip_sequences(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        if (*at < 0x80) {
            at = skip_ascii(at, end);
            continue;
        }
        size_t len = sequence_len(at, (size_t)(end - at));
        if (len == 0) {
            return at;
        }
        at += len;
    }
    return end;
}

/* Whether a sequence has been cut short: with the lowest bytes that fit behind
 * what there is, it is a whole one. */
static bool is_cut(const uint8_t *at, size_t left)
{
    uint8_t whole[4] = {at[0], 0x80, 0x80, 0x80};
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (left >= len) {
        return false;
    }
    whole[1] = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    memcpy(whole, at, left);
    return sequence_len(whole, len) == len;
}

bool rt_utf8_is_valid(struct rt_bytes text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    const uint8_t *end = text.len == 0 ? at : at + text.len;
    return skip_sequences(at, end) == end;
}

bool rt_utf8_is_prefix(struct rt_bytes text, size_t *whole)
{
    const uint8_t *begin = (const uint8_t *)text.data;
    const uint8_t *end = text.len == 0 ? begin : begin + text.len;
    const uint8_t *at = skip_sequences(begin, end);
    *whole = (size_t)(at - begin);
    return at == end || is_cut(at, (size_t)(end - at));
}
