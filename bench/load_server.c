#include "bench/load_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load_report.h"

#define FAMILY_MAX 256

/* A process and all that descend from it. */
struct family {
    size_t count;
    pid_t members[FAMILY_MAX];
};

typedef void (*visit_fn)(void *context, FILE *file);

/* Visits a file of every thread; one that has just ended has none. */
static void
visit_threads(pid_t pid, const char *name, visit_fn visit, void *context)
{
    char path[320];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (threads == NULL) {
        load_fail_errno("the server is gone");
    }
    struct dirent *entry;
    while ((entry = readdir(threads)) != NULL) {
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", (int)pid,
                       entry->d_name, name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (file != NULL) {
            visit(context, file);
            (void)fclose(file);
        }
    }
    (void)closedir(threads);
}

static void add_children(void *context, FILE *file)
{
    struct family *family = context;
    int child;
    while (family->count < FAMILY_MAX && fscanf(file, "%d", &child) == 1) {
        family->members[family->count++] = child;
    }
}

/* Grows while it is walked along: children have children. */
static struct family family_of(pid_t pid)
{
    struct family family = {.count = 1, .members = {pid}};
    for (size_t i = 0; i < family.count; i++) {
        visit_threads(family.members[i], "children", add_children, &family);
    }
    return family;
}

static void add_cpu(void *context, FILE *file)
{
    struct load_cpu *cpu = context;
    uint64_t run_ns = 0;
    uint64_t wait_ns = 0;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &run_ns, &wait_ns) == 2) {
        cpu->run_ns += run_ns;
        cpu->wait_ns += wait_ns;
    }
}

struct load_cpu load_server_cpu(pid_t pid)
{
    struct load_cpu cpu = {0};
    struct family family = family_of(pid);
    for (size_t i = 0; i < family.count; i++) {
        visit_threads(family.members[i], "schedstat", add_cpu, &cpu);
    }
    return cpu;
}

/* The number of a line "Name:   123 kB", or 0 when the line is another. */
static uint64_t kib_of(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncmp(line, name, len) == 0 ? strtoull(line + len, NULL, 10) : 0;
}

static uint64_t own_bytes(pid_t pid)
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

uint64_t load_server_private_bytes(pid_t pid)
{
    uint64_t bytes = 0;
    struct family family = family_of(pid);
    for (size_t i = 0; i < family.count; i++) {
        bytes += own_bytes(family.members[i]);
    }
    return bytes;
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
