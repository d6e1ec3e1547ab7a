#include "broker/net/route.h"

#include <string.h>

#include "base/error.h"
#include "broker/net/topic_resource.h"
#include "ringtail/ringtail.h"

#define ALLOW_POST "Allow: POST, OPTIONS\r\n"
#define ALLOW_GET  "Allow: GET, OPTIONS\r\n"
#define ALLOW_READ "Allow: GET, HEAD, OPTIONS\r\n"
#define ALLOW_EDIT "Allow: GET, HEAD, PUT, DELETE, OPTIONS\r\n"

#define METHOD(name) (1u << RT_HTTP_##name)

typedef void (*begin_fn)(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         const struct rt_target *target);

/* A path that ends in `/` stands for all with one more segment, not empty; with
 * an `end`, for those that have that behind the segment. The first that matches
 * is the one. */
static const struct route {
    struct rt_bytes path;
    struct rt_bytes end;
    unsigned methods;
    struct rt_bytes allow;
    unsigned roles; /* the listener's that serve it, any of them */
    begin_fn begin;
} routes[] = {
#define ROUTE(path, methods, allow, roles, begin) \
    ROUTE_TO(path, "", methods, allow, roles, begin)
#define ROUTE_TO(path, end, methods, allow, roles, begin)          \
    {                                                              \
        {path, sizeof(path) - 1}, {end, sizeof(end) - 1}, methods, \
            {allow, sizeof(allow) - 1}, roles, begin               \
    }
    ROUTE("/produce/",
          METHOD(POST),
          ALLOW_POST,
          RINGTAIL_ROLE_PUBLIC,
          rt_produce_begin),
    ROUTE("/produce",
          METHOD(POST),
          ALLOW_POST,
          RINGTAIL_ROLE_PUBLIC,
          rt_produce_topics_begin),
    ROUTE("/subscribe/",
          METHOD(GET),
          ALLOW_GET,
          RINGTAIL_ROLE_PUBLIC,
          rt_subscribe_begin),
    ROUTE("/subscribe",
          METHOD(GET),
          ALLOW_GET,
          RINGTAIL_ROLE_PUBLIC,
          rt_subscribe_begin_empty),
    ROUTE("/livez",
          METHOD(GET) | METHOD(HEAD),
          ALLOW_READ,
          RINGTAIL_ROLE_PUBLIC | RINGTAIL_ROLE_ADMIN,
          rt_livez_begin),
    ROUTE("/readyz",
          METHOD(GET) | METHOD(HEAD),
          ALLOW_READ,
          RINGTAIL_ROLE_PUBLIC | RINGTAIL_ROLE_ADMIN,
          rt_readyz_begin),
    ROUTE("/metrics",
          METHOD(GET) | METHOD(HEAD),
          ALLOW_READ,
          RINGTAIL_ROLE_ADMIN,
          rt_metrics_begin),
    ROUTE("/openapi.json",
          METHOD(GET) | METHOD(HEAD),
          ALLOW_READ,
          RINGTAIL_ROLE_ADMIN,
          rt_openapi_begin),
    ROUTE("/topics",
          METHOD(GET) | METHOD(HEAD),
          ALLOW_READ,
          RINGTAIL_ROLE_ADMIN,
          rt_topic_list_begin),
    ROUTE_TO("/topics/",
             "/events",
             METHOD(GET) | METHOD(HEAD),
             ALLOW_READ,
             RINGTAIL_ROLE_PUBLIC,
             rt_topic_events_begin),
    ROUTE_TO("/topics/",
             "/close",
             METHOD(POST),
             ALLOW_POST,
             RINGTAIL_ROLE_ADMIN,
             rt_topic_close_begin),
    ROUTE("/topics/",
          METHOD(GET) | METHOD(HEAD) | METHOD(PUT) | METHOD(DELETE),
          ALLOW_EDIT,
          RINGTAIL_ROLE_ADMIN,
          rt_topic_begin),
    ROUTE("/topics/",
          METHOD(GET) | METHOD(HEAD),
          ALLOW_READ,
          RINGTAIL_ROLE_PUBLIC,
          rt_topic_begin),
};

static bool route_matches(const struct route *route, struct rt_bytes path)
{
    bool takes_segment = route->path.data[route->path.len - 1] == '/';
    return takes_segment ? path.len > route->path.len + route->end.len &&
                               rt_bytes_starts_with(path, route->path) &&
                               rt_bytes_ends_with(path, route->end)
                         : rt_bytes_equal(path, route->path);
}

static const struct route *find_route(unsigned roles, struct rt_bytes path)
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(routes); i++) {
        if ((routes[i].roles & roles) != 0 && route_matches(&routes[i], path)) {
            return &routes[i];
        }
    }
    return NULL;
}

void rt_route_refuse(struct rt_http_session *session,
                     enum rt_problem problem,
                     struct rt_bytes subject,
                     const char *detail)
{
    struct rt_refusal refusal = {
        .problem = problem, .subject = subject, .detail = detail};
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

int rt_route_check_fields(struct rt_http_session *session,
                          const struct rt_http_request *request,
                          const struct rt_unwanted_field *unwanted,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (request->fields[unwanted[i].field].data != NULL) {
            rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, unwanted[i].name,
                            unwanted[i].detail);
            return RT_EINVAL;
        }
    }
    return 0;
}

static void answer_options(struct rt_http_session *session,
                           struct rt_bytes allow)
{
    rt_http_answer(session,
                   (struct rt_http_answer){.status = 204, .headers = allow});
}

static void run_route(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target,
                      const struct route *route)
{
    if (request->method == RT_HTTP_OPTIONS) {
        answer_options(session, route->allow);
        return;
    }
    if ((route->methods & (1u << request->method)) == 0) {
        struct rt_refusal refusal = {.problem = RT_PROBLEM_METHOD_NOT_ALLOWED};
        rt_http_refuse(session, &refusal, route->allow);
        return;
    }
    struct rt_target rest = *target;
    rest.path.data += route->path.len;
    rest.path.len -= route->path.len + route->end.len;
    route->begin(session, request, &rest);
}

/* The server as a whole, RFC 9112, section 3.2.4: for OPTIONS alone. */
static bool is_asterisk(const struct rt_target *target)
{
    return rt_bytes_equal(target->path, RT_BYTES("*"));
}

static void begin(struct rt_http_session *session,
                  const struct rt_http_request *request)
{
    struct rt_target target;
    if (rt_target_parse(request->target, &target) < 0 ||
        (is_asterisk(&target) && request->method != RT_HTTP_OPTIONS)) {
        rt_route_refuse(session, RT_PROBLEM_BAD_REQUEST, request->target,
                        "that is not a path");
        return;
    }
    if (is_asterisk(&target)) {
        answer_options(
            session,
            RT_BYTES("Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n"));
        return;
    }
    const struct route *route =
        find_route(session->connection->roles, target.path);
    if (route == NULL) {
        rt_route_refuse(session, RT_PROBLEM_NOT_FOUND, target.path,
                        "try POST /produce/{topic} or GET /subscribe/{topic}");
        return;
    }
    run_route(session, request, &target, route);
}

static void finish(struct rt_http_session *session, struct rt_bytes payload)
{
    session->exchange.finish(session, payload);
}

/* A subscription takes no messages. */
const struct rt_application rt_broker_application = {
    .begin = begin,
    .begin_alike = rt_produce_begin_alike,
    .finish = finish,
};

static bool has_byte(struct rt_bytes text, char byte)
{
    return text.len > 0 && memchr(text.data, byte, text.len) != NULL;
}

static bool names_several(struct rt_bytes text)
{
    return has_byte(text, ',') || has_byte(text, '*') || has_byte(text, '>');
}

/* One topic, of which a request says less when it is none. */
static int route_one(struct rt_http_session *session,
                     struct rt_bytes segment,
                     struct rt_selector *selector)
{
    const struct rt_exchange *exchange = &session->exchange;
    int err = rt_route_topic(session, segment);
    if (err == 0) {
        selector->count = 0;
        rt_selector_add(
            selector, (struct rt_bytes){exchange->topic, exchange->topic_len});
    }
    return err;
}

int rt_route_selector(struct rt_http_session *session,
                      struct rt_bytes segment,
                      char memory[RT_SELECTOR_BYTES_MAX],
                      struct rt_selector *selector)
{
    struct rt_bytes text;
    struct rt_refusal refusal = {.problem = RT_PROBLEM_BAD_TOPIC,
                                 .subject = segment,
                                 .detail =
                                     "topics have at most 1024 bytes in all",
                                 .limit = RT_SELECTOR_BYTES_MAX};
    int err = rt_percent_decode(segment, memory, RT_SELECTOR_BYTES_MAX, &text);
    if (!names_several(err < 0 ? segment : text) || err == RT_EINVAL) {
        return route_one(session, segment, selector);
    }
    if (err < 0 || rt_selector_parse(text, selector, &refusal) < 0) {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
        return RT_EINVAL;
    }
    return 0;
}

void rt_route_set_topic(struct rt_http_session *session, struct rt_bytes topic)
{
    struct rt_exchange *exchange = &session->exchange;
    memmove(exchange->topic, topic.data, topic.len); /* it may be this one */
    exchange->topic_len = (uint8_t)topic.len;
}

int rt_route_topic(struct rt_http_session *session, struct rt_bytes segment)
{
    struct rt_exchange *exchange = &session->exchange;
    struct rt_bytes topic;
    const char *reason = "it is not percent-encoded as it should be";
    int err = rt_percent_decode(segment, exchange->topic,
                                sizeof(exchange->topic), &topic);
    if (err == RT_ERANGE) {
        reason = "a topic has at most 200 bytes";
    } else if (err == 0) {
        err = rt_topic_check(topic, &reason);
    }
    if (err < 0) {
        rt_route_refuse(session, RT_PROBLEM_BAD_TOPIC, segment, reason);
        return RT_EINVAL;
    }
    exchange->topic_len = (uint8_t)topic.len;
    return 0;
}
