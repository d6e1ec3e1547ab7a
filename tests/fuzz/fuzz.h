/*
 * What the fuzz targets share. A target is a file with one function that takes
 * any bytes and aborts if what is tested does not keep its promises. It becomes
 * two programs: a fuzzer, where the compiler has libFuzzer, and with replay.c a
 * test that goes through the target's corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"

/* What libFuzzer calls; its name is given. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_input {
    const char *at;
    size_t len;
};

static inline struct fuzz_input fuzz_input_of(const uint8_t *data, size_t size)
{
    return (struct fuzz_input){(const char *)data, size};
}

/* The next byte, or 0 when there is none. */
static inline uint8_t fuzz_take_byte(struct fuzz_input *input)
{
    if (input->len == 0) {
        return 0;
    }
    input->len--;
    return (uint8_t)*input->at++;
}

/* A number of 8 bytes, the lowest first. */
static inline uint64_t fuzz_take_u64(struct fuzz_input *input)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        value |= (uint64_t)fuzz_take_byte(input) << shift;
    }
    return value;
}

/* The next bytes, at most `len`. */
static inline struct rt_bytes fuzz_take(struct fuzz_input *input, size_t len)
{
    struct rt_bytes taken = {input->at, len < input->len ? len : input->len};
    input->at += taken.len;
    input->len -= taken.len;
    return taken;
}

/*
 * A script is bytes with deeds in between: a 0xff and a letter. Takes the bytes
 * up to the next deed and returns its letter, or '.' if it is only a cut, as
 * before the script's end. Two 0xff are one byte and a cut.
 */
static inline char fuzz_take_step(struct fuzz_input *input,
                                  struct rt_bytes *bytes)
{
    size_t len = 0;
    while (len < input->len && input->at[len] != '\xff') {
        len++;
    }
    *bytes = fuzz_take(input, len);
    (void)fuzz_take_byte(input);
    char deed = (char)fuzz_take_byte(input);
    if (deed != '\xff') {
        return deed == '\0' ? '.' : deed;
    }
    bytes->len++; /* the first of the two */
    return '.';
}

#endif
