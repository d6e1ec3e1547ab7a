/* Publishing by the host: on the loop's thread, and from any other. */
#include <string.h>

#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/facade.h"
#include "protocol/topic.h"

/* --- checks that need nothing of the loop's --- */

static int classify(const struct ringtail_event_options *options,
                    enum rt_media *media)
{
    *media = options != NULL && options->content_type != NULL
                 ? rt_media_type_classify(rt_bytes_of(options->content_type))
                 : RT_MEDIA_GUESS;
    return *media == RT_MEDIA_MALFORMED || *media == RT_MEDIA_NDJSON
               ? RINGTAIL_EPAYLOAD
               : 0;
}

/* An older caller's options have none. */
static int read_ack(const struct ringtail_broker *broker,
                    const struct ringtail_event_options *options,
                    enum rt_ack *ack)
{
    size_t end = offsetof(struct ringtail_event_options, ack) +
                 sizeof(enum ringtail_ack);
    if (options == NULL || options->size < end) {
        return 0;
    }
    if (options->ack > RINGTAIL_ACK_DISK) {
        return RINGTAIL_EVALUE;
    }
    *ack = (enum rt_ack)options->ack;
    return *ack == RT_ACK_DISK && broker->server.core.journal == NULL
               ? RINGTAIL_ENODATA
               : 0;
}

/* Fills in a letter that points to what the caller has. */
static int address(const struct ringtail_broker *broker,
                   const char *topic,
                   struct rt_bytes payload,
                   const struct ringtail_event_options *options,
                   struct rt_letter *letter)
{
    const char *reason = NULL;
    *letter =
        (struct rt_letter){.topic = rt_bytes_of(topic), .payload = payload};
    if (rt_topic_check(letter->topic, &reason) < 0) {
        return RINGTAIL_ETOPIC;
    }
    if (payload.len > broker->server.options.event_bytes_max) {
        return RINGTAIL_ETOOLARGE;
    }
    int err = read_ack(broker, options, &letter->ack);
    return err < 0 ? err : classify(options, &letter->media);
}

/* --- on the loop's thread --- */

void rt_facade_write_cursor(struct rt_cursor cursor,
                            char text[RINGTAIL_CURSOR_BYTES])
{
    struct rt_writer writer;
    rt_writer_init(&writer, text, RINGTAIL_CURSOR_BYTES - 1);
    rt_cursor_write(&writer, cursor);
    RT_CHECK(!writer.overflowed);
    text[rt_writer_bytes(&writer).len] = '\0';
}

static void copy_receipt(struct ringtail_receipt *receipt,
                         const struct rt_receipt *from)
{
    receipt->offset = from->cursor.offset;
    receipt->ts = from->wall_ms;
    rt_facade_write_cursor(from->cursor, receipt->cursor);
}

static int public_error(int err)
{
    switch (err) {
    case RT_ECLOSED:
        return RINGTAIL_ECLOSED;
    case RT_EFAILED:
        return RINGTAIL_ESTORAGE;
    case RT_EDAMAGED:
        return RINGTAIL_ELOST;
    case RT_EAGAIN:
        return RINGTAIL_EFULL;
    default:
        return err;
    }
}

static int append(struct ringtail_broker *broker,
                  const struct rt_letter *letter,
                  struct rt_receipt *receipt)
{
    struct rt_server *server = &broker->server;
    struct rt_event event = {.topic = letter->topic,
                             .payload = letter->payload};
    if (rt_media_content(letter->media, letter->payload, &event.content) < 0) {
        return RINGTAIL_EPAYLOAD;
    }
    rt_server_update_time(server);
    int err = rt_core_publish(&server->core, &event, receipt);
    rt_server_wake(server);
    return public_error(err);
}

int ringtail_publish(struct ringtail_broker *broker,
                     const char *topic,
                     const void *payload,
                     size_t len,
                     const struct ringtail_event_options *options,
                     struct ringtail_receipt *receipt)
{
    struct rt_bytes bytes = {payload, len};
    struct rt_letter letter;
    struct rt_receipt appended;
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    if (broker->server.state != RT_SERVER_RUNNING) {
        return RINGTAIL_ESTOPPED;
    }
    int err = address(broker, topic, bytes, options, &letter);
    if (err == 0 && letter.ack == RT_ACK_DISK) {
        err = RINGTAIL_EVALUE;
    }
    if (err == 0) {
        err = append(broker, &letter, &appended);
    }
    if (err == 0 && receipt != NULL) {
        copy_receipt(receipt, &appended);
    }
    return err;
}

/* --- from other threads --- */

/* Whether the disk is too far behind for one more event. */
static bool should_wait_for_disk(const struct ringtail_broker *broker)
{
    return rt_journal_is_behind(broker->server.core.journal) ||
           rt_unsynced_is_full(broker);
}

/* Whether the topic's subscribers are too far behind for it. With nobody behind
 * no topic is looked up. */
static bool should_wait(struct ringtail_broker *broker, struct rt_bytes topic)
{
    const struct rt_core *core = &broker->server.core;
    broker->is_congested =
        broker->is_congested &&
        !(rt_list_is_empty(&core->dirty) && rt_list_is_empty(&core->ready));
    return broker->is_congested && rt_core_is_congested(core, topic);
}

void rt_facade_reply(struct rt_letter_reply reply,
                     int err,
                     const struct rt_receipt *appended)
{
    struct ringtail_receipt receipt;
    ringtail_published_cb published = (ringtail_published_cb)reply.call;
    if (published == NULL) {
        return;
    }
    if (err == 0) {
        copy_receipt(&receipt, appended);
    }
    published(reply.context, err, err == 0 ? &receipt : NULL);
}

/* Appends it, and tells its sender then or later. */
static void deliver(struct ringtail_broker *broker,
                    const struct rt_letter *letter)
{
    struct rt_receipt appended = {.is_congested = false};
    int err = rt_unsynced_reserve(broker);
    if (err == 0) {
        err = append(broker, letter, &appended);
    }
    if (err < 0) {
        rt_facade_reply(letter->reply, err, NULL);
        return;
    }
    broker->is_congested = broker->is_congested || appended.is_congested;
    if (letter->ack != RT_ACK_UNSAID) {
        appended.ack = letter->ack;
    }
    rt_unsynced_reply(broker, letter->reply, &appended);
}

/* When the broker has stopped what is left does not wait for the disk: that
 * comes last. */
bool rt_facade_deliver(void *context, const struct rt_letter *letter)
{
    struct ringtail_broker *broker = context;
    bool is_stopped = broker->server.state == RT_SERVER_STOPPED;
    if (should_wait(broker, letter->topic) ||
        (!is_stopped && should_wait_for_disk(broker))) {
        return false;
    }
    deliver(broker, letter);
    return true;
}

int ringtail_publish_async(struct ringtail_broker *broker,
                           const char *topic,
                           const void *payload,
                           size_t len,
                           const struct ringtail_event_options *options,
                           ringtail_published_cb published,
                           void *context)
{
    struct rt_bytes bytes = {payload, len};
    struct rt_letter letter;
    int err = address(broker, topic, bytes, options, &letter);
    if (err < 0) {
        return err;
    }
    letter.reply.call = (void (*)(void))published;
    letter.reply.context = context;
    err = rt_mailbox_send(&broker->mailbox, &letter);
    switch (err) {
    case RT_EAGAIN:
        return RINGTAIL_EFULL;
    case RT_ERANGE:
        return RINGTAIL_ETOOLARGE;
    case UV_ECANCELED:
        return RINGTAIL_ESTOPPED;
    default:
        return err;
    }
}
