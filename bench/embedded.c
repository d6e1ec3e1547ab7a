/*
 * What the library costs a host, measured from the host's side:
 *
 *     embedded publish        events published and delivered in one process
 *     embedded mailbox        events published by four other threads
 *     embedded idle           memory and wake-ups of a broker with nothing to
 * do
 *
 * Prints a line of JSON. All bounded: it ends by itself.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <uv.h>

#include "ringtail/ringtail.h"

#define PAYLOAD_BYTES 128
#define BATCH         256 /* events in one turn of the loop */
#define EVENTS        5000000
#define THREADS       4
#define IDLE_MS       5000

static uv_loop_t loop;
static struct ringtail_broker *broker;
static size_t memory_used;
static uint64_t delivered;
static uint64_t gaps;

static void *
resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    (void)context;
    memory_used += new_size - old_size;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, new_size);
}

static void on_event(void *context, const struct ringtail_event *event)
{
    (void)context;
    delivered += event->kind == RINGTAIL_EVENT ? 1 : 0;
    gaps += event->kind == RINGTAIL_GAP ? 1 : 0;
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Ends the program: there is nothing to measure. */
static void must(int err)
{
    if (err < 0) {
        (void)fprintf(stderr, "embedded: %s\n", ringtail_strerror(err));
        exit(1);
    }
}

static void begin(void)
{
    struct ringtail_config config;
    struct ringtail_subscription *subscription;
    ringtail_config_init(&config);
    config.resize = resize;
    must(uv_loop_init(&loop));
    must(ringtail_broker_create(&config, &loop, &broker));
    must(ringtail_subscribe(broker, "bench", NULL, on_event, NULL,
                            &subscription));
}

static int end(void)
{
    ringtail_broker_stop(broker, 0, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(broker);
    must(uv_loop_close(&loop));
    return gaps == 0 ? 0 : 1;
}

static void run_publish(void)
{
    char payload[PAYLOAD_BYTES];
    memset(payload, 'x', sizeof(payload));
    uint64_t began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (uint64_t sent = 0; sent < EVENTS;) {
        for (int i = 0; i < BATCH; i++, sent++) {
            must(ringtail_publish(broker, "bench", payload, sizeof(payload),
                                  NULL, NULL));
        }
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
    (void)printf("{\"events\": %" PRIu64 ", \"gaps\": %" PRIu64
                 ", \"cpu_ns_per_event\": %.1f}\n",
                 delivered, gaps, (double)cpu / (double)delivered);
}

static void *send_events(void *argument)
{
    char payload[PAYLOAD_BYTES];
    uint64_t *full = argument;
    memset(payload, 'x', sizeof(payload));
    for (uint64_t sent = 0; sent < EVENTS / THREADS;) {
        int err = ringtail_publish_async(broker, "bench", payload,
                                         sizeof(payload), NULL, NULL, NULL);
        if (err == 0) {
            sent++;
        } else if (err == RINGTAIL_EFULL) {
            ++*full;
            (void)sched_yield();
        } else {
            must(err);
        }
    }
    return NULL;
}

static void run_mailbox(void)
{
    pthread_t threads[THREADS];
    uint64_t full[THREADS] = {0};
    uint64_t cpu_began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t began = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < THREADS; i++) {
        must(-pthread_create(&threads[i], NULL, send_events, &full[i]));
    }
    while (delivered < EVENTS) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    uint64_t passed = now_ns(CLOCK_MONOTONIC) - began;
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
    uint64_t refused = 0;
    for (int i = 0; i < THREADS; i++) {
        must(-pthread_join(threads[i], NULL));
        refused += full[i];
    }
    (void)printf("{\"events\": %" PRIu64 ", \"gaps\": %" PRIu64
                 ", \"full\": %" PRIu64
                 ", \"ns_per_event\": %.1f, \"cpu_ns_per_event\": %.1f}\n",
                 delivered, gaps, refused, (double)passed / (double)delivered,
                 (double)cpu / (double)delivered);
}

static void on_idle_end(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

/* Wake-ups are returns from the wait: turns of the loop, less the last. */
static void run_idle(void)
{
    static uv_timer_t timer; /* until the loop has closed it */
    uint64_t turns = 0;
    must(ringtail_broker_listen(broker, "127.0.0.1:0", 0));
    (void)uv_timer_init(&loop, &timer);
    (void)uv_timer_start(&timer, on_idle_end, IDLE_MS, 0);
    uint64_t began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (!uv_is_closing((uv_handle_t *)&timer)) {
        (void)uv_run(&loop, UV_RUN_ONCE);
        turns++;
    }
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
    (void)printf("{\"seconds\": %d, \"wakeups_per_second\": %.2f, "
                 "\"cpu_us_per_second\": %.1f, \"bytes\": %zu}\n",
                 IDLE_MS / 1000, (double)(turns - 1) * 1000 / IDLE_MS,
                 (double)cpu / IDLE_MS, memory_used);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {
        {"publish", run_publish}, {"mailbox", run_mailbox}, {"idle", run_idle}};
    for (size_t i = 0; count == 2 && i < sizeof(modes) / sizeof(*modes); i++) {
        if (strcmp(arguments[1], modes[i].name) == 0) {
            begin();
            modes[i].run();
            return end();
        }
    }
    (void)fprintf(stderr, "usage: embedded publish|mailbox|idle\n");
    return 1;
}
