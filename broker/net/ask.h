/*
 * Asking the host whether a peer may publish or subscribe. It answers at once,
 * or later: whoever asked waits, and goes on when there is a verdict.
 */
#ifndef BROKER_NET_ASK_H
#define BROKER_NET_ASK_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/list.h"
#include "ringtail/ringtail.h"

struct rt_connection;
struct rt_server;

enum rt_verdict {
    RT_VERDICT_NONE, /* nothing yet */
    RT_VERDICT_ALLOWED,
    RT_VERDICT_UNAUTHORIZED,
    RT_VERDICT_FORBIDDEN,
    RT_VERDICT_LATE, /* nothing in time */
};

/* Who asks, one question at a time. */
struct rt_asker {
    struct rt_list authorized; /* in server->authorized, with a verdict */
    struct ringtail_authorization *question; /* the host has yet to answer */
    enum rt_verdict verdict;                 /* on what is held back */
    uint32_t allowed; /* of several questions, those that are answered so */
    void (*go_on)(struct rt_asker *asker); /* called when there is one */
};

/* What the host is shown beside the peer. Data NULL: there was none. */
struct rt_asked {
    enum ringtail_action action;
    struct rt_bytes topic;
    struct rt_bytes query;
    struct rt_bytes authorization;
    struct rt_bytes cookie;
    struct rt_bytes origin;
};

/* Somebody who asks nothing yet. */
void rt_asker_init(struct rt_asker *asker,
                   void (*go_on)(struct rt_asker *asker));

/*
 * Asks, unless the verdict that was waited for is there. 0 or RT_ENOMEM.
 * RT_VERDICT_NONE: the host answers later, and the connection's timer is set
 * for when it is too late.
 */
RT_MUST_USE int rt_ask(struct rt_asker *asker,
                       struct rt_connection *connection,
                       const struct rt_asked *asked,
                       enum rt_verdict *verdict);

/* The verdict was one of several, and in favour: the next question may be
 * asked. */
void rt_asker_next(struct rt_asker *asker);

/* What the questions were about has been handled, or waits for an answer. */
void rt_asker_settle(struct rt_asker *asker);

/* Whether the host has yet to answer; and whether neither that is waited for,
 * nor the turn in which its verdict is heard. */
bool rt_asker_is_waiting(const struct rt_asker *asker);
bool rt_asker_is_free(const struct rt_asker *asker);

/* The host has taken too long: that is the verdict, in this turn. */
void rt_asker_give_up(struct rt_asker *asker);

/* Who asked ends, or waits no more: the host's answer will find nobody. */
void rt_asker_detach(struct rt_asker *asker);

/* Those that have a verdict now go on; for the server's check. */
void rt_ask_continue(struct rt_server *server);

/* Frees what the host has left unanswered. */
void rt_ask_finish(struct rt_server *server);

/* The size of what the host answers to, for the pool. */
size_t rt_ask_size(void);

#endif
