#include "broker/net/subscribe_query.h"

#include "base/error.h"
#include "broker/net/route.h"

#define VALUE_MAX 64 /* of a parameter, decoded: longer than any valid one */

#define LAST_EVENT_ID "Last-Event-ID"

const char rt_since_expected[] = "it is now, earliest, a cursor, an RFC 3339 "
                                 "time, a duration such as 10m, or -N";

#define SEVERAL_SINCE_EXPECTED                                     \
    "in several topics it is now, earliest, a cursor that begins " \
    "with *, an RFC 3339 time, or a duration such as 10m"

/* What says where to begin; of several, the last of these. */
enum start_rank {
    RANK_SINCE,
    RANK_POLYFILL,
    RANK_LAST_EVENT_ID,
    RANK_HEADER,
};

static const struct rt_bytes start_names[] = {
    [RANK_SINCE] = {"since", 5},
    [RANK_POLYFILL] = {"lastEventId", 11},
    [RANK_LAST_EVENT_ID] = {"last_event_id", 13},
    [RANK_HEADER] = {LAST_EVENT_ID, sizeof(LAST_EVENT_ID) - 1},
};

struct reading {
    struct rt_subscribe_query *parsed;
    uint64_t wall_ms;
    enum start_rank rank;
    const char *expected;    /* what a value that is wrong should be */
    struct rt_bytes lost_id; /* the parameter whose id is none; empty: none */
};

/* --- gaps --- */

enum rt_gap_policy rt_gap_policy_default(enum rt_format format)
{
    return format == RT_FORMAT_RAW ? RT_GAP_CLOSE : RT_GAP_TELL;
}

int rt_gap_policy_parse(struct rt_bytes text,
                        enum rt_format format,
                        enum rt_gap_policy *policy,
                        const char **expected)
{
    if (rt_bytes_equal(text, RT_BYTES("close"))) {
        *policy = RT_GAP_CLOSE;
        return 0;
    }
    if (rt_bytes_equal(text, RT_BYTES("skip"))) {
        *policy = RT_GAP_SKIP;
        return 0;
    }
    if (format == RT_FORMAT_RAW) {
        *expected = "it is close or skip";
        return RT_EINVAL;
    }
    *policy = RT_GAP_TELL;
    *expected = "it is notify, close or skip";
    return rt_bytes_equal(text, RT_BYTES("notify")) ? 0 : RT_EINVAL;
}

static int read_gap(struct reading *reading, struct rt_bytes value)
{
    return rt_gap_policy_parse(value, reading->parsed->format,
                               &reading->parsed->gap, &reading->expected);
}

/* --- where to begin --- */

static void begin_at(struct reading *reading,
                     enum start_rank rank,
                     const struct rt_since *since)
{
    if (rank >= reading->rank) {
        reading->rank = rank;
        reading->parsed->is_id = rank != RANK_SINCE;
        reading->parsed->since = *since;
        reading->parsed->since_name = start_names[rank];
    }
}

static int read_since(struct reading *reading, struct rt_bytes value)
{
    struct rt_since since;
    reading->expected = rt_since_expected;
    int err = rt_since_parse(value, reading->wall_ms, &since);
    if (err == 0) {
        begin_at(reading, RANK_SINCE, &since);
    }
    return err;
}

/* Whether an id that is none is an error depends on the format, which may not
 * be known yet; it leads nowhere, as the position of no log. */
static void
take_id(struct reading *reading, enum start_rank rank, struct rt_bytes value)
{
    struct rt_since since = {.kind = RT_SINCE_CURSOR};
    if (rt_cursor_parse(value, &since.cursor) < 0) {
        since.kind = RT_SINCE_NODE;
        if (rt_node_cursor_parse(value, &since.cursor) < 0) {
            reading->lost_id = start_names[rank];
        }
    }
    begin_at(reading, rank, &since);
}

static int read_last_event_id(struct reading *reading, struct rt_bytes value)
{
    take_id(reading, RANK_LAST_EVENT_ID, value);
    return 0;
}

static int read_polyfill(struct reading *reading, struct rt_bytes value)
{
    take_id(reading, RANK_POLYFILL, value);
    return 0;
}

/* --- how far events have come --- */

static int read_visible(struct reading *reading, struct rt_bytes value)
{
    reading->expected = rt_ack_expected;
    return rt_ack_parse(value, &reading->parsed->visible);
}

int rt_subscribe_check_visible(const struct rt_server *server,
                               enum rt_ack visible,
                               struct rt_refusal *refusal)
{
    *refusal = (struct rt_refusal){.problem = RT_PROBLEM_NOT_IMPLEMENTED,
                                   .subject = RT_BYTES("visible")};
    if (visible <= RT_ACK_MEMORY) {
        return 0;
    }
    if (server->core.journal == NULL || visible > RT_ACK_DISK) {
        refusal->detail = server->core.journal == NULL
                              ? "this node has no log on disk"
                              : "this node is alone: visible=disk";
        return RT_EINVAL;
    }
    return 0;
}

/* --- the format --- */

static bool is_stream(enum rt_format format)
{
    return format == RT_FORMAT_SSE || format == RT_FORMAT_NDJSON;
}

static int read_format(struct reading *reading, struct rt_bytes value)
{
    struct rt_subscribe_query *parsed = reading->parsed;
    if (!is_stream(parsed->format)) {
        reading->expected = "a WebSocket's format is its subprotocol";
        return RT_EINVAL;
    }
    bool is_sse = rt_bytes_equal(value, RT_BYTES("sse"));
    parsed->format = is_sse ? RT_FORMAT_SSE : RT_FORMAT_NDJSON;
    reading->expected = "it is sse or ndjson";
    return is_sse || rt_bytes_equal(value, RT_BYTES("ndjson")) ? 0 : RT_EINVAL;
}

/* --- all of them --- */

typedef int (*read_fn)(struct reading *reading, struct rt_bytes value);

static read_fn find_reader(struct rt_bytes name)
{
    static const struct {
        struct rt_bytes name;
        read_fn reader;
    } readers[] = {
        {{"since", 5}, read_since},
        {{"gap", 3}, read_gap},
        {{"format", 6}, read_format},
        {{"visible", 7}, read_visible},
        {{"last_event_id", 13}, read_last_event_id},
        {{"lastEventId", 11}, read_polyfill},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(readers); i++) {
        if (rt_bytes_equal(name, readers[i].name)) {
            return readers[i].reader;
        }
    }
    return NULL;
}

static int read_parameter(struct reading *reading,
                          struct rt_bytes name,
                          struct rt_bytes encoded)
{
    char memory[VALUE_MAX];
    struct rt_bytes value;
    read_fn reader = find_reader(name);
    if (reader == NULL) {
        reading->expected = "the parameters are since, gap, format, visible, "
                            "last_event_id and lastEventId";
        return RT_EINVAL;
    }
    if (rt_percent_decode(encoded, memory, sizeof(memory), &value) < 0) {
        value = (struct rt_bytes){0}; /* which none of them may be */
    }
    return reader(reading, value);
}

static int read_query(struct rt_http_session *session,
                      struct reading *reading,
                      struct rt_bytes query)
{
    struct rt_bytes name;
    struct rt_bytes value;
    while (rt_query_next(&query, &name, &value)) {
        if (read_parameter(reading, name, value) < 0) {
            rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, name,
                            reading->expected);
            return RT_EINVAL;
        }
    }
    return 0;
}

/* One that is empty says that no event has come yet. */
static void read_header(struct reading *reading,
                        const struct rt_http_request *request)
{
    struct rt_bytes id = request->fields[RT_HTTP_LAST_EVENT_ID];
    if (id.len > 0) {
        take_id(reading, RANK_HEADER, id);
    }
}

static int check_id(struct rt_http_session *session,
                    const struct reading *reading)
{
    if (reading->lost_id.len > 0 && reading->parsed->format != RT_FORMAT_SSE) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, reading->lost_id,
                        "it is the id of an event, a cursor");
        return RT_EINVAL;
    }
    return 0;
}

int rt_subscribe_query_parse(struct rt_http_session *session,
                             const struct rt_http_request *request,
                             struct rt_bytes query,
                             enum rt_format format,
                             struct rt_subscribe_query *parsed)
{
    struct rt_server *server = rt_http_session_server(session);
    struct reading reading = {.parsed = parsed,
                              .wall_ms = server->core.wall_ms};
    *parsed = (struct rt_subscribe_query){.since = {.kind = RT_SINCE_NOW},
                                          .since_name = start_names[RANK_SINCE],
                                          .gap = rt_gap_policy_default(format),
                                          .format = format};
    if (read_query(session, &reading, query) < 0) {
        return RT_EINVAL;
    }
    read_header(&reading, request);
    return check_id(session, &reading);
}

/* --- one topic, or several --- */

void rt_subscribe_query_fit(struct rt_subscribe_query *query,
                            const struct rt_selector *selector)
{
    if (query->is_id && query->format == RT_FORMAT_SSE) {
        query->since.kind =
            rt_selector_is_topic(selector) ? RT_SINCE_CURSOR : RT_SINCE_NODE;
    }
}

static bool is_for_several(const struct rt_since *since)
{
    return since->kind != RT_SINCE_CURSOR && since->kind != RT_SINCE_LAST;
}

int rt_subscribe_check(const struct rt_selector *selector,
                       const struct rt_since *since,
                       enum rt_gap_policy gap,
                       struct rt_bytes *name,
                       const char **expected)
{
    bool is_topic = rt_selector_is_topic(selector);
    if (is_topic && since->kind == RT_SINCE_NODE) {
        *expected = "a cursor that begins with * is one in several topics";
        return RT_EINVAL;
    }
    if (!is_topic && !is_for_several(since)) {
        *expected = SEVERAL_SINCE_EXPECTED;
        return RT_EINVAL;
    }
    if (!is_topic && gap == RT_GAP_CLOSE) {
        *name = RT_BYTES("gap");
        *expected = "in several topics it is notify or skip";
        return RT_EINVAL;
    }
    return 0;
}
