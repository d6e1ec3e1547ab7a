/*
 * What is in the way where the log has a file: a symbolic link, which could
 * lead anywhere, a directory, or a pipe, for which one would wait.
 */
#ifndef STORAGE_POSIX_OBSTACLE_H
#define STORAGE_POSIX_OBSTACLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

/* Whether what has that name, and is no regular file, is in the way. */
typedef bool (*rt_posix_obstacle_fn)(const char *name, bool is_directory);

/*
 * Finds one in the directory of that path, of the name of the lock or of which
 * the call says so: its name with a NUL, cut to `size` > 0 bytes. 0; RT_ENOENT
 * if there is none; or what the system said.
 */
RT_MUST_USE int rt_posix_obstacle(const char *path,
                                  rt_posix_obstacle_fn is_in_the_way,
                                  char *name,
                                  size_t size);

#endif
