/*
 * Writing to a stream: at once what the kernel takes, and later what it did
 * not. At most a few writes are queued per connection; their requests come from
 * the server's pool.
 */
#ifndef BROKER_NET_WRITE_H
#define BROKER_NET_WRITE_H

#include "base/bytes.h"
#include "base/check.h"
#include "broker/net/connection.h"
#include "storage/segment.h"

/* What is copied into the request; longer bytes are held by reference, or get
 * memory of their own. */
#define RT_WRITE_COPY_MAX 4096

/*
 * Writes as much of at least one range as the kernel takes at once, and none
 * while anything is queued. Raises no SIGPIPE, as uv_try_write would. Returns
 * how many bytes were taken, or a negative error when the peer is gone.
 */
RT_MUST_USE ssize_t rt_write_now(const uv_stream_t *stream,
                                 const struct rt_bytes *ranges,
                                 unsigned count);

/* Queues a copy of bytes: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_write_queue_copy(struct rt_connection *connection,
                                    struct rt_bytes bytes);

/* Queues bytes of a segment, copying few and holding many: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_write_queue_segment(struct rt_connection *connection,
                                       struct rt_segment *segment,
                                       struct rt_bytes bytes);

/* The size of a request, for the pool. */
size_t rt_write_size(void);

#endif
