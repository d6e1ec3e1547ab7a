#include "broker/net/mailbox.h"

#include <string.h>

#include "base/error.h"

#define LETTER_ALIGNMENT 16
#define SPARSE           8 /* filled to less than a part of it: too large */

/* In a buffer a letter is its header, the topic and the payload, padded. */
struct header {
    size_t topic_len;
    size_t payload_len;
    struct rt_letter_reply reply;
    enum rt_media media;
    enum rt_ack ack;
};

static size_t letter_size(size_t topic_len, size_t payload_len)
{
    size_t size = sizeof(struct header) + topic_len + payload_len;
    return (size + LETTER_ALIGNMENT - 1) & ~(size_t)(LETTER_ALIGNMENT - 1);
}

/* --- on the loop's thread --- */

/* Returns its size, or 0 if it is to wait. */
static size_t deliver_next(struct rt_mailbox *mailbox)
{
    const char *at = mailbox->outbox.data + mailbox->delivered;
    struct header header;
    memcpy(&header, at, sizeof(header));
    const char *topic = at + sizeof(header);
    struct rt_letter letter = {
        .topic = {topic, header.topic_len},
        .payload = {topic + header.topic_len, header.payload_len},
        .media = header.media,
        .ack = header.ack,
        .reply = header.reply};
    if (!mailbox->deliver(mailbox->context, &letter)) {
        return 0;
    }
    return letter_size(header.topic_len, header.payload_len);
}

/* The buffers change places, so each is used by one side at a time. Returns
 * whether there is something in what was the inbox. */
static bool exchange(struct rt_mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    struct rt_buffer spent = mailbox->outbox;
    if (spent.capacity > RT_MAILBOX_KEPT_BYTES &&
        spent.len < spent.capacity / SPARSE) {
        rt_buffer_finish(&spent, &mailbox->heap);
    }
    spent.len = 0;
    mailbox->outbox = mailbox->inbox;
    mailbox->inbox = spent;
    uv_mutex_unlock(&mailbox->lock);
    mailbox->delivered = 0;
    return mailbox->outbox.len > 0;
}

/* Delivers about `max` bytes. Returns whether nothing is left. */
static bool deliver_some(struct rt_mailbox *mailbox, size_t max)
{
    size_t done = 0;
    while (mailbox->delivered < mailbox->outbox.len || exchange(mailbox)) {
        size_t size = done < max ? deliver_next(mailbox) : 0;
        if (size == 0) {
            return false;
        }
        mailbox->delivered += size;
        done += size;
    }
    return true;
}

static void on_async(uv_async_t *async)
{
    struct rt_mailbox *mailbox = async->data;
    if (!deliver_some(mailbox, RT_MAILBOX_TURN_BYTES)) {
        (void)uv_async_send(async); /* the rest in the next turn */
    }
}

bool rt_mailbox_deliver(struct rt_mailbox *mailbox)
{
    return deliver_some(mailbox, SIZE_MAX);
}

int rt_mailbox_init(struct rt_mailbox *mailbox,
                    uv_loop_t *loop,
                    size_t bytes_max,
                    rt_letter_fn deliver,
                    void *context)
{
    *mailbox = (struct rt_mailbox){.is_open = true,
                                   .bytes_max = bytes_max,
                                   .deliver = deliver,
                                   .context = context};
    rt_heap_init(&mailbox->heap, SIZE_MAX);
    int err = uv_mutex_init(&mailbox->lock);
    if (err < 0) {
        return err;
    }
    err = uv_async_init(loop, &mailbox->async, on_async);
    if (err < 0) {
        uv_mutex_destroy(&mailbox->lock);
        return err;
    }
    mailbox->async.data = mailbox;
    return 0;
}

void rt_mailbox_finish(struct rt_mailbox *mailbox)
{
    rt_buffer_finish(&mailbox->inbox, &mailbox->heap);
    rt_buffer_finish(&mailbox->outbox, &mailbox->heap);
    uv_mutex_destroy(&mailbox->lock);
}

/* --- on any thread --- */

static void write_letter(char *at, const struct rt_letter *letter)
{
    struct header header = {.topic_len = letter->topic.len,
                            .payload_len = letter->payload.len,
                            .reply = letter->reply,
                            .media = letter->media,
                            .ack = letter->ack};
    memcpy(at, &header, sizeof(header));
    memcpy(at + sizeof(header), letter->topic.data, letter->topic.len);
    if (letter->payload.len > 0) {
        memcpy(at + sizeof(header) + letter->topic.len, letter->payload.data,
               letter->payload.len);
    }
}

/* Under the lock. */
static int append(struct rt_mailbox *mailbox, const struct rt_letter *letter)
{
    size_t size = letter_size(letter->topic.len, letter->payload.len);
    size_t share = mailbox->bytes_max / 2; /* of each buffer */
    if (!mailbox->is_open) {
        return UV_ECANCELED;
    }
    if (size > share) {
        return RT_ERANGE;
    }
    if (mailbox->inbox.len > share - size) {
        return RT_EAGAIN;
    }
    char *at = rt_buffer_reserve(&mailbox->inbox, &mailbox->heap, size);
    if (at == NULL) {
        return RT_ENOMEM;
    }
    write_letter(at, letter);
    mailbox->inbox.len += size;
    return 0;
}

int rt_mailbox_send(struct rt_mailbox *mailbox, const struct rt_letter *letter)
{
    uv_mutex_lock(&mailbox->lock);
    bool was_empty = mailbox->inbox.len == 0;
    int err = append(mailbox, letter);
    if (err == 0 && was_empty) {
        /* Still under the lock: once it is closed, its loop may be, too. */
        (void)uv_async_send(&mailbox->async);
    }
    uv_mutex_unlock(&mailbox->lock);
    return err;
}

void rt_mailbox_close(struct rt_mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    mailbox->is_open = false;
    uv_mutex_unlock(&mailbox->lock);
}
