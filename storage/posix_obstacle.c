#include "storage/posix_obstacle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "storage/posix_disk.h"

/* A name in a directory that is being read. */
static bool
is_obstacle(DIR *stream, const char *name, rt_posix_obstacle_fn is_in_the_way)
{
    struct stat status;
    bool is_lock = rt_bytes_equal(rt_bytes_of(name), RT_BYTES(RT_DISK_LOCK));
    return fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           !S_ISREG(status.st_mode) &&
           (is_lock || is_in_the_way(name, S_ISDIR(status.st_mode)));
}

static int
find(DIR *stream, rt_posix_obstacle_fn is_in_the_way, char *name, size_t size)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            return errno != 0 ? -errno : RT_ENOENT;
        }
        if (is_obstacle(stream, entry->d_name, is_in_the_way)) {
            (void)snprintf(name, size, "%s", entry->d_name);
            return 0;
        }
    }
}

int rt_posix_obstacle(const char *path,
                      rt_posix_obstacle_fn is_in_the_way,
                      char *name,
                      size_t size)
{
    DIR *stream = opendir(path);
    if (stream == NULL) {
        return -errno;
    }
    int err = find(stream, is_in_the_way, name, size);
    (void)closedir(stream);
    return err;
}
