/*
 * The parameters of a request, `?after=now&limit=10`: each is known, stands
 * once, and is what it should be; else the request is refused, and the
 * parameter named.
 */
#ifndef BROKER_NET_QUERY_H
#define BROKER_NET_QUERY_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/check.h"
#include "broker/net/http_session.h"

/* The most bytes of a value, decoded: longer than any valid one. */
#define RT_QUERY_VALUE_MAX 256

/* Takes a value, which is valid during the call: 0 or an error. */
typedef int (*rt_parameter_fn)(void *values, struct rt_bytes value);

struct rt_parameter {
    struct rt_bytes name;
    rt_parameter_fn take;
    const char *expected; /* a sentence fragment: what it should be */
};

/* What a resource takes, at most 32 parameters. */
struct rt_query {
    const struct rt_parameter *parameters;
    size_t count;
    const char *names; /* a sentence fragment that has all their names */
};

/* Reads a query into `values`. 0, or RT_EINVAL after the request has been
 * refused. */
RT_MUST_USE int rt_query_read(struct rt_http_session *session,
                              struct rt_bytes text,
                              const struct rt_query *query,
                              void *values);

#endif
