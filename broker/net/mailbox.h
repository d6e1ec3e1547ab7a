/*
 * The mailbox: how events come in from other threads. Senders copy into one
 * buffer, under a lock; the loop takes the whole buffer, gives an empty one in
 * exchange, and publishes at its leisure:
 *
 *     senders -> [ letter | letter | letter | ... ] inbox
 *                  exchanged under the lock when the outbox is empty
 *                [ letter | letter | ... ] outbox -> the loop
 *
 * One uv_async wakes the loop, once for as many letters as have come. The
 * memory is the C library's and bounded, not the host's: any thread asks for
 * it. The buffers grow as they are needed and are then reused.
 */
#ifndef BROKER_NET_MAILBOX_H
#define BROKER_NET_MAILBOX_H

#include <stdbool.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/heap.h"
#include "protocol/ack.h"
#include "protocol/media_type.h"

/* What is delivered in one turn of the loop, about; and what an idle mailbox
 * keeps of each buffer. */
#define RT_MAILBOX_TURN_BYTES ((size_t)256 * 1024)
#define RT_MAILBOX_KEPT_BYTES ((size_t)16 * 1024)

/* What a letter's sender wants to be told; opaque here. */
struct rt_letter_reply {
    void (*call)(void);
    void *context;
};

/* An event on its way. The bytes are valid while it is being delivered. */
struct rt_letter {
    struct rt_bytes topic;
    struct rt_bytes payload;
    enum rt_media media;
    enum rt_ack ack;
    struct rt_letter_reply reply;
};

/* Returns false to be asked again, with the same letter, in the next turn. */
typedef bool (*rt_letter_fn)(void *context, const struct rt_letter *letter);

struct rt_mailbox {
    uv_async_t async;
    uv_mutex_t lock;
    struct rt_heap heap;     /* under the lock */
    struct rt_buffer inbox;  /* under the lock: what senders append to */
    bool is_open;            /* under the lock */
    struct rt_buffer outbox; /* the loop's: what is being delivered */
    size_t delivered;        /* bytes of the outbox */
    size_t bytes_max;        /* of the two together */
    rt_letter_fn deliver;
    void *context;
};

/*
 * Opens a mailbox of at most `bytes_max` bytes of letters on the loop. Letters
 * are delivered on the loop's thread, in the order in which they came. 0, or
 * libuv's error.
 */
RT_MUST_USE int rt_mailbox_init(struct rt_mailbox *mailbox,
                                uv_loop_t *loop,
                                size_t bytes_max,
                                rt_letter_fn deliver,
                                void *context);

/*
 * Takes a copy of a letter; from any thread. 0, RT_EAGAIN when the mailbox is
 * full, RT_ERANGE for a letter that is larger than it, RT_ENOMEM, or
 * UV_ECANCELED when it is closed.
 */
RT_MUST_USE int rt_mailbox_send(struct rt_mailbox *mailbox,
                                const struct rt_letter *letter);

/* Refuses further letters. Those it has are still delivered. */
void rt_mailbox_close(struct rt_mailbox *mailbox);

/* Delivers letters, now, until one has to wait. Returns whether none is left.
 * On the loop's thread. */
RT_MUST_USE bool rt_mailbox_deliver(struct rt_mailbox *mailbox);

/* Frees the memory, once the async handle is closed and no thread sends. */
void rt_mailbox_finish(struct rt_mailbox *mailbox);

#endif
