#include "bench/load_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load_report.h"

static void add_thread(struct load_cpu *cpu, pid_t pid, const char *thread)
{
    char path[320];
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid,
                   thread);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return; /* the thread has just ended */
    }
    uint64_t run_ns = 0;
    uint64_t wait_ns = 0;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &run_ns, &wait_ns) == 2) {
        cpu->run_ns += run_ns;
        cpu->wait_ns += wait_ns;
    }
    (void)fclose(file);
}

struct load_cpu load_server_cpu(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (threads == NULL) {
        load_fail_errno("the server is gone");
    }
    struct load_cpu cpu = {0};
    struct dirent *entry;
    while ((entry = readdir(threads)) != NULL) {
        if (entry->d_name[0] != '.') {
            add_thread(&cpu, pid, entry->d_name);
        }
    }
    (void)closedir(threads);
    return cpu;
}

/* The number of a line "Name:   123 kB", or 0 when the line is another. */
static uint64_t kib_of(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncmp(line, name, len) == 0 ? strtoull(line + len, NULL, 10) : 0;
}

uint64_t load_server_private_bytes(pid_t pid)
{
    char line[128];
    (void)snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(line, "re");
    if (file == NULL) {
        load_fail_errno("smaps_rollup");
    }
    uint64_t kib = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        kib += kib_of(line, "Private_Dirty:");
    }
    (void)fclose(file);
    return kib * 1024;
}

uint64_t load_server_allocations(const char *count_file)
{
    if (count_file == NULL) {
        return 0;
    }
    uint64_t count = 0;
    int fd = open(count_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &count, sizeof(count)) != sizeof(count)) {
        load_fail_errno(count_file);
    }
    (void)close(fd);
    if (count == 0) {
        load_fail("the allocation counter does not count");
    }
    return count;
}
