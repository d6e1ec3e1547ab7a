/*
 * The least that a log can do on a disk, for the rows that are held against it:
 *
 *     disk_floor append FOLDER BYTES SECONDS    batches of so many bytes, each
 *                                               written and then synced
 *     disk_floor read FOLDER                    all of a log's segments, from
 *                                               end to end
 *
 * It appends to a file that has been written to before, for that is what disks
 * are fastest with. Prints a line of JSON.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load_clock.h"

#define FILE_BYTES  ((size_t)64 * 1024 * 1024) /* as one segment of a log */
#define PIECE_BYTES ((size_t)1024 * 1024)      /* that are read at a time */
#define SECOND_NS   UINT64_C(1000000000)

static char piece[PIECE_BYTES];

/* Ends the program, if there is nothing to measure. */
static void must(int is_well, const char *what)
{
    if (!is_well) {
        (void)fprintf(stderr, "disk_floor: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static double seconds_since(uint64_t begun_ns)
{
    return (double)(load_clock_ns() - begun_ns) / (double)SECOND_NS;
}

/* --- appending --- */

static int written_file(const char *folder)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/floor", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    must(fd >= 0, path);
    for (size_t at = 0; at < FILE_BYTES; at += sizeof(piece)) {
        must(pwrite(fd, piece, sizeof(piece), (off_t)at) == PIECE_BYTES, path);
    }
    must(fsync(fd) == 0, path);
    must(unlink(path) == 0, path);
    return fd;
}

/* At the end of the file it begins again. */
static void run_append(const char *folder, size_t len, double seconds)
{
    int fd = written_file(folder);
    uint64_t begun_ns = load_clock_ns();
    uint64_t syncs = 0;
    size_t at = 0;
    memset(piece, 'x', sizeof(piece));
    while (seconds_since(begun_ns) < seconds) {
        at = at + len > FILE_BYTES ? 0 : at;
        must(pwrite(fd, piece, len, (off_t)at) == (ssize_t)len, "pwrite");
        must(fdatasync(fd) == 0, "fdatasync");
        at += len;
        syncs++;
    }
    (void)printf("{\"syncs\": %" PRIu64 ", \"seconds\": %.6f}\n", syncs,
                 seconds_since(begun_ns));
}

/* --- reading --- */

static uint64_t read_data(int fd, off_t begin, off_t end)
{
    for (off_t at = begin; at < end;) {
        size_t rest = (size_t)(end - at);
        size_t len = rest < sizeof(piece) ? rest : sizeof(piece);
        ssize_t got = pread(fd, piece, len, at);
        must(got > 0, "pread");
        at += got;
    }
    return (uint64_t)(end - begin);
}

/* What was allocated and never written is no data: to read it costs no disk. */
static uint64_t read_file(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    uint64_t bytes = 0;
    must(fd >= 0, name);
    for (off_t end = 0, begin; (begin = lseek(fd, end, SEEK_DATA)) >= 0;) {
        end = lseek(fd, begin, SEEK_HOLE);
        must(end > begin, name);
        bytes += read_data(fd, begin, end);
    }
    must(errno == ENXIO, name);
    (void)close(fd);
    return bytes;
}

static void run_read(const char *folder)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    uint64_t bytes = 0;
    must(stream != NULL, folder);
    uint64_t begun_ns = load_clock_ns();
    while ((entry = readdir(stream)) != NULL) {
        if (strstr(entry->d_name, ".rtl") != NULL) {
            bytes += read_file(dirfd(stream), entry->d_name);
        }
    }
    (void)printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f}\n", bytes,
                 seconds_since(begun_ns));
    (void)closedir(stream);
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "append") == 0) {
        size_t len = strtoull(arguments[3], NULL, 10);
        must(len > 0 && len <= sizeof(piece), "BYTES");
        run_append(arguments[2], len, strtod(arguments[4], NULL));
        return 0;
    }
    if (count == 3 && strcmp(arguments[1], "read") == 0) {
        run_read(arguments[2]);
        return 0;
    }
    (void)fprintf(stderr, "usage: disk_floor append FOLDER BYTES SECONDS\n"
                          "       disk_floor read FOLDER\n");
    return 1;
}
