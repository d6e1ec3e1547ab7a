#include "clients/cli/standard.h"

#include <fcntl.h>
#include <unistd.h>

void standard_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int standard_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    int err = uv_poll_init(loop, poll, fd);
    if (flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags);
    }
    return err;
}

void standard_input_init(struct standard_input *input,
                         uv_loop_t *loop,
                         standard_input_fn tell,
                         void *context)
{
    input->tell = tell;
    input->context = context;
    input->poll.data = input;
    input->idle.data = input;
    input->is_file = standard_poll_init(loop, &input->poll, STDIN_FILENO) < 0;
    (void)uv_idle_init(loop, &input->idle);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct standard_input *input = poll->data;
    (void)status; /* read(2) says it better */
    (void)events;
    input->tell(input->context);
}

static void on_idle(uv_idle_t *idle)
{
    struct standard_input *input = idle->data;
    input->tell(input->context);
}

void standard_input_resume(struct standard_input *input)
{
    if (input->is_file) {
        (void)uv_idle_start(&input->idle, on_idle);
    } else {
        (void)uv_poll_start(&input->poll, UV_READABLE, on_readable);
    }
}

void standard_input_pause(struct standard_input *input)
{
    (void)uv_idle_stop(&input->idle);
    if (!input->is_file) {
        (void)uv_poll_stop(&input->poll);
    }
}

void standard_input_finish(struct standard_input *input)
{
    uv_close((uv_handle_t *)&input->idle, NULL);
    if (!input->is_file) {
        uv_close((uv_handle_t *)&input->poll, NULL);
    }
}
