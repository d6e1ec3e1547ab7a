/*
 * Checks on what the program believes about itself. They stay on in release
 * builds: a broker that goes on with a broken invariant loses events silently.
 * Never use them on what a peer or a disk sent; that is an error path.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdnoreturn.h>

/* Writes one line naming the condition to standard error and aborts. */
noreturn void
rt_check_failed(const char *condition, const char *file, int line);

#define RT_CHECK(condition) \
    ((condition) ? (void)0 : rt_check_failed(#condition, __FILE__, __LINE__))

/* For checks too dear for release: on in builds with -DRT_DEBUG. */
#ifdef RT_DEBUG
#define RT_DCHECK(condition) RT_CHECK(condition)
#else
#define RT_DCHECK(condition) ((void)sizeof(condition))
#endif

#define RT_MUST_USE __attribute__((warn_unused_result))

/* Marks the rare branch of a hot function. */
#define RT_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define RT_ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of the given type that holds `member` at the given address. */
#define RT_CONTAINER(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
