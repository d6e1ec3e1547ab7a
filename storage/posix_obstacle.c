#include "storage/posix_obstacle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "storage/posix_disk.h"

static bool is_name_of_log(struct rt_bytes name)
{
    return rt_bytes_equal(name, RT_BYTES(RT_DISK_LOCK)) ||
           rt_bytes_ends_with(name, RT_BYTES(".rtl"));
}

static bool is_obstacle(DIR *stream, const char *name)
{
    struct stat status;
    return is_name_of_log(rt_bytes_of(name)) &&
           fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           !S_ISREG(status.st_mode);
}

static int find(DIR *stream, char *name, size_t size)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            return errno != 0 ? -errno : RT_ENOENT;
        }
        if (is_obstacle(stream, entry->d_name)) {
            (void)snprintf(name, size, "%s", entry->d_name);
            return 0;
        }
    }
}

int rt_posix_obstacle(const char *path, char *name, size_t size)
{
    DIR *stream = opendir(path);
    if (stream == NULL) {
        return -errno;
    }
    int err = find(stream, name, size);
    (void)closedir(stream);
    return err;
}
