/* The library's face: what the public header promises, on top of the server. */
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "broker/net/listener.h"
#include "broker/net/server.h"
#include "ringtail/ringtail.h"

/* Descriptors that are not for connections: listeners, the loop's own, logs. */
#define DESCRIPTORS_RESERVED 64

/* A segment counts its bytes in 32 bits; an event has to fit into one. */
#define EVENT_BYTES_MAX ((uint64_t)1024 * 1024 * 1024)

struct ringtail_broker {
    struct rt_server server;
};

const char *ringtail_version(void)
{
    return RINGTAIL_VERSION;
}

const char *ringtail_strerror(int error)
{
    switch (error) {
#define X(name, value, text) \
    case value:              \
        return text;
        RINGTAIL_ERROR_MAP(X)
#undef X
    default:
        return uv_strerror(error);
    }
}

/* Waits are counted in ticks of a second, rounded up. */
static uint32_t to_ticks(uint64_t ms)
{
    uint64_t ticks = ms / RT_TICK_MS + (ms % RT_TICK_MS != 0);
    return ticks >= RT_WHEEL_NEVER ? RT_WHEEL_NEVER : (uint32_t)ticks;
}

static int check_limits(const struct ringtail_config *config)
{
#define X(kind, name, value, help)                                             \
    if (RINGTAIL_OPTION_##kind != RINGTAIL_OPTION_FLAG && config->name == 0) { \
        return RINGTAIL_EVALUE;                                                \
    }
    RINGTAIL_CONFIG_MAP(X)
#undef X
    bool is_too_large = config->event_bytes != RINGTAIL_UNLIMITED &&
                        config->event_bytes > EVENT_BYTES_MAX;
    return is_too_large || config->event_bytes > config->ring_bytes
               ? RINGTAIL_EEVENTBYTES
               : 0;
}

static int find_connections_max(const struct ringtail_config *config,
                                uint64_t *connections)
{
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    uint64_t available = limit.rlim_cur > DESCRIPTORS_RESERVED
                             ? limit.rlim_cur - DESCRIPTORS_RESERVED
                             : 0;
    bool is_limited = config->connections != RINGTAIL_UNLIMITED;
    if (available == 0 || (is_limited && config->connections > available)) {
        return RINGTAIL_EDESCRIPTORS;
    }
    *connections = is_limited ? config->connections : available;
    return 0;
}

static int make_options(const struct ringtail_config *config,
                        struct rt_server_options *options)
{
    *options = (struct rt_server_options){
        .memory_max = config->memory > SIZE_MAX ? SIZE_MAX : config->memory,
        .retention = {.bytes = config->ring_bytes,
                      .events = config->ring_events,
                      .age_ms = config->max_age},
        .stall_timeout_ms = config->stall_timeout,
        .event_bytes_max = config->event_bytes < EVENT_BYTES_MAX
                               ? config->event_bytes
                               : EVENT_BYTES_MAX,
        .stall_ticks = to_ticks(config->stall_timeout),
        .heartbeat_ticks = to_ticks(config->heartbeat),
        .pong_ticks = to_ticks(config->pong_timeout),
        .head_ticks = to_ticks(config->head_timeout),
        .body_ticks = to_ticks(config->body_timeout),
        .idle_ticks = to_ticks(config->idle_timeout),
        .is_insecure = config->insecure != 0,
    };
    int err = check_limits(config);
    return err < 0 ? err
                   : find_connections_max(config, &options->connections_max);
}

/* A config of an older or newer header: the members that both know. */
static void adopt_config(struct ringtail_config *config,
                         const struct ringtail_config *given)
{
    ringtail_config_init(config);
    if (given != NULL) {
        size_t size =
            given->size < sizeof(*config) ? given->size : sizeof(*config);
        memcpy(config, given, size);
        config->size = sizeof(*config);
    }
}

int ringtail_broker_create(const struct ringtail_config *given,
                           struct uv_loop_s *loop,
                           struct ringtail_broker **out)
{
    struct ringtail_config config;
    struct rt_server_options options;
    adopt_config(&config, given);
    int err = make_options(&config, &options);
    if (err < 0) {
        return err;
    }
    /* The broker itself comes before its budget. */
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct ringtail_broker *broker = rt_heap_zalloc(&heap, sizeof(*broker));
    if (broker == NULL) {
        return UV_ENOMEM;
    }
    err = rt_server_init(&broker->server, loop, &options);
    if (err < 0) {
        rt_heap_free(&heap, broker, sizeof(*broker));
        return err;
    }
    *out = broker;
    return 0;
}

int ringtail_broker_listen(struct ringtail_broker *broker,
                           const char *address,
                           unsigned roles)
{
    return rt_listener_open(&broker->server, address, roles);
}

int ringtail_broker_port(const struct ringtail_broker *broker)
{
    return broker->server.port;
}

uint64_t ringtail_broker_connections_max(const struct ringtail_broker *broker)
{
    return broker->server.options.connections_max;
}

void ringtail_broker_stop(struct ringtail_broker *broker,
                          uint64_t drain_ms,
                          ringtail_done_cb done,
                          void *context)
{
    rt_server_stop(&broker->server, drain_ms, done, context);
}

void ringtail_broker_destroy(struct ringtail_broker *broker)
{
    struct rt_heap heap;
    if (broker == NULL) {
        return;
    }
    rt_server_finish(&broker->server);
    rt_heap_init(&heap, SIZE_MAX);
    heap.used = sizeof(*broker);
    rt_heap_free(&heap, broker, sizeof(*broker));
}
