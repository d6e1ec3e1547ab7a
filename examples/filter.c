/*
 * A subscriber in the process: it reads temperatures and republishes those that
 * are too high, with a pause after each. What it has missed it announces too.
 *
 *     filter [ADDRESS]
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <ringtail/ringtail.h>
#include <uv.h>

#define TOO_HIGH 30.0
#define PAUSE_MS 100

struct host {
    uv_signal_t interrupt;
    uv_timer_t pause;
    struct ringtail_broker *broker;
    struct ringtail_subscription *temperatures;
};

static void publish_alarm(struct host *host, const char *text, int len)
{
    (void)ringtail_publish(host->broker, "alarm", text, (size_t)len, NULL,
                           NULL);
}

static void on_pause_over(uv_timer_t *pause)
{
    struct host *host = pause->data;
    ringtail_subscription_resume(host->temperatures);
}

/* A payload has no NUL behind it: it becomes a string in `text`. */
static void take_temperature(struct host *host,
                             const struct ringtail_event *event)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%.*s", (int)event->len,
                       (const char *)event->payload);
    if (len < (int)sizeof(text) && strtod(text, NULL) > TOO_HIGH) {
        publish_alarm(host, text, len);
        ringtail_subscription_pause(host->temperatures);
        (void)uv_timer_start(&host->pause, on_pause_over, PAUSE_MS, 0);
    }
}

static void on_event(void *context, const struct ringtail_event *event)
{
    char text[64];
    if (event->kind == RINGTAIL_EVENT) {
        take_temperature(context, event);
    } else if (event->kind == RINGTAIL_GAP) {
        int len = snprintf(text, sizeof(text), "%" PRIu64 " lost: %s",
                           event->missed, event->reason);
        publish_alarm(context, text, len);
    }
}

static void on_signal(uv_signal_t *interrupt, int number)
{
    struct host *host = interrupt->data;
    (void)number;
    ringtail_broker_stop(host->broker, 1000, NULL, NULL);
    uv_close((uv_handle_t *)&host->pause, NULL);
    uv_close((uv_handle_t *)interrupt, NULL);
}

int main(int count, char **arguments)
{
    uv_loop_t *loop = uv_default_loop();
    struct host host = {.broker = NULL};
    struct ringtail_config config;
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:3030";
    ringtail_config_init(&config);
    (void)ringtail_config_set(&config, "event_bytes", "64");
    (void)ringtail_config_set(&config, "ring_bytes", "4KiB");
    if (ringtail_broker_create(&config, loop, &host.broker) < 0 ||
        ringtail_broker_listen(host.broker, address, 0) < 0 ||
        ringtail_subscribe(host.broker, "temperature", NULL, on_event, &host,
                           &host.temperatures) < 0) {
        return 1;
    }
    (void)uv_timer_init(loop, &host.pause);
    (void)uv_signal_init(loop, &host.interrupt);
    host.pause.data = host.interrupt.data = &host;
    (void)uv_signal_start(&host.interrupt, on_signal, SIGINT);
    (void)printf("listening on http://127.0.0.1:%d\n",
                 ringtail_broker_port(host.broker));
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_unsubscribe(host.temperatures);
    ringtail_broker_destroy(host.broker);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
