/*
 * The topics of a batch that names them: which there are, and whether the peer
 * may publish to all of them. A session keeps this in its notes from the head
 * of the request, which the host is shown, to the answer.
 */
#ifndef BROKER_NET_PRODUCE_MANY_H
#define BROKER_NET_PRODUCE_MANY_H

#include "broker/core/publication.h"
#include "broker/net/ask.h"
#include "broker/net/http_session.h"
#include "protocol/http_request.h"
#include "protocol/target.h"

struct rt_many_topic {
    uint8_t len;
    char name[RT_TOPIC_BYTES_MAX];
};

struct rt_many {
    struct rt_asked asked; /* its texts are in `texts` */
    uint32_t topic_count;  /* 0: the body has not been looked at */
    uint32_t allowed_count;
    /* In the order in which the batch names them first. */
    struct rt_many_topic topics[RT_PUBLICATION_TOPICS_MAX];
    char texts[];
};

/* Keeps what the host is to be shown. Refuses the request and returns RT_EINVAL
 * without memory. */
RT_MUST_USE int rt_many_begin(struct rt_http_session *session,
                              const struct rt_http_request *request,
                              const struct rt_target *target);

/* What the session keeps of a request that has begun. */
struct rt_many *rt_many_of(struct rt_http_session *session);

struct rt_bytes rt_many_topic(const struct rt_many *many, uint32_t number);

/* Checks the events and finds their topics. Refuses the request and returns
 * RT_EINVAL if an event is not valid or there are too many topics. */
RT_MUST_USE int rt_many_find_topics(struct rt_http_session *session,
                                    struct rt_bytes body);

/* Asks about each topic that is not allowed yet: 0 if all are; RT_EINVAL if the
 * request is refused, RT_EAGAIN if the host answers later. */
RT_MUST_USE int rt_many_authorize(struct rt_http_session *session);

#endif
