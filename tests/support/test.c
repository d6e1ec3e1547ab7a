#include "tests/support/test.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct test_case *first;
static struct test_case **last = &first;
static jmp_buf failed;

void test_register(struct test_case *test)
{
    *last = test;
    last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)printf("# %s:%d: ", file, line);
    (void)vprintf(format, arguments);
    (void)printf("\n");
    va_end(arguments);
    longjmp(failed, 1);
}

void test_expect_int(const char *file,
                     int line,
                     const char *expression,
                     int64_t actual,
                     int64_t expected)
{
    if (actual != expected) {
        test_fail(file, line, "%s is %" PRId64 ", not %" PRId64, expression,
                  actual, expected);
    }
}

void test_expect_bytes(const char *file,
                       int line,
                       const char *expression,
                       struct rt_bytes actual,
                       struct rt_bytes expected)
{
    if (!rt_bytes_equal(actual, expected)) {
        test_fail(file, line, "%s is \"%.*s\", not \"%.*s\"", expression,
                  (int)actual.len, actual.data, (int)expected.len,
                  expected.data);
    }
}

static void *
failing_resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    (void)old_size;
    struct test_heap *heap = context;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    heap->count++;
    return heap->count == heap->fail_at ? NULL : realloc(memory, new_size);
}

void test_heap_init(struct test_heap *heap, size_t limit)
{
    *heap = (struct test_heap){0};
    rt_heap_init(&heap->heap, limit);
    heap->heap.resize = failing_resize;
    heap->heap.context = heap;
}

void test_heap_fail_at(struct test_heap *heap, uint64_t k)
{
    heap->count = 0;
    heap->fail_at = k;
}

static bool run(struct test_case *test)
{
    if (setjmp(failed) != 0) {
        return false;
    }
    test->run();
    return true;
}

int main(void)
{
    int number = 0;
    int failures = 0;
    for (struct test_case *test = first; test != NULL; test = test->next) {
        bool passed = run(test);
        failures += passed ? 0 : 1;
        (void)printf("%s %d - %s\n", passed ? "ok" : "not ok", ++number,
                     test->name);
        (void)fflush(stdout);
    }
    (void)printf("1..%d\n", number);
    return failures > 0 ? 1 : 0;
}
