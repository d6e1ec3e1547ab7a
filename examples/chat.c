/*
 * A chat server. A room is a topic: its page subscribes from the last 50 events
 * on, and posts what is said. The host serves the page and logs the lobby.
 *
 *     chat [ADDRESS [PORT_OF_PAGE [PAGE]]]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <ringtail/ringtail.h>
#include <uv.h>

#include "page.h"

struct host {
    uv_signal_t interrupt;
    struct page_server page;
    struct ringtail_broker *broker;
    struct ringtail_subscription *lobby;
};

/* The page posts JSON: who, what kind of event, and the text. */
static void on_event(void *context, const struct ringtail_event *event)
{
    (void)context;
    if (event->kind == RINGTAIL_EVENT) {
        (void)printf("%.*s\n", (int)event->len, (const char *)event->payload);
        (void)fflush(stdout);
    }
}

static void on_signal(uv_signal_t *interrupt, int number)
{
    struct host *host = interrupt->data;
    (void)number;
    page_close(&host->page);
    ringtail_broker_stop(host->broker, 1000, NULL, NULL);
    uv_close((uv_handle_t *)interrupt, NULL);
}

static int fail(const char *what, int error)
{
    (void)fprintf(stderr, "chat: %s: %s\n", what, ringtail_strerror(error));
    return 1;
}

int main(int count, char **arguments)
{
    static struct host host;
    uv_loop_t *loop = uv_default_loop();
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:3030";
    const char *port = count > 2 ? arguments[2] : "8080";
    const char *page = count > 3 ? arguments[3] : "examples/chat.html";
    int err = ringtail_broker_create(NULL, loop, &host.broker);
    if (err < 0 ||
        (err = ringtail_broker_listen(host.broker, address, 0)) < 0 ||
        (err = ringtail_subscribe(host.broker, "room.lobby", NULL, on_event,
                                  NULL, &host.lobby)) < 0) {
        return fail(address, err);
    }
    int page_port = page_serve(&host.page, loop, (int)strtol(port, NULL, 10),
                               page, ringtail_broker_port(host.broker));
    if (page_port < 0) {
        return fail(page, page_port);
    }
    (void)uv_signal_init(loop, &host.interrupt);
    host.interrupt.data = &host;
    (void)uv_signal_start(&host.interrupt, on_signal, SIGINT);
    (void)printf("listening on http://127.0.0.1:%d\n",
                 ringtail_broker_port(host.broker));
    (void)printf("chat: http://127.0.0.1:%d/#lobby\n", page_port);
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_unsubscribe(host.lobby);
    ringtail_broker_destroy(host.broker);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
