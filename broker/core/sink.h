/*
 * The sink: what the core sees of a subscriber's connection. The network layer
 * implements it with libuv; tests implement it with plain memory. The core
 * decides what is written and when; a sink only moves bytes.
 */
#ifndef BROKER_CORE_SINK_H
#define BROKER_CORE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "broker/core/close_reason.h"
#include "storage/segment.h"

struct rt_subscriber;

/* Ranges in one write: what libuv takes without allocating. */
#define RT_SINK_RANGE_MAX 4

/* Events of a topic that a subscriber does not get. One of several topics may
 * not know which: then the topic is empty, and with it the cursors mean
 * nothing. It never knows `after`. */
struct rt_gap {
    struct rt_bytes topic;
    struct rt_cursor after; /* the last event before it */
    struct rt_cursor next;  /* the first one behind it */
    uint64_t missed;        /* how many; 0: not known */
    enum rt_close_reason reason;
};

/* Events next to one another, by the offsets of a subscriber's stream, that it
 * published itself and does not want: of several topics, no other event of
 * theirs is between these offsets. */
struct rt_own {
    uint64_t first;
    uint64_t end; /* behind the last one */
};

struct rt_sink_ops {
    /*
     * Writes as much of the ranges as the connection takes at once. Returns
     * how many bytes it took, 0 when it takes none now, or a negative error
     * when the connection is lost.
     */
    ssize_t (*write)(struct rt_subscriber *subscriber,
                     const struct rt_bytes *ranges,
                     unsigned range_count);

    /*
     * Queues bytes of a segment behind what is queued already, and calls
     * rt_subscriber_drained, never from inside this call, when all are gone.
     * Copies them or holds a reference to the segment. 0 or RT_ENOMEM.
     */
    int (*queue)(struct rt_subscriber *subscriber,
                 struct rt_segment *segment,
                 struct rt_bytes bytes);

    /* How many bytes the peer has still to take, wherever they wait. */
    size_t (*queued)(struct rt_subscriber *subscriber);

    /*
     * Tells of a gap, in all formats but raw: whoever has the policy
     * RT_GAP_TELL before the next event, RT_GAP_CLOSE before it is closed.
     * Returns whether it was written at once: if not it is queued, and
     * rt_subscriber_drained called as above.
     */
    bool (*gap)(struct rt_subscriber *subscriber, const struct rt_gap *gap);

    /* Tells that it has everything that there was when it began: in all formats
     * but raw. It may be queued. */
    void (*caught_up)(struct rt_subscriber *subscriber);

    /*
     * For a subscriber that skips its own events: those that are next, at an
     * offset or behind it. Returns false if there are none. What is before the
     * offset it will not be asked about again.
     */
    bool (*own)(struct rt_subscriber *subscriber,
                uint64_t offset,
                struct rt_own *own);

    /*
     * Ends the connection for a reason, after what is queued. The subscriber
     * is detached already, but its memory stays until the core returns.
     * `resume` says where to go on; `missed` how many
     * events were lost before that.
     */
    void (*close)(struct rt_subscriber *subscriber,
                  enum rt_close_reason reason,
                  const struct rt_resume *resume);
};

#endif
