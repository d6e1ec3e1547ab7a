/*
 * Eight bytes of text at a time, for what goes through payloads: long runs have
 * nothing in them that one looks for.
 */
#ifndef PROTOCOL_WORD_H
#define PROTOCOL_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RT_WORD_BYTES 8

/* The same byte eight times. */
#define RT_WORD_OF(byte) (UINT64_C(0x0101010101010101) * (uint8_t)(byte))

static inline uint64_t rt_word_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/*
 * Whether a byte of the word is less than `bound`, at most 0x80: subtracting
 * borrows from its highest bit. What is borrowed from the byte beside it may be
 * wrong, but then there was one.
 */
static inline bool rt_word_has_less(uint64_t word, uint8_t bound)
{
    return ((word - RT_WORD_OF(bound)) & ~word & RT_WORD_OF(0x80)) != 0;
}

/* Whether a byte of the word is this one. */
static inline bool rt_word_has(uint64_t word, char byte)
{
    return rt_word_has_less(word ^ RT_WORD_OF(byte), 1);
}

#endif
