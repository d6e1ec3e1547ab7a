/* The subscribers of a dialog, and which events of its own they skip. */
#include <string.h>

#include "base/error.h"
#include "broker/core/stream.h"
#include "broker/net/dialog.h"
#include "broker/net/notify.h"

static struct rt_dialog_subscriber *further(struct rt_list *node)
{
    return RT_CONTAINER(node, struct rt_dialog_subscriber, link);
}

void rt_dialog_drained(struct rt_connection *connection)
{
    struct rt_dialog *dialog = connection->dialog;
    if (dialog == NULL) {
        return;
    }
    RT_LIST_EACH (node, &dialog->subscribers) {
        rt_subscriber_drained(&further(node)->subscriber);
    }
    if (rt_asker_is_waiting(&dialog->asker)) {
        rt_connection_set_timer(
            connection, rt_connection_server(connection)->options.head_ticks);
    }
    rt_dialog_continue(connection);
}

/* --- finding them --- */

static bool follows(const struct rt_subscriber *subscriber,
                    const struct rt_selector *selector)
{
    return subscriber->state != RT_SUBSCRIBER_DETACHED &&
           rt_stream_is_of(subscriber->stream, selector);
}

struct rt_subscriber *rt_dialog_find(struct rt_dialog *dialog,
                                     const struct rt_selector *selector)
{
    if (follows(&dialog->connection->subscriber, selector)) {
        return &dialog->connection->subscriber;
    }
    RT_LIST_EACH (node, &dialog->subscribers) {
        if (follows(&further(node)->subscriber, selector)) {
            return &further(node)->subscriber;
        }
    }
    return NULL;
}

static struct rt_dialog_subscriber *find_detached(struct rt_dialog *dialog)
{
    RT_LIST_EACH (node, &dialog->subscribers) {
        if (further(node)->subscriber.state == RT_SUBSCRIBER_DETACHED) {
            return further(node);
        }
    }
    return NULL;
}

/* The connection's own subscriber has no place for events to skip. */
static bool may_use_first(const struct rt_dialog *dialog, bool echo)
{
    return echo &&
           dialog->connection->subscriber.state == RT_SUBSCRIBER_DETACHED;
}

bool rt_dialog_is_full(struct rt_dialog *dialog, bool echo)
{
    return dialog->subscriber_count + 1 == RT_CONNECTION_SUBSCRIPTIONS_MAX &&
           !may_use_first(dialog, echo) && find_detached(dialog) == NULL;
}

static struct rt_dialog_subscriber *add(struct rt_dialog *dialog)
{
    struct rt_connection *connection = dialog->connection;
    struct rt_dialog_subscriber *added =
        rt_heap_zalloc(&rt_connection_server(connection)->heap, sizeof(*added));
    if (added != NULL) {
        added->connection = connection;
        added->subscriber.is_further = true;
        rt_list_append(&dialog->subscribers, &added->link);
        dialog->subscriber_count++;
    }
    return added;
}

/* Whatever it skipped before: 0 or RT_ENOMEM. */
static int set_echo(struct rt_dialog_subscriber *found, bool echo)
{
    struct rt_heap *heap = &rt_connection_server(found->connection)->heap;
    if (!echo && found->own == NULL) {
        found->own = rt_heap_alloc(heap, sizeof(*found->own));
        if (found->own == NULL) {
            return RT_ENOMEM;
        }
    }
    if (!echo) {
        found->own->count = 0;
    }
    found->subscriber.skips_own = !echo;
    return 0;
}

struct rt_subscriber *rt_dialog_free_subscriber(struct rt_dialog *dialog,
                                                bool echo)
{
    if (may_use_first(dialog, echo)) {
        return &dialog->connection->subscriber;
    }
    struct rt_dialog_subscriber *found = find_detached(dialog);
    found = found == NULL ? add(dialog) : found;
    return found == NULL || set_echo(found, echo) < 0 ? NULL
                                                      : &found->subscriber;
}

/* --- where they are --- */

static bool is_attached(const struct rt_subscriber *subscriber)
{
    return subscriber->state != RT_SUBSCRIBER_DETACHED;
}

uint32_t rt_dialog_attached(const struct rt_connection *connection)
{
    const struct rt_dialog *dialog = connection->dialog;
    uint32_t count = is_attached(&connection->subscriber);
    if (dialog != NULL) {
        RT_LIST_EACH (node, &dialog->subscribers) {
            count += is_attached(&further(node)->subscriber);
        }
    }
    return count;
}

/* A write that fails ends the connection, and with it all subscriptions. */
static void tell_place(struct rt_connection *connection,
                       const struct rt_subscriber *subscriber)
{
    if (is_attached(subscriber)) {
        rt_notify_place(connection, subscriber->stream,
                        rt_subscriber_cursor(subscriber));
    }
}

void rt_dialog_tell_places(struct rt_connection *connection)
{
    const struct rt_dialog *dialog = connection->dialog;
    tell_place(connection, &connection->subscriber);
    if (dialog != NULL) {
        RT_LIST_EACH (node, &dialog->subscribers) {
            tell_place(connection, &further(node)->subscriber);
        }
    }
}

/* --- own events --- */

/* The events that the subscription is to skip; NULL if it skips none, or there
 * is none. */
static struct rt_own_events *own_of(struct rt_dialog_subscriber *each)
{
    const struct rt_subscriber *subscriber = &each->subscriber;
    return subscriber->state != RT_SUBSCRIBER_DETACHED && subscriber->skips_own
               ? each->own
               : NULL;
}

/* Forgets what is before an offset. */
static void forget(struct rt_own_events *own, uint64_t offset)
{
    uint32_t gone = 0;
    while (gone < own->count && own->runs[gone].end <= offset) {
        gone++;
    }
    own->count -= gone;
    memmove(own->runs, own->runs + gone, own->count * sizeof(own->runs[0]));
}

/* Whether what is published next makes the last run longer. */
static bool is_next(const struct rt_own_events *own)
{
    return own->count > 0 && own->runs[own->count - 1].end == own->head;
}

static bool has_room(struct rt_dialog_subscriber *each, struct rt_bytes topic)
{
    const struct rt_stream *stream = each->subscriber.stream;
    struct rt_own_events *own = own_of(each);
    if (own == NULL) {
        return true;
    }
    forget(own, rt_subscriber_next(&each->subscriber));
    own->head = rt_stream_head(stream);
    return own->count < RT_OWN_RUNS_MAX || is_next(own) ||
           !rt_stream_has(stream, topic);
}

bool rt_dialog_has_own_room(struct rt_dialog *dialog, struct rt_bytes topic)
{
    RT_LIST_EACH (node, &dialog->subscribers) {
        if (!has_room(further(node), topic)) {
            return false;
        }
    }
    return true;
}

/* The stream has grown by the event if it is one of its topics'. */
static void note_own(struct rt_dialog_subscriber *each)
{
    struct rt_own_events *own = own_of(each);
    if (own == NULL || rt_stream_head(each->subscriber.stream) == own->head) {
        return;
    }
    if (!is_next(own)) {
        RT_CHECK(own->count < RT_OWN_RUNS_MAX);
        own->runs[own->count++].first = own->head;
    }
    own->runs[own->count - 1].end = rt_stream_head(each->subscriber.stream);
}

void rt_dialog_note_own(struct rt_dialog *dialog)
{
    RT_LIST_EACH (node, &dialog->subscribers) {
        note_own(further(node));
    }
}

bool rt_dialog_own(struct rt_subscriber *subscriber,
                   uint64_t offset,
                   struct rt_own *own)
{
    struct rt_own_events *events =
        RT_CONTAINER(subscriber, struct rt_dialog_subscriber, subscriber)->own;
    forget(events, offset);
    if (events->count == 0) {
        return false;
    }
    *own = events->runs[0];
    return true;
}
