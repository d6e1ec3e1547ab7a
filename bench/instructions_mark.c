/*
 * Preloaded into the broker under callgrind: on SIGUSR1 it calls a function of
 * a known name, at which callgrind ends one profile and begins the next, and
 * says so on the standard error.
 */
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define SAID "instructions: marked\n"

/* For --dump-before of callgrind, which knows functions by their names. */
__attribute__((noinline, visibility("default"))) void instructions_mark(void);

void instructions_mark(void)
{
    __asm__ volatile(""); /* or its callers would do without it */
}

static void on_signal(int number)
{
    (void)number;
    instructions_mark();
    if (write(STDERR_FILENO, SAID, sizeof(SAID) - 1) < 0) {
        _exit(1);
    }
}

__attribute__((constructor)) static void watch(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGUSR1, &action, NULL);
}
