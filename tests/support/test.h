/*
 * The unit tests' vocabulary. A test's name is a sentence about the code:
 *
 *     TEST("an empty list has no first node")
 *     {
 *         EXPECT(rt_list_is_empty(&list));
 *         EXPECT_INT(rt_list_count(&list), 0);
 *     }
 *
 * Each file with tests is a program that runs them all and reports in the Test
 * Anything Protocol. A failed expectation ends its test, not the program.
 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "base/bytes.h"
#include "base/heap.h"

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *test);
noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void test_expect_int(const char *file,
                     int line,
                     const char *expression,
                     int64_t actual,
                     int64_t expected);
void test_expect_bytes(const char *file,
                       int line,
                       const char *expression,
                       struct rt_bytes actual,
                       struct rt_bytes expected);

#define TEST_GLUE2(a, b) a##b
#define TEST_GLUE(a, b)  TEST_GLUE2(a, b)

#define TEST(sentence)                                                         \
    static void TEST_GLUE(test_run_, __LINE__)(void);                          \
    __attribute__((constructor)) static void TEST_GLUE(test_add_,              \
                                                       __LINE__)(void)         \
    {                                                                          \
        static struct test_case test = {sentence,                              \
                                        TEST_GLUE(test_run_, __LINE__), NULL}; \
        test_register(&test);                                                  \
    }                                                                          \
    static void TEST_GLUE(test_run_, __LINE__)(void)

#define EXPECT(condition)  \
    ((condition) ? (void)0 \
                 : test_fail(__FILE__, __LINE__, "not true: %s", #condition))

#define EXPECT_INT(actual, expected)                                \
    test_expect_int(__FILE__, __LINE__, #actual, (int64_t)(actual), \
                    (int64_t)(expected))

/* Both are struct rt_bytes; EXPECT_TEXT takes a C string as the second. */
#define EXPECT_BYTES(actual, expected) \
    test_expect_bytes(__FILE__, __LINE__, #actual, (actual), (expected))
#define EXPECT_TEXT(actual, expected) \
    EXPECT_BYTES(actual, rt_bytes_of(expected))

/*
 * A heap whose k-th allocation from now fails (k from 1; 0: none does), for
 * sweeps over every k. `left` is what is still allocated.
 */
struct test_heap {
    struct rt_heap heap;
    uint64_t fail_at;
    uint64_t count;
};

void test_heap_init(struct test_heap *heap, size_t limit);
void test_heap_fail_at(struct test_heap *heap, uint64_t k);

#endif
