/* What the files of the facade share. */
#ifndef BROKER_FACADE_H
#define BROKER_FACADE_H

#include "broker/net/disk_answers.h"
#include "broker/net/mailbox.h"
#include "broker/net/server.h"
#include "protocol/since.h"
#include "ringtail/ringtail.h"

struct ringtail_broker {
    struct rt_server server;
    struct rt_mailbox mailbox;
    struct rt_disk_waiter waiter; /* for what is in `unsynced` */
    struct rt_buffer unsynced;
    struct rt_list subscriptions;
    bool is_congested; /* a topic was, since somebody has been behind */
    ringtail_done_cb on_stopped;
    void *stopped_context;
};

/* What senders of letters are told of events that are not on disk yet. When so
 * many wait, no more letters are taken until fewer do. */
#define RT_UNSYNCED_MAX 4096

/* Whether as many wait as may. */
bool rt_unsynced_is_full(const struct ringtail_broker *broker);

/* Room for one more: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_unsynced_reserve(struct ringtail_broker *broker);

/* Tells the sender, now or when the event is on disk, for which there is room.
 */
void rt_unsynced_reply(struct ringtail_broker *broker,
                       struct rt_letter_reply reply,
                       const struct rt_receipt *receipt);

void rt_unsynced_init(struct ringtail_broker *broker);

/* Frees what is left, of which nobody is told any more. */
void rt_unsynced_finish(struct ringtail_broker *broker);

/* Tells the sender of a letter: 0 and the receipt, or an error. */
void rt_facade_reply(struct rt_letter_reply reply,
                     int err,
                     const struct rt_receipt *appended);

/* Appends what a letter holds and tells its sender; false if it should wait.
 * For the mailbox. */
bool rt_facade_deliver(void *broker, const struct rt_letter *letter);

/* Whether a subscription may begin, and where: 0, RINGTAIL_ESTOPPED,
 * RINGTAIL_ETOPIC or RINGTAIL_ESINCE. */
int rt_facade_check_start(struct ringtail_broker *broker,
                          const char *topic,
                          const char *since_text,
                          struct rt_since *since);

/* Gives subscriptions all that there is for them. */
void rt_facade_serve_subscriptions(struct ringtail_broker *broker);

/* The same, and tells them of the end. */
void rt_facade_close_subscriptions(struct ringtail_broker *broker);

/* Frees those that the host has left. */
void rt_facade_free_subscriptions(struct ringtail_broker *broker);

/* What the library says of an error of the log or its disk. */
int rt_facade_storage_error(int err);

/* Writes a cursor with its NUL. */
void rt_facade_write_cursor(struct rt_cursor cursor,
                            char text[RINGTAIL_CURSOR_BYTES]);

#endif
