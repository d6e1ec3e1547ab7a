#include "clients/cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A handler knows nothing but this: the pipe that wakes the loop. */
static int ends[2] = {-1, -1};

static void on_signal(int number)
{
    char byte = (char)number;
    ssize_t ignored = write(ends[1], &byte, 1);
    (void)ignored;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct interrupt *interrupt = poll->data;
    char byte = 0;
    (void)status;
    (void)events;
    if (read(interrupt->fd, &byte, 1) == 1) {
        interrupt->tell(interrupt->context);
    }
}

int interrupt_start(struct interrupt *interrupt,
                    uv_loop_t *loop,
                    interrupt_fn tell,
                    void *context)
{
    int err = uv_pipe(ends, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
    if (err < 0) {
        return err;
    }
    interrupt->fd = ends[0];
    interrupt->tell = tell;
    interrupt->context = context;
    interrupt->poll.data = interrupt;
    (void)uv_poll_init(loop, &interrupt->poll, ends[0]);
    (void)uv_poll_start(&interrupt->poll, UV_READABLE, on_readable);
    catch_signals();
    return 0;
}

void interrupt_stop(struct interrupt *interrupt)
{
    uv_close((uv_handle_t *)&interrupt->poll, NULL);
}
