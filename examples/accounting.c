/*
 * The host's own allocator: it counts what the broker holds, and refuses what
 * would be too much. Publishers then get a 507, and the host lives on.
 *
 *     accounting [ADDRESS [LIMIT]]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <ringtail/ringtail.h>
#include <uv.h>

struct account {
    size_t now;
    size_t peak;
    size_t limit;
    size_t refusals;
};

/* Sizes are exact, so that blocks need no header to be counted. */
static void *
resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    struct account *account = context;
    if (new_size == 0) {
        free(memory);
        account->now -= old_size;
        return NULL;
    }
    size_t now = account->now - old_size + new_size;
    void *resized = now <= account->limit ? realloc(memory, new_size) : NULL;
    if (resized == NULL) {
        account->refusals++;
        return NULL;
    }
    account->now = now;
    account->peak = now > account->peak ? now : account->peak;
    return resized;
}

static void
on_log(void *context, enum ringtail_log_level level, const char *text)
{
    (void)context;
    (void)fprintf(stderr, "%s%s\n",
                  level == RINGTAIL_LOG_WARNING ? "warning: " : "", text);
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
    struct account account = {.limit = (size_t)64 * 1024 * 1024};
    struct ringtail_config config;
    struct ringtail_broker *broker = NULL;
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:3030";
    if (count > 2) {
        account.limit = strtoull(arguments[2], NULL, 10);
    }
    ringtail_config_init(&config);
    config.resize = resize;
    config.resize_context = &account;
    config.log = on_log;
    int err = ringtail_broker_create(&config, loop, &broker);
    if (err == 0) {
        err = ringtail_broker_listen(broker, address, 0);
    }
    if (err < 0) {
        (void)fprintf(stderr, "accounting: %s\n", ringtail_strerror(err));
        return 1;
    }
    (void)uv_signal_init(loop, &interrupt);
    interrupt.data = broker;
    (void)uv_signal_start(&interrupt, on_signal, SIGINT);
    (void)printf("listening on http://127.0.0.1:%d\n",
                 ringtail_broker_port(broker));
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    (void)printf("at the end %zu, at most %zu bytes\n", account.now,
                 account.peak);
    ringtail_broker_destroy(broker);
    (void)printf("left %zu bytes, refused %zu times\n", account.now,
                 account.refusals);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
