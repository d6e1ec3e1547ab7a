/*
 * A dialog: what a WebSocket of the subprotocol ringtail.v1.json has beside its
 * connection. Operations come in as messages and are handled one by one; their
 * answers are collected, and leave in order, in one write, when the input has
 * been read.
 *
 *     OPEN -> ASKING    the host has yet to say whether an operation is allowed
 *     OPEN -> WAITING   the topic that was published to has a fan-out behind
 *     both -> OPEN      the operation, or what is behind it, goes on
 *
 * While it is not open, or the peer does not take its answers, or too many wait
 * for the disk, nothing is read.
 * A connection that only listens has no dialog: one is there from the first
 * message on, and goes with a heartbeat when nothing is left of it.
 */
#ifndef BROKER_NET_DIALOG_H
#define BROKER_NET_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "broker/core/subscriber.h"
#include "broker/net/ask.h"
#include "broker/net/connection.h"
#include "broker/net/dialog_receipts.h"
#include "protocol/http_request.h"
#include "protocol/notice.h"
#include "protocol/target.h"
#include "protocol/topic.h"
#include "protocol/ws_receive.h"

/* A message is an event at most, and this much around it; it comes in no more
 * frames than that. */
#define RT_MESSAGE_EXTRA_BYTES ((uint64_t)1024)
#define RT_MESSAGE_FRAMES_MAX  ((uint64_t)1024)

/* Of buffers a dialog keeps those up to this size for the next operation. */
#define RT_DIALOG_KEPT_BYTES ((size_t)4096)

/* Subscriptions of one connection, each to a topic or to several. A blocked
 * connection queues an event of each at most. */
#define RT_CONNECTION_SUBSCRIPTIONS_MAX 64

enum rt_dialog_state {
    RT_DIALOG_OPEN,
    RT_DIALOG_ASKING,
    RT_DIALOG_WAITING,
};

/* Events of its own that a subscription does not want, in so many runs: more
 * than that are there only if others publish between them, and the peer reads
 * none of it. */
#define RT_OWN_RUNS_MAX 32

struct rt_own_events {
    uint64_t head; /* of the stream, before the event being published */
    uint32_t count;
    struct rt_own runs[RT_OWN_RUNS_MAX]; /* in order, and apart */
};

/* A subscriber beside the first, which is in the connection. */
struct rt_dialog_subscriber {
    struct rt_list link; /* in dialog->subscribers */
    struct rt_connection *connection;
    struct rt_subscriber subscriber;
    struct rt_own_events *own; /* of one without echo */
};

/* What the handshake said of its peer, for a host that wants to be asked. */
struct rt_credentials {
    size_t size; /* of all of it */
    struct rt_bytes query;
    struct rt_bytes authorization;
    struct rt_bytes cookie;
    struct rt_bytes origin;
    char bytes[];
};

struct rt_dialog {
    struct rt_connection *connection;
    struct rt_ws_receiver *receiver; /* kept between messages */
    struct rt_buffer answers;        /* written when the input has been read */
    struct rt_dialog_receipts receipts;
    struct rt_buffer held;    /* input that is not looked at yet */
    struct rt_buffer message; /* ASKING: the operation */
    struct rt_buffer scratch; /* for texts of operations */
    struct rt_list waiting;   /* WAITING: in server->dialogs */
    struct rt_asker asker;
    struct rt_list subscribers;         /* struct rt_dialog_subscriber */
    uint32_t subscriber_count;          /* of these, attached or not */
    struct rt_credentials *credentials; /* or NULL */
    size_t begun_bytes; /* of a message that is not whole, as counted */
    enum rt_dialog_state state;
    bool is_paused;      /* input waits, in `held` and in the receiver */
    bool is_at_boundary; /* nothing of a message has come */
    bool has_spoken;     /* a message, since the last heartbeat */
    uint8_t topic_len;
    char topic[RT_TOPIC_BYTES_MAX]; /* WAITING: the one that is behind */
};

/* The connection's dialog, made if there is none; NULL without memory. */
RT_MUST_USE struct rt_dialog *
rt_dialog_obtain(struct rt_connection *connection);

/* Frees a dialog that has been left. NULL is fine. */
void rt_dialog_destroy(struct rt_dialog *dialog);

/* The connection ends: no more operations, no subscriptions; what was asked
 * before is answered. The dialog stays as long as somebody further up may have
 * it in his hands. */
void rt_dialog_leave(struct rt_connection *connection);

/* Keeps what the host will be shown with each operation: 0 or RT_ENOMEM. */
RT_MUST_USE int
rt_dialog_keep_credentials(struct rt_connection *connection,
                           const struct rt_http_request *request,
                           const struct rt_target *target);

/* --- for the WebSocket's input --- */

/* Whether the next message may be looked at. */
bool rt_dialog_may_go_on(struct rt_connection *connection);

/* A whole message; `opcode` says of which kind. */
void rt_dialog_message(struct rt_connection *connection,
                       uint8_t opcode,
                       struct rt_bytes payload);

/* All input up to here has been handled: writes the answers, and keeps the
 * rest if it has to wait. */
void rt_dialog_end_input(struct rt_connection *connection,
                         struct rt_bytes left);

/* Keeps input that comes while other input waits, behind that; without memory
 * the connection is closed. */
void rt_dialog_hold_input(struct rt_connection *connection,
                          struct rt_bytes bytes);

/* --- later --- */

/* Goes on with what was held, if it may. */
void rt_dialog_continue(struct rt_connection *connection);

/* The connection's timer is due. Returns whether it is a heartbeat's. */
bool rt_dialog_timeout(struct rt_connection *connection);

/* Dialogs whose topic has caught up go on; for the server's check. */
void rt_dialogs_continue(struct rt_server *server);

/* All that was queued is written: whoever was blocked by it may go on. */
void rt_dialog_drained(struct rt_connection *connection);

/* --- for the operations --- */

/* Collects an answer. Without memory the connection is closed. */
void rt_dialog_answer(struct rt_dialog *dialog, const struct rt_notice *notice);

/* Writes what was collected. */
void rt_dialog_flush(struct rt_dialog *dialog);

/* Holds an operation back until the host has answered: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_dialog_hold_message(struct rt_dialog *dialog,
                                       struct rt_bytes message);

/* No further operation until the topic's fan-out has caught up. */
void rt_dialog_wait(struct rt_dialog *dialog, struct rt_bytes topic);

/* The attached subscriber of a selector, or NULL. */
struct rt_subscriber *rt_dialog_find(struct rt_dialog *dialog,
                                     const struct rt_selector *selector);

/* Whether there are as many subscriptions as may be. */
bool rt_dialog_is_full(struct rt_dialog *dialog, bool echo);

/* A detached subscriber, the connection's own one if that is free and there is
 * to be an echo, of a dialog that is not full; NULL without memory. */
RT_MUST_USE struct rt_subscriber *
rt_dialog_free_subscriber(struct rt_dialog *dialog, bool echo);

/* How many attached subscribers there are. */
uint32_t rt_dialog_attached(const struct rt_connection *connection);

/* The connection is about to be closed: says of each attached subscriber where
 * it goes on, for a close frame has room for one. */
void rt_dialog_tell_places(struct rt_connection *connection);

/* --- own events --- */

/* An event of the topic is about to be published: whether those subscriptions
 * that are not to have it have room to remember one more. */
bool rt_dialog_has_own_room(struct rt_dialog *dialog, struct rt_bytes topic);

/* It has been published, and nothing else since. */
void rt_dialog_note_own(struct rt_dialog *dialog);

/* For the sink. */
bool rt_dialog_own(struct rt_subscriber *subscriber,
                   uint64_t offset,
                   struct rt_own *own);

#endif
