/* What the files of the facade share. */
#ifndef BROKER_FACADE_H
#define BROKER_FACADE_H

#include "broker/net/mailbox.h"
#include "broker/net/server.h"
#include "protocol/since.h"
#include "ringtail/ringtail.h"

struct ringtail_broker {
    struct rt_server server;
    struct rt_mailbox mailbox;
    struct rt_list subscriptions;
    bool is_congested; /* a topic was, since somebody has been behind */
    ringtail_done_cb on_stopped;
    void *stopped_context;
};

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

/* Writes a cursor with its NUL. */
void rt_facade_write_cursor(struct rt_cursor cursor,
                            char text[RINGTAIL_CURSOR_BYTES]);

#endif
