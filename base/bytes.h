/*
 * Byte strings: a borrowed pointer and a length, never NUL-terminated. Whoever
 * hands one out says how long it stays valid.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_bytes {
    const char *data;
    size_t len;
};

/* A byte string of a string literal. */
#define RT_BYTES(literal) ((struct rt_bytes){(literal), sizeof(literal) - 1})

/* A byte string of a C string. */
struct rt_bytes rt_bytes_of(const char *text);

bool rt_bytes_equal(struct rt_bytes a, struct rt_bytes b);

/* Equal but for the case of ASCII letters. */
bool rt_bytes_equal_nocase(struct rt_bytes a, struct rt_bytes b);

bool rt_bytes_starts_with(struct rt_bytes whole, struct rt_bytes prefix);
bool rt_bytes_ends_with(struct rt_bytes whole, struct rt_bytes suffix);

/* Without the spaces and tabs at both ends. */
struct rt_bytes rt_bytes_trim(struct rt_bytes text);

/*
 * Takes the part before the first `separator` off `rest` and returns it; with
 * no separator left takes all. Call until rest->data is NULL.
 */
struct rt_bytes rt_bytes_split(struct rt_bytes *rest, char separator);

/*
 * Reads a decimal number that fills the whole string: digits only, at least
 * one, no sign. 0, RT_EINVAL, or RT_ERANGE beyond UINT64_MAX.
 */
int rt_bytes_to_u64(struct rt_bytes text, uint64_t *value);

/* Big-endian stores, the order of the wire. */
static inline void rt_store_be16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void rt_store_be64(uint8_t *at, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        at[i] = (uint8_t)value;
        value >>= 8;
    }
}

static inline uint16_t rt_load_be16(const uint8_t *at)
{
    return (uint16_t)((at[0] << 8) | at[1]);
}

static inline uint64_t rt_load_be64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = (value << 8) | at[i];
    }
    return value;
}

#endif
