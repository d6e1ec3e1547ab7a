/* GET /topics?prefix=&after=&limit=: which topics there are, in pages. */
#include <string.h>

#include "base/error.h"
#include "broker/net/query.h"
#include "broker/net/route.h"
#include "broker/net/topic_resource.h"
#include "protocol/quantity.h"

#define TOPICS_DEFAULT 100
#define TOPICS_MAX     500 /* of a page */
#define AROUND_MAX     32  /* what is around the topics */

struct values {
    uint64_t limit;
    size_t prefix_len;
    size_t after_len;
    char prefix[RT_TOPIC_BYTES_MAX];
    char after[RT_TOPIC_BYTES_MAX];
};

/* --- parameters --- */

static int take_prefix(void *context, struct rt_bytes value)
{
    struct values *values = context;
    const char *reason;
    if (rt_topic_check_prefix(value, &reason) < 0) {
        return RT_EINVAL;
    }
    memcpy(values->prefix, value.data, value.len);
    values->prefix_len = value.len;
    return 0;
}

static int take_after(void *context, struct rt_bytes value)
{
    struct values *values = context;
    const char *reason;
    if (rt_topic_check(value, &reason) < 0) {
        return RT_EINVAL;
    }
    memcpy(values->after, value.data, value.len);
    values->after_len = value.len;
    return 0;
}

static int take_limit(void *context, struct rt_bytes value)
{
    struct values *values = context;
    int err = rt_count_parse(value, &values->limit);
    return err == 0 && values->limit > TOPICS_MAX ? RT_ERANGE : err;
}

_Static_assert(TOPICS_MAX == 500, "the text below says so");

static const struct rt_parameter parameters[] = {
    {{"prefix", 6}, take_prefix, "it is what topics begin with"},
    {{"after", 5}, take_after, "it is a topic"},
    {{"limit", 5}, take_limit, "it is a number from 1 to 500"},
};

static const struct rt_query query = {
    parameters, RT_ARRAY_LENGTH(parameters),
    "the parameters are prefix, after and limit"};

/* --- the page --- */

static const struct rt_topic *
seek(const struct rt_core *core, struct rt_bytes key, struct rt_bytes prefix)
{
    struct rt_tree_leaf *leaf = rt_tree_seek(&core->topics, key);
    return leaf != NULL && rt_bytes_starts_with(leaf->key, prefix)
               ? RT_CONTAINER(leaf, struct rt_topic, leaf)
               : NULL;
}

/* The first topic behind a name. No key lies between one and the same with the
 * lowest byte behind it. */
static const struct rt_topic *seek_behind(const struct rt_core *core,
                                          struct rt_bytes name,
                                          struct rt_bytes prefix)
{
    char key[RT_TOPIC_BYTES_MAX + 1];
    memcpy(key, name.data, name.len);
    key[name.len] = '\1';
    return seek(core, (struct rt_bytes){key, name.len + 1}, prefix);
}

static const struct rt_topic *seek_first(const struct rt_core *core,
                                         const struct values *values)
{
    struct rt_bytes prefix = {values->prefix, values->prefix_len};
    struct rt_bytes after = {values->after, values->after_len};
    size_t len = after.len < prefix.len ? after.len : prefix.len;
    int order = memcmp(after.data, prefix.data, len);
    bool is_behind = order > 0 || (order == 0 && after.len >= prefix.len);
    return is_behind ? seek_behind(core, after, prefix)
                     : seek(core, prefix, prefix);
}

/* Returns the last topic if there is one more behind it. */
static const struct rt_topic *write_page(struct rt_writer *writer,
                                         const struct rt_http_session *session,
                                         const struct values *values)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    struct rt_bytes prefix = {values->prefix, values->prefix_len};
    const struct rt_topic *next = seek_first(core, values);
    const struct rt_topic *last = NULL;
    RT_WRITE(writer, "{\"topics\":[");
    for (uint64_t i = 0; i < values->limit && next != NULL; i++) {
        struct rt_topic_state state = rt_topic_state_of(session, next);
        rt_write_bytes(writer, i == 0 ? RT_BYTES("\n") : RT_BYTES(",\n"));
        rt_topic_state_write(writer, &state);
        last = next;
        next = seek_behind(core, last->leaf.key, prefix);
    }
    RT_WRITE(writer, "\n]}\n");
    return next != NULL ? last : NULL;
}

/* Nothing in a topic needs an escape in a query. */
static void write_link(struct rt_writer *writer,
                       const struct values *values,
                       struct rt_bytes last)
{
    RT_WRITE(writer, "Link: </topics?prefix=");
    rt_write_bytes(writer,
                   (struct rt_bytes){values->prefix, values->prefix_len});
    RT_WRITE(writer, "&after=");
    rt_write_bytes(writer, last);
    RT_WRITE(writer, "&limit=");
    rt_write_u64(writer, values->limit);
    RT_WRITE(writer, ">; rel=\"next\"\r\n");
}

static void answer(struct rt_http_session *session,
                   const struct rt_http_request *request,
                   const struct values *values,
                   struct rt_writer *body)
{
    char memory[RT_RESOURCE_HEADERS_MAX];
    struct rt_writer headers;
    rt_writer_init(&headers, memory, sizeof(memory));
    const struct rt_topic *last = write_page(body, session, values);
    if (last != NULL) {
        write_link(&headers, values, last->leaf.key);
    }
    RT_CHECK(!body->overflowed && !headers.overflowed);
    rt_resource_answer(session, request, rt_writer_bytes(&headers),
                       rt_writer_bytes(body));
}

void rt_topic_list_begin(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         const struct rt_target *target)
{
    struct rt_server *server = rt_http_session_server(session);
    struct values values = {.limit = TOPICS_DEFAULT};
    if (rt_query_read(session, target->query, &query, &values) < 0) {
        return;
    }
    uint64_t count = values.limit < server->core.topic_count
                         ? values.limit
                         : server->core.topic_count;
    size_t size = count * (RT_TOPIC_STATE_BYTES_MAX + 2) + AROUND_MAX;
    char *memory = rt_heap_is_low(&server->heap, size)
                       ? NULL
                       : rt_heap_alloc(&server->heap, size);
    if (memory == NULL) {
        rt_http_refuse_for_memory(session);
        return;
    }
    struct rt_writer body;
    rt_writer_init(&body, memory, size);
    answer(session, request, &values, &body);
    rt_heap_free(&server->heap, memory, size);
}
