#include "broker/net/sigpipe.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "base/check.h"

void rt_sigpipe_init(struct rt_sigpipe *guard)
{
    struct sigaction now;
    *guard = (struct rt_sigpipe){0};
    RT_CHECK(sigaction(SIGPIPE, NULL, &now) == 0); /* it only looks */
    guard->is_needed =
        (now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_IGN;
}

static sigset_t sigpipe_alone(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    return set;
}

static void hold(struct rt_sigpipe *guard)
{
    sigset_t set = sigpipe_alone();
    sigset_t before;
    sigset_t pending;
    guard->is_held = true;
    guard->was_pending = false;
    RT_CHECK(pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
    guard->was_blocked = sigismember(&before, SIGPIPE) == 1;
    if (guard->was_blocked && sigpending(&pending) == 0) {
        guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    }
}

static void take_away(const sigset_t *set)
{
    static const struct timespec at_once = {0};
    int number;
    do {
        number = sigtimedwait(set, NULL, &at_once);
    } while (number < 0 && errno == EINTR);
}

static void release(struct rt_sigpipe *guard)
{
    sigset_t set = sigpipe_alone();
    guard->is_held = false;
    if (!guard->was_pending) {
        take_away(&set);
    }
    if (!guard->was_blocked) {
        RT_CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
    }
}

void rt_sigpipe_prepare(struct rt_sigpipe *guard, bool has_queued)
{
    guard->is_polling = true;
    if (guard->is_needed && has_queued) {
        hold(guard);
    }
}

void rt_sigpipe_check(struct rt_sigpipe *guard)
{
    guard->is_polling = false;
    if (guard->is_held) {
        release(guard);
    }
}

void rt_sigpipe_enter(struct rt_sigpipe *guard)
{
    if (guard->is_needed && !guard->is_held) {
        hold(guard);
    }
}

/* What is queued while the loop polls may be written in the same poll. */
void rt_sigpipe_leave(struct rt_sigpipe *guard)
{
    if (guard->is_held && !guard->is_polling) {
        release(guard);
    }
}
