/*
 * A host with a life of its own: a timer that publishes every second, and a TCP
 * server that says how often it did. The broker shares their loop.
 *
 *     shared_loop [ADDRESS]
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <ringtail/ringtail.h>
#include <uv.h>

struct host {
    uv_signal_t interrupt;
    uv_timer_t timer;
    uv_tcp_t server;
    struct ringtail_broker *broker;
    int ticks;
};

static void on_timer(uv_timer_t *timer)
{
    struct host *host = timer->data;
    if (ringtail_publish(host->broker, "ticks", "tick", 4, NULL, NULL) == 0) {
        host->ticks++;
    }
}

static void on_closed(uv_handle_t *client)
{
    free(client);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct host *host = server->data;
    uv_tcp_t *client = malloc(sizeof(*client));
    char text[32];
    int len = snprintf(text, sizeof(text), "%d ticks\n", host->ticks);
    uv_buf_t buffer = uv_buf_init(text, (unsigned)len);
    if (status < 0 || client == NULL) {
        free(client);
        return;
    }
    (void)uv_tcp_init(server->loop, client);
    if (uv_accept(server, (uv_stream_t *)client) == 0) {
        (void)uv_try_write((uv_stream_t *)client, &buffer, 1);
    }
    uv_close((uv_handle_t *)client, on_closed);
}

static int serve_ticks(uv_loop_t *loop, struct host *host)
{
    struct sockaddr_in name;
    int len = sizeof(name);
    (void)uv_tcp_init(loop, &host->server);
    (void)uv_ip4_addr("127.0.0.1", 0, &name);
    (void)uv_tcp_bind(&host->server, (struct sockaddr *)&name, 0);
    int err = uv_listen((uv_stream_t *)&host->server, 16, on_connection);
    (void)uv_tcp_getsockname(&host->server, (struct sockaddr *)&name, &len);
    (void)printf("host: 127.0.0.1:%d\n", ntohs(name.sin_port));
    return err;
}

/* Each gives back its own: the host its handles, the broker the others. */
static void on_signal(uv_signal_t *interrupt, int number)
{
    struct host *host = interrupt->data;
    (void)number;
    uv_close((uv_handle_t *)&host->interrupt, NULL);
    uv_close((uv_handle_t *)&host->timer, NULL);
    uv_close((uv_handle_t *)&host->server, NULL);
    ringtail_broker_stop(host->broker, 1000, NULL, NULL);
}

int main(int count, char **arguments)
{
    uv_loop_t *loop = uv_default_loop();
    struct host host = {.ticks = 0};
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:3030";
    if (serve_ticks(loop, &host) < 0 ||
        ringtail_broker_create(NULL, loop, &host.broker) < 0 ||
        ringtail_broker_listen(host.broker, address, 0) < 0) {
        return 1;
    }
    (void)uv_timer_init(loop, &host.timer);
    (void)uv_signal_init(loop, &host.interrupt);
    host.interrupt.data = host.timer.data = host.server.data = &host;
    (void)uv_timer_start(&host.timer, on_timer, 0, 1000);
    (void)uv_signal_start(&host.interrupt, on_signal, SIGINT);
    (void)printf("listening on http://127.0.0.1:%d\n",
                 ringtail_broker_port(host.broker));
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(host.broker);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
