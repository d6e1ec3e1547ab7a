/*
 * What a broker holds of its host's: handles on the loop, and bytes of the
 * host's allocator, from one stage of its life to the next.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

/* A peer that subscribes and then says nothing; it closes with the process. */
static void connect_peer(struct ringtail_broker *broker, uv_loop_t *loop)
{
    static const char upgrade[] =
        "GET /subscribe/topic-0 HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[512];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_port = htons((uint16_t)ringtail_broker_port(broker));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    must((int)send(fd, upgrade, sizeof(upgrade) - 1, 0));
    while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) < 0) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
    }
    must(memcmp(answer, "HTTP/1.1 101", 12) == 0 ? 0 : UV_EPROTO);
}

static void connect_all(struct ringtail_broker *broker, uv_loop_t *loop)
{
    for (int i = 0; i < 1000; i++) {
        connect_peer(broker, loop);
    }
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
    connect_all(broker, loop);
    report("1000 idle WebSocket subscribers", loop, &now);
    ringtail_broker_stop(broker, 0, NULL, NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(broker);
    (void)printf("%-42s %8zu bytes\n", "left behind by all of it", now.bytes);
    return now.bytes == 0 && uv_loop_close(loop) == 0 ? 0 : 1;
}
