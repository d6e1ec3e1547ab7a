#include "broker/net/query.h"

#include "base/error.h"
#include "broker/net/route.h"
#include "protocol/target.h"

/* The number of a parameter, or query->count if there is none of that name. */
static size_t find(const struct rt_query *query, struct rt_bytes name)
{
    size_t i = 0;
    while (i < query->count &&
           !rt_bytes_equal(query->parameters[i].name, name)) {
        i++;
    }
    return i;
}

static int take(const struct rt_parameter *parameter,
                struct rt_bytes encoded,
                void *values)
{
    char memory[RT_QUERY_VALUE_MAX];
    struct rt_bytes value;
    int err = rt_percent_decode(encoded, memory, sizeof(memory), &value);
    return err < 0 ? err : parameter->take(values, value);
}

/* What is wrong with a parameter; NULL if nothing is. */
static const char *take_next(const struct rt_query *query,
                             struct rt_bytes name,
                             struct rt_bytes value,
                             unsigned *seen,
                             void *values)
{
    size_t i = find(query, name);
    if (i == query->count) {
        return query->names;
    }
    if ((*seen & (1U << i)) != 0) {
        return "it is there twice";
    }
    *seen |= 1U << i;
    return take(&query->parameters[i], value, values) < 0
               ? query->parameters[i].expected
               : NULL;
}

int rt_query_read(struct rt_http_session *session,
                  struct rt_bytes text,
                  const struct rt_query *query,
                  void *values)
{
    struct rt_bytes name;
    struct rt_bytes value;
    unsigned seen = 0;
    while (rt_query_next(&text, &name, &value)) {
        const char *fault = take_next(query, name, value, &seen, values);
        if (fault != NULL) {
            rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, name, fault);
            return RT_EINVAL;
        }
    }
    return 0;
}
