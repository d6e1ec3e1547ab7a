/*
 * What is in the way where the log has a file: a symbolic link, which could
 * lead anywhere, a directory, or a pipe, for which one would wait.
 */
#ifndef STORAGE_POSIX_OBSTACLE_H
#define STORAGE_POSIX_OBSTACLE_H

#include <stddef.h>

#include "base/check.h"

/*
 * Finds one in the directory of that path, of the name of the lock or of a
 * segment: its name with a NUL, cut to `size` > 0 bytes. 0; RT_ENOENT if there
 * is none; or what the system said.
 */
RT_MUST_USE int rt_posix_obstacle(const char *path, char *name, size_t size);

#endif
