/* How a session begins and ends: its options, its memory. */
#include "clients/c/session.h"

#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/error.h"

/* What a session takes beside what its limits say. */
#define MEMORY_SPARE ((size_t)256 * 1024)

/* So that sums of sizes do not overflow. */
#define LIMIT_MAX ((uint64_t)1 << 40)

static int fill_random(void *memory, size_t len)
{
    ssize_t got = getrandom(memory, len, 0);
    return got == (ssize_t)len ? 0 : got < 0 ? -errno : RT_EAGAIN;
}

static struct ringtail_session_options
default_options(enum ringtail_session_kind kind)
{
    return (struct ringtail_session_options){
        .size = sizeof(struct ringtail_session_options),
        .kind = kind,
        .url = RINGTAIL_CLIENT_URL,
        .in_flight_events = RINGTAIL_CLIENT_IN_FLIGHT,
        .in_flight_bytes = RINGTAIL_CLIENT_IN_FLIGHT_SIZE,
        .event_bytes = RINGTAIL_CLIENT_EVENT_BYTES,
        .silence_ms = RINGTAIL_CLIENT_SILENCE_MS,
        .connect_ms = RINGTAIL_CLIENT_CONNECT_MS,
        .retry_min_ms = RINGTAIL_CLIENT_RETRY_MIN_MS,
        .retry_max_ms = RINGTAIL_CLIENT_RETRY_MAX_MS,
    };
}

void ringtail_session_options_init_sized(
    struct ringtail_session_options *options,
    size_t size,
    enum ringtail_session_kind kind)
{
    struct ringtail_session_options defaults = default_options(kind);
    defaults.size = size < sizeof(defaults) ? size : sizeof(defaults);
    memcpy(options, &defaults, defaults.size);
}

static int check_options(const struct ringtail_session_options *options)
{
    const uint64_t limits[] = {
        options->in_flight_events, options->in_flight_bytes,
        options->event_bytes,      options->silence_ms,
        options->connect_ms,       options->retry_min_ms,
        options->retry_max_ms,
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(limits); i++) {
        if (limits[i] == 0 || limits[i] > LIMIT_MAX) {
            return RINGTAIL_EVALUE;
        }
    }
    return 0;
}

static size_t memory_limit(const struct ringtail_session_options *options)
{
    uint64_t limit = sizeof(struct ringtail_session) + MEMORY_SPARE;
    limit += options->kind == RINGTAIL_SESSION_PUBLISHER
                 ? 4 * options->in_flight_bytes +
                       sizeof(struct rt_request) * options->in_flight_events
                 : 4 * options->event_bytes;
    return limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
}

/* Options of an older or newer header: the members that both know. */
static void adopt_options(struct ringtail_session_options *options,
                          const struct ringtail_session_options *given)
{
    *options = default_options(given->kind);
    size_t size =
        given->size < sizeof(*options) ? given->size : sizeof(*options);
    memcpy(options, given, size);
}

static int init_part(struct ringtail_session *session,
                     const struct ringtail_session_options *options)
{
    return session->options.kind == RINGTAIL_SESSION_PUBLISHER
               ? rt_session_publisher_init(session)
               : rt_session_subscriber_init(session, options);
}

void rt_session_free(struct ringtail_session *session)
{
    struct rt_heap heap = session->heap;
    rt_session_publisher_finish(session);
    rt_session_subscriber_finish(session);
    rt_buffer_finish(&session->input, &session->heap);
    rt_buffer_finish(&session->sending, &session->heap);
    rt_buffer_finish(&session->filling, &session->heap);
    RT_CHECK(session->heap.used == sizeof(*session));
    heap.used = sizeof(*session);
    rt_heap_free(&heap, session, sizeof(*session));
}

static struct ringtail_session *
allocate(const struct rt_heap *given,
         const struct ringtail_session_options *options)
{
    struct rt_heap heap = *given;
    heap.limit = memory_limit(options);
    struct ringtail_session *session = rt_heap_zalloc(&heap, sizeof(*session));
    if (session != NULL) {
        session->heap = heap;
        session->options = *options;
        session->random = fill_random;
        session->backoff.min_ms = options->retry_min_ms;
        session->backoff.max_ms = options->retry_max_ms;
    }
    return session;
}

int rt_session_create(const struct rt_heap *heap,
                      const struct ringtail_session_options *given,
                      struct ringtail_session **out)
{
    struct ringtail_session_options options;
    struct ringtail_url url = {0};
    adopt_options(&options, given);
    int err = check_options(&options);
    err = err == 0 ? ringtail_url_parse(options.url, &url) : err;
    if (err < 0) {
        return err;
    }
    struct ringtail_session *session = allocate(heap, &options);
    if (session == NULL) {
        return RT_ENOMEM;
    }
    session->url = url;
    err = init_part(session, &options);
    if (err < 0) {
        rt_session_free(session);
        return err;
    }
    *out = session;
    return 0;
}

int ringtail_session_create(const struct ringtail_session_options *options,
                            struct ringtail_session **session)
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    return rt_session_create(&heap, options, session);
}

void ringtail_session_destroy(struct ringtail_session *session)
{
    if (session == NULL) {
        return;
    }
    if (!session->is_inside) {
        rt_session_free(session);
        return;
    }
    session->is_destroyed = true;
    session->state = RINGTAIL_SESSION_CLOSED;
    session->options.handlers = (struct ringtail_session_handlers){0};
}
