/*
 * What must be true while the simulator runs. The first thing that is not ends
 * the process: the one that started it says how to see that again.
 */
#ifndef TESTS_SIMULATOR_EXPECT_H
#define TESTS_SIMULATOR_EXPECT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdnoreturn.h>

noreturn void expect_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define EXPECT(condition) \
    ((condition)          \
         ? (void)0        \
         : expect_failed(__FILE__, __LINE__, "not true: %s", #condition))

#define EXPECT_INT(actual, expected)                            \
    expect_int(__FILE__, __LINE__, #actual, (uint64_t)(actual), \
               (uint64_t)(expected))

static inline void expect_int(const char *file,
                              int line,
                              const char *expression,
                              uint64_t actual,
                              uint64_t expected)
{
    if (actual != expected) {
        expect_failed(file, line, "%s is %" PRIu64 ", not %" PRIu64, expression,
                      actual, expected);
    }
}

#endif
