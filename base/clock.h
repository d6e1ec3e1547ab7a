/* The wall clock. Every wait and every age is measured on the loop's own, which
 * never jumps. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC; may jump either way. For time stamps. */
uint64_t rt_clock_wall_ms(void);

#endif
