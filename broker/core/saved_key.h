/*
 * Idempotency-Keys that survive the node: what is remembered of a request is
 * brought to disk with the events of the request, by the same batch, and is
 * remembered again when the node starts. To be used instead of the window's own
 * calls, which they make.
 */
#ifndef BROKER_CORE_SAVED_KEY_H
#define BROKER_CORE_SAVED_KEY_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "broker/core/core.h"
#include "broker/core/publication.h"
#include "storage/log/log.h"

/* To the log these are opaque bytes, little-endian as all of it: receipts, the
 * topic's name and the key follow. Without receipts and a key it says that the
 * keys of the topic before it are forgotten. */
struct rt_saved_key {
    struct rt_digest body;
    uint32_t receipt_count;
    uint16_t topic_len;
    uint16_t key_len;
};

struct rt_saved_receipt {
    uint64_t offset;
    uint64_t wall_ms;
    uint64_t first;
    uint32_t epoch;
    uint32_t count;
};

#define RT_SAVED_KEY_BYTES_MAX                                     \
    (sizeof(struct rt_saved_key) +                                 \
     RT_PUBLICATION_TOPICS_MAX * sizeof(struct rt_saved_receipt) + \
     RT_TOPIC_BYTES_MAX + RT_IDEMPOTENCY_KEY_BYTES_MAX)

/* What the log is to keep of them. */
struct rt_log_key_limits rt_key_limits(const struct rt_core *core);

/* As rt_idempotency_remember, and sees to it that there is memory to bring it
 * to disk: NULL if there is none. */
RT_MUST_USE struct rt_idempotency_entry *
rt_key_remember(struct rt_core *core,
                const struct rt_idempotency_request *request,
                uint32_t receipt_count);

/* As rt_idempotency_settle, and brings it to disk. */
void rt_key_settle(struct rt_core *core,
                   const struct rt_idempotency_request *request,
                   struct rt_idempotency_entry *entry,
                   const struct rt_receipt *receipts,
                   uint32_t receipt_count);

/* As rt_idempotency_forget_topic, and brings it to disk. 0, or RT_ENOMEM: then
 * nothing is forgotten. */
RT_MUST_USE int rt_key_forget_topic(struct rt_core *core,
                                    struct rt_bytes topic);

/*
 * Remembers a request that the log has, or forgets a topic. They come in the
 * order in which they were written, and the time is set. 0, RT_ENOMEM, or
 * RT_EINVAL for what is no key.
 */
RT_MUST_USE int rt_key_restore(struct rt_core *core, struct rt_bytes bytes);

/*
 * All has been restored: forgets requests of which the disk has lost an event,
 * for who repeats one is not to be told that it is there. Topics that have lost
 * events, and only they, are damaged, and end before these. 0 or RT_ENOMEM.
 */
RT_MUST_USE int rt_key_forget_lost(struct rt_core *core);

#endif
