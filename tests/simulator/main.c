/*
 * The simulator: worlds in which everything happens that may happen to a core,
 * as the seed has it, each beside a plain model of what must come of it.
 *
 *     simulator [--seeds N] [--first SEED] [--steps N]
 *     simulator --seed SEED [--steps N] [--verbose]
 *
 * The worlds run in a process of their own. Whatever ends it, a failed check or
 * a sanitizer, this one says at which seed and step, and how to run it again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/noise.h"
#include "tests/simulator/run.h"

#define PROGRESS_SEEDS 50

struct options {
    uint64_t first;
    uint64_t seeds;
    uint64_t steps;
    bool is_verbose;
};

noreturn void expect_failed(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)printf("# %s:%d: ", file, line);
    (void)vprintf(format, arguments);
    (void)printf("\n");
    va_end(arguments);
    (void)fflush(stdout);
    _exit(EXIT_FAILURE);
}

/* --- the worlds --- */

static void run_all(const struct options *options, struct progress *progress)
{
    bool is_shown = isatty(STDERR_FILENO) != 0;
    noise_init();
    for (uint64_t i = 0; i < options->seeds; i++) {
        progress->seed = options->first + i;
        run_world(progress, options->steps, options->is_verbose);
        if (is_shown && (i + 1) % PROGRESS_SEEDS == 0) {
            (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds", i + 1,
                          options->seeds);
        }
    }
    if (is_shown) {
        (void)fprintf(stderr, "\r%24s\r", "");
    }
}

/* --- the process that waits --- */

static struct progress *progress_map(void)
{
    void *memory = mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* Whether all went well. */
static bool run_apart(const struct options *options, struct progress *progress)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        run_all(options, progress);
        exit(EXIT_SUCCESS);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void report(bool passed,
                   const struct options *options,
                   const struct progress *progress)
{
    if (!passed) {
        (void)printf("# seed %" PRIu64 ", step %" PRIu64 " of %" PRIu64
                     "; again: simulator --seed %" PRIu64 " --steps %" PRIu64
                     " --verbose\n",
                     progress->seed, progress->step, options->steps,
                     progress->seed, options->steps);
    }
    (void)printf("# %" PRIu64 " events from seed %" PRIu64 " on\n",
                 progress->events, options->first);
    (void)printf("%sok 1 - %" PRIu64 " worlds of %" PRIu64
                 " steps are as the model has them\n1..1\n",
                 passed ? "" : "not ", options->seeds, options->steps);
}

/* --- the command line --- */

static noreturn void usage(void)
{
    (void)fprintf(stderr,
                  "usage: simulator [--seeds N] [--first SEED] [--steps N]\n"
                  "       simulator --seed SEED [--steps N] [--verbose]\n");
    exit(EXIT_FAILURE);
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    if (text == NULL || rt_bytes_to_u64(rt_bytes_of(text), &value) < 0) {
        usage();
    }
    return value;
}

static void
read_option(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--seeds") == 0) {
        options->seeds = number(value);
    } else if (strcmp(name, "--first") == 0) {
        options->first = number(value);
    } else if (strcmp(name, "--seed") == 0) {
        options->first = number(value);
        options->seeds = 1;
    } else if (strcmp(name, "--steps") == 0) {
        options->steps = number(value);
    } else {
        usage();
    }
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .seeds = 1000, .steps = 400};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            options.is_verbose = true;
        } else {
            read_option(&options, argv[i], argv[i + 1]);
            i++;
        }
    }
    struct progress *progress = progress_map();
    bool passed = run_apart(&options, progress);
    report(passed, &options, progress);
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
