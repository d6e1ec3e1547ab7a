/*
 * A program of somebody else's: a broker on its own loop, until its standard
 * input ends. It is C and C++ alike.
 */
#include <stdio.h>

#include <ringtail/ringtail.h>
#include <uv.h>

static void on_stopped(void *context)
{
    *(int *)context = 1;
}

static void on_input_end(uv_poll_t *input, int status, int events)
{
    (void)status;
    (void)events;
    uv_close((uv_handle_t *)input, NULL);
    uv_stop(input->loop);
}

/* Serves until the input ends, then leaves nothing on the loop. */
static int serve(uv_loop_t *loop, struct ringtail_broker *broker)
{
    uv_poll_t input;
    int is_stopped = 0;
    if (uv_poll_init(loop, &input, 0) < 0 ||
        uv_poll_start(&input, UV_READABLE, on_input_end) < 0) {
        return 1;
    }
    (void)printf("%s %d\n", ringtail_version(), ringtail_broker_port(broker));
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_broker_stop(broker, 0, on_stopped, &is_stopped);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(broker);
    return is_stopped && uv_loop_close(loop) == 0 ? 0 : 1;
}

int main(void)
{
    uv_loop_t loop;
    struct ringtail_config config;
    struct ringtail_broker *broker = NULL;
    ringtail_config_init(&config);
    if (uv_loop_init(&loop) < 0 ||
        ringtail_broker_create(&config, &loop, &broker) < 0 ||
        ringtail_broker_listen(broker, "127.0.0.1:0", 0) < 0) {
        return 1;
    }
    return serve(&loop, broker);
}
