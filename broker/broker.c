/* The library's face: what the public header promises, on top of the server. */
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/error.h"
#include "broker/facade.h"
#include "broker/net/committer.h"
#include "broker/net/listener.h"
#include "broker/net/route.h"

/* Descriptors that are not for connections: listeners, the loop's own, logs. */
#define DESCRIPTORS_RESERVED 64

/* A segment counts its bytes in 32 bits; an event has to fit into one. */
#define EVENT_BYTES_MAX ((uint64_t)1024 * 1024 * 1024)

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

static bool is_limit(enum ringtail_option_kind kind)
{
    return kind == RINGTAIL_OPTION_SIZE || kind == RINGTAIL_OPTION_DURATION ||
           kind == RINGTAIL_OPTION_COUNT;
}

static int check_limits(const struct ringtail_config *config)
{
#define X(kind, name, value, help)                             \
    if (is_limit(RINGTAIL_OPTION_##kind) && !(config->name)) { \
        return RINGTAIL_EVALUE;                                \
    }
    RINGTAIL_CONFIG_MAP(X)
#undef X
    if (config->mailbox_bytes == 0) {
        return RINGTAIL_EVALUE;
    }
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

static enum rt_ack ack_of(const struct ringtail_config *config)
{
    if (config->ack != RINGTAIL_ACK_AUTO) {
        return (enum rt_ack)config->ack;
    }
    return config->data != NULL ? RT_ACK_DISK : RT_ACK_MEMORY;
}

static int check_ack(const struct ringtail_config *config)
{
    if (config->ack > RINGTAIL_ACK_DISK) {
        return RINGTAIL_EVALUE;
    }
    return config->ack == RINGTAIL_ACK_DISK && config->data == NULL
               ? RINGTAIL_ENODATA
               : 0;
}

static int make_options(const struct ringtail_config *config,
                        struct rt_server_options *options)
{
    *options = (struct rt_server_options){
        .application = &rt_broker_application,
        .resize = config->resize,
        .resize_context = config->resize_context,
        .log = config->log,
        .log_context = config->log_context,
        .authorize = config->authorize,
        .authorize_context = config->authorize_context,
        .memory_max = config->memory > SIZE_MAX ? SIZE_MAX : config->memory,
        .retention = {.bytes = config->ring_bytes,
                      .events = config->ring_events,
                      .age_ms = config->max_age},
        .idempotency = {.keep_ms = config->idempotency_time,
                        .count_max = config->idempotency_keys,
                        .bytes_max = config->idempotency_bytes},
        .ack = ack_of(config),
        .stall_timeout_ms = config->stall_timeout,
        .event_bytes_max = config->event_bytes < EVENT_BYTES_MAX
                               ? config->event_bytes
                               : EVENT_BYTES_MAX,
        .batch_bytes_max = config->batch_bytes,
        .stall_ticks = to_ticks(config->stall_timeout),
        .heartbeat_ticks = to_ticks(config->heartbeat),
        .pong_ticks = to_ticks(config->pong_timeout),
        .head_ticks = to_ticks(config->head_timeout),
        .body_ticks = to_ticks(config->body_timeout),
        .idle_ticks = to_ticks(config->idle_timeout),
        .is_insecure = config->insecure != 0,
    };
    int err = check_limits(config);
    if (err == 0) {
        err = check_ack(config);
    }
    if (err == 0 && options->memory_max < RT_READ_BYTES) {
        err = UV_ENOMEM; /* nothing could be read */
    }
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

/* The broker itself comes before its budget, and goes after it. */
static struct ringtail_broker *allocate(const struct ringtail_config *config)
{
    struct rt_heap heap;
    rt_heap_init_over(&heap, SIZE_MAX, config->resize, config->resize_context);
    return rt_heap_zalloc(&heap, sizeof(struct ringtail_broker));
}

static void release(struct ringtail_broker *broker)
{
    const struct rt_server_options *options = &broker->server.options;
    struct rt_heap heap;
    rt_heap_init_over(&heap, SIZE_MAX, options->resize,
                      options->resize_context);
    heap.used = sizeof(*broker);
    rt_heap_free(&heap, broker, sizeof(*broker));
}

/* Makes the broker what the log on disk has, if there is one. */
static int open_log(struct rt_server *server,
                    const struct ringtail_config *config)
{
    struct rt_committer_options options = {
        .directory = config->data,
        .retention = {.bytes = config->data_bytes,
                      .events = config->data_events,
                      .age_ms = config->data_age},
        .reserve = config->data_reserve};
    if (config->data == NULL) {
        return 0;
    }
    int err = rt_committer_create(server, &options);
    return rt_facade_storage_error(err);
}

/* What can fail comes first; only then does the loop know of the broker. */
static int open_broker(struct ringtail_broker *broker,
                       uv_loop_t *loop,
                       const struct ringtail_config *config,
                       const struct rt_server_options *options)
{
    rt_list_init(&broker->subscriptions);
    rt_unsynced_init(broker);
    rt_server_init(&broker->server, loop, options);
    int err = open_log(&broker->server, config);
    if (err < 0) {
        return err;
    }
    err = rt_mailbox_init(&broker->mailbox, loop,
                          config->mailbox_bytes > SIZE_MAX
                              ? SIZE_MAX
                              : (size_t)config->mailbox_bytes,
                          rt_facade_deliver, broker);
    if (err == 0) {
        rt_server_start(&broker->server);
    }
    return err;
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
    struct ringtail_broker *broker = allocate(&config);
    if (broker == NULL) {
        return UV_ENOMEM;
    }
    err = open_broker(broker, loop, &config, &options);
    if (err < 0) {
        rt_server_finish(&broker->server);
        release(broker);
        return err;
    }
    *out = broker;
    return 0;
}

int ringtail_broker_listen(struct ringtail_broker *broker,
                           const char *address,
                           unsigned roles)
{
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    if (broker->server.state != RT_SERVER_RUNNING) {
        return RINGTAIL_ESTOPPED;
    }
    return rt_listener_open(&broker->server, address, roles);
}

int ringtail_broker_port(const struct ringtail_broker *broker)
{
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    return broker->server.port;
}

uint64_t ringtail_broker_connections_max(const struct ringtail_broker *broker)
{
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    return broker->server.options.connections_max;
}

void ringtail_broker_unref(struct ringtail_broker *broker)
{
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    uv_unref((uv_handle_t *)&broker->mailbox.async);
    rt_server_unref(&broker->server);
}

void ringtail_broker_ref(struct ringtail_broker *broker)
{
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    uv_ref((uv_handle_t *)&broker->mailbox.async);
    rt_server_ref(&broker->server);
}

static void on_mailbox_closed(uv_handle_t *handle)
{
    struct rt_mailbox *mailbox = handle->data;
    struct ringtail_broker *broker = mailbox->context;
    if (broker->on_stopped != NULL) {
        broker->on_stopped(broker->stopped_context);
    }
}

static void close_mailbox(void *context)
{
    struct ringtail_broker *broker = context;
    uv_close((uv_handle_t *)&broker->mailbox.async, on_mailbox_closed);
}

static void on_server_stopped(void *context)
{
    struct ringtail_broker *broker = context;
    struct rt_committer *committer = broker->server.committer;
    /* What was sent before the stop. No peer is left, so letters wait for
     * nobody but the subscriptions that are served between them. */
    while (!rt_mailbox_deliver(&broker->mailbox)) {
        rt_facade_serve_subscriptions(broker);
    }
    rt_facade_close_subscriptions(broker);
    if (committer != NULL) {
        rt_committer_stop(committer, close_mailbox, broker);
    } else {
        close_mailbox(broker);
    }
}

void ringtail_broker_stop(struct ringtail_broker *broker,
                          uint64_t drain_ms,
                          ringtail_done_cb done,
                          void *context)
{
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    ringtail_broker_ref(broker);
    broker->on_stopped = done;
    broker->stopped_context = context;
    rt_mailbox_close(&broker->mailbox);
    rt_server_stop(&broker->server, drain_ms, on_server_stopped, broker);
}

void ringtail_broker_destroy(struct ringtail_broker *broker)
{
    if (broker == NULL) {
        return;
    }
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    rt_facade_free_subscriptions(broker);
    rt_unsynced_finish(broker);
    rt_mailbox_finish(&broker->mailbox);
    rt_server_finish(&broker->server);
    release(broker);
}
