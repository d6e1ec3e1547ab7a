#include "bench/load_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

noreturn void load_fail(const char *format, ...)
{
    char words[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    for (char *at = words; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\' || *at < ' ' || *at > '~') {
            *at = '?';
        }
    }
    (void)printf("{\"ok\": false, \"error\": \"%s\"}\n", words);
    (void)fflush(stdout);
    exit(1);
}

noreturn void load_fail_errno(const char *what)
{
    load_fail("%s: %s", what, strerror(errno));
}

void *load_allocate(uint64_t count, uint64_t size)
{
    void *memory = mmap(NULL, count * size + 1, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        load_fail_errno("mmap");
    }
    return memory;
}

void load_report_begin(void)
{
    (void)printf("{\"ok\": true");
}

void load_report_u64(const char *name, uint64_t value)
{
    (void)printf(", \"%s\": %" PRIu64, name, value);
}

void load_report_double(const char *name, double value)
{
    (void)printf(", \"%s\": %.6f", name, value);
}

void load_report_end(void)
{
    (void)printf("}\n");
    (void)fflush(stdout);
}
