/*
 * A guard against SIGPIPE, which write(2) raises for a peer that is gone. The
 * library's own writes ask for an error instead (MSG_NOSIGNAL), but what libuv
 * has queued it writes without, and SIGPIPE would end a host that has not
 * ignored it. What a signal does is the host's to decide, for the whole
 * process; so the guard only blocks SIGPIPE for the loop's thread, while libuv
 * may write what is queued here, and takes away the one that this has raised.
 *
 * Such writes happen in two places: inside uv_write, and while the loop polls,
 * which is between its prepare and its check. With nothing queued, or in a
 * process that ignores SIGPIPE anyway, no system call is spent on it.
 */
#ifndef BROKER_NET_SIGPIPE_H
#define BROKER_NET_SIGPIPE_H

#include <stdbool.h>

struct rt_sigpipe {
    bool is_needed;   /* the process does not ignore SIGPIPE */
    bool is_polling;  /* between the loop's prepare and its check */
    bool is_held;     /* blocked, by us or by the host before us */
    bool was_blocked; /* while held: by the host */
    bool was_pending; /* while held: before us, so it is the host's */
};

/* Looks at what SIGPIPE does in this process. */
void rt_sigpipe_init(struct rt_sigpipe *guard);

/* The loop is about to poll, with writes queued or not. */
void rt_sigpipe_prepare(struct rt_sigpipe *guard, bool has_queued);

/* The loop has polled. */
void rt_sigpipe_check(struct rt_sigpipe *guard);

/* Around a uv_write, wherever in the turn. */
void rt_sigpipe_enter(struct rt_sigpipe *guard);
void rt_sigpipe_leave(struct rt_sigpipe *guard);

#endif
