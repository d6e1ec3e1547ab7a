/*
 * A thread of the host's publishes faster than the loop takes it: when the
 * mailbox is full it waits for receipts, so that no event is lost.
 *
 *     publish_from_thread [ADDRESS [COUNT]]
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <ringtail/ringtail.h>
#include <uv.h>

struct work {
    struct ringtail_broker *broker;
    uint64_t count;
    uint64_t waits;    /* the thread's */
    uint64_t receipts; /* the loop's */
    uv_sem_t answers;  /* one for each event: between the two */
};

/* On the loop's thread: what became of an event. */
static void
on_published(void *context, int error, const struct ringtail_receipt *receipt)
{
    struct work *work = context;
    uv_sem_post(&work->answers);
    if (error < 0) {
        (void)fprintf(stderr, "lost: %s\n", ringtail_strerror(error));
    } else if (++work->receipts == work->count) {
        (void)printf("published up to %s\n", receipt->cursor);
        (void)fflush(stdout);
    }
}

/* The thread. What is in a full mailbox will be answered: it never waits in
 * vain, and the end of the broker sets it free. */
static void publish_all(void *context)
{
    struct work *work = context;
    int err = 0;
    for (uint64_t sent = 0; sent < work->count && err == 0; sent++) {
        while ((err = ringtail_publish_async(work->broker, "work", "done", 4,
                                             NULL, on_published, work)) ==
               RINGTAIL_EFULL) {
            uv_sem_wait(&work->answers);
            work->waits++;
        }
    }
}

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
    uv_thread_t thread;
    struct ringtail_config config;
    struct work work = {.count = 100000};
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:3030";
    if (count > 2) {
        work.count = strtoull(arguments[2], NULL, 10);
    }
    ringtail_config_init(&config);
    config.mailbox_bytes = (uint64_t)64 * 1024;
    if (ringtail_broker_create(&config, loop, &work.broker) < 0 ||
        ringtail_broker_listen(work.broker, address, 0) < 0) {
        return 1;
    }
    (void)uv_signal_init(loop, &interrupt);
    interrupt.data = work.broker;
    (void)uv_signal_start(&interrupt, on_signal, SIGINT);
    (void)uv_sem_init(&work.answers, 0);
    (void)uv_thread_create(&thread, publish_all, &work);
    (void)printf("listening on http://127.0.0.1:%d\n",
                 ringtail_broker_port(work.broker));
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    (void)uv_thread_join(&thread);
    uv_sem_destroy(&work.answers);
    ringtail_broker_destroy(work.broker);
    (void)printf("waited %" PRIu64 " times\n", work.waits);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
