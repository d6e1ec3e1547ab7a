/* A broker in a program of one's own, until SIGINT. */
#include <signal.h>
#include <stdio.h>

#include <ringtail/ringtail.h>
#include <uv.h>

static void on_signal(uv_signal_t *interrupt, int number)
{
    (void)number;
    ringtail_broker_stop(interrupt->data, 1000, NULL, NULL);
    uv_close((uv_handle_t *)interrupt, NULL);
}

int main(int count, char **arguments)
{
    uv_loop_t *loop = uv_default_loop();
    uv_signal_t interrupt;
    struct ringtail_broker *broker = NULL;
    int err = ringtail_broker_create(NULL, loop, &broker);
    if (err == 0) {
        const char *address = count > 1 ? arguments[1] : "127.0.0.1:3030";
        err = ringtail_broker_listen(broker, address, 0);
    }
    if (err < 0) {
        (void)fprintf(stderr, "minimal: %s\n", ringtail_strerror(err));
        return 1;
    }
    (void)uv_signal_init(loop, &interrupt);
    interrupt.data = broker;
    (void)uv_signal_start(&interrupt, on_signal, SIGINT);
    (void)printf("listening on http://127.0.0.1:%d\n",
                 ringtail_broker_port(broker));
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(broker);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
