/* The two clocks of POSIX, in milliseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Since 1970-01-01 UTC; may jump either way. For time stamps only. */
uint64_t rt_clock_wall_ms(void);

/* Since some moment in the past; never jumps. For every wait and age. */
uint64_t rt_clock_monotonic_ms(void);

#endif
