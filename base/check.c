#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void rt_check_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "ringtail: check failed: %s (%s:%d)\n", condition,
                  file, line);
    abort();
}
