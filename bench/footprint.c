/*
 * What a broker holds of its host's: handles on the loop, and bytes of the
 * host's allocator, from one stage of its life to the next.
 */
#include <stdio.h>
#include <stdlib.h>

#include <ringtail/ringtail.h>
#include <uv.h>

struct holding {
    size_t bytes;
    size_t blocks;
    size_t handles;
};

static void *
resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    struct holding *holding = context;
    void *resized = NULL;
    if (new_size == 0) {
        free(memory);
    } else if ((resized = realloc(memory, new_size)) == NULL) {
        return NULL;
    }
    holding->bytes += new_size - old_size;
    holding->blocks += (size_t)(memory == NULL) - (size_t)(new_size == 0);
    return resized;
}

static void count_handle(uv_handle_t *handle, void *context)
{
    struct holding *holding = context;
    (void)handle;
    holding->handles++;
}

/* What is held beyond what was at the last stage. */
static void report(const char *stage, uv_loop_t *loop, struct holding *now)
{
    static struct holding last;
    now->handles = 0;
    uv_walk(loop, count_handle, now);
    (void)printf("%-42s %8zd bytes %4zd blocks %3zd handles\n", stage,
                 (ssize_t)(now->bytes - last.bytes),
                 (ssize_t)(now->blocks - last.blocks),
                 (ssize_t)(now->handles - last.handles));
    last = *now;
}

static void ignore(void *context, const struct ringtail_event *event)
{
    (void)context;
    (void)event;
}

static int must(int err)
{
    if (err < 0) {
        (void)fprintf(stderr, "footprint: %s\n", ringtail_strerror(err));
        exit(1);
    }
    return err;
}

static void subscribe_all(struct ringtail_broker *broker, const char *topic)
{
    struct ringtail_subscription *subscription = NULL;
    for (int i = 0; i < 1000; i++) {
        must(ringtail_subscribe(broker, topic, NULL, ignore, NULL,
                                &subscription));
    }
}

static void publish_all(struct ringtail_broker *broker)
{
    char topic[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(topic, sizeof(topic), "topic-%d", i);
        must(ringtail_publish(broker, topic, "event", 5, NULL, NULL));
    }
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    struct holding now = {0};
    struct ringtail_config config;
    struct ringtail_broker *broker = NULL;
    ringtail_config_init(&config);
    config.resize = resize;
    config.resize_context = &now;
    report("a loop", loop, &now);
    must(ringtail_broker_create(&config, loop, &broker));
    report("a broker", loop, &now);
    must(ringtail_broker_listen(broker, "127.0.0.1:0", 0));
    report("a listener", loop, &now);
    publish_all(broker);
    report("1000 topics with an event each", loop, &now);
    subscribe_all(broker, "topic-0");
    report("1000 subscriptions in the process", loop, &now);
    ringtail_broker_stop(broker, 0, NULL, NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(broker);
    (void)printf("%-42s %8zu bytes\n", "left behind by all of it", now.bytes);
    return now.bytes == 0 && uv_loop_close(loop) == 0 ? 0 : 1;
}
