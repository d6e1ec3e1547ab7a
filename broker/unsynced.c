/* Events that other threads have published, and that are not on disk though
 * they should be when their publishers are told. */
#include <string.h>

#include "base/error.h"
#include "broker/facade.h"

struct unsynced {
    struct rt_letter_reply reply;
    struct rt_receipt receipt;
};

static uint32_t count_of(const struct ringtail_broker *broker)
{
    return (uint32_t)(broker->unsynced.len / sizeof(struct unsynced));
}

bool rt_unsynced_is_full(const struct ringtail_broker *broker)
{
    return count_of(broker) >= RT_UNSYNCED_MAX;
}

int rt_unsynced_reserve(struct ringtail_broker *broker)
{
    if (broker->server.core.journal == NULL) {
        return 0; /* nobody will wait */
    }
    char *memory = rt_buffer_reserve(&broker->unsynced, &broker->server.heap,
                                     sizeof(struct unsynced));
    return memory == NULL ? RT_ENOMEM : 0;
}

static struct unsynced read_at(const struct ringtail_broker *broker,
                               uint32_t number)
{
    struct unsynced unsynced;
    memcpy(&unsynced, broker->unsynced.data + number * sizeof(unsynced),
           sizeof(unsynced));
    return unsynced;
}

/* In a burst it grows: that is given back. */
static void shrink(struct ringtail_broker *broker)
{
    if (broker->unsynced.len == 0 &&
        broker->unsynced.capacity > RT_MAILBOX_KEPT_BYTES) {
        rt_buffer_finish(&broker->unsynced, &broker->server.heap);
    }
}

/* Those who are told may publish, but what comes of that comes later. */
static void on_done(struct rt_disk_waiter *waiter, uint64_t done, int err)
{
    struct ringtail_broker *broker =
        RT_CONTAINER(waiter, struct ringtail_broker, waiter);
    uint32_t count = count_of(broker);
    uint32_t told = 0;
    while (told < count) {
        struct unsynced unsynced = read_at(broker, told);
        bool is_done = unsynced.receipt.ticket <= done;
        if (!is_done && err == 0) {
            break;
        }
        rt_facade_reply(unsynced.reply, is_done ? 0 : RINGTAIL_EUNSYNCED,
                        &unsynced.receipt);
        told++;
    }
    rt_buffer_consume(&broker->unsynced, told * sizeof(struct unsynced));
    if (broker->unsynced.len > 0) {
        rt_disk_wait(&broker->server, waiter);
    }
    shrink(broker);
}

void rt_unsynced_reply(struct ringtail_broker *broker,
                       struct rt_letter_reply reply,
                       const struct rt_receipt *receipt)
{
    struct unsynced unsynced = {reply, *receipt};
    int err = receipt->ack == RT_ACK_DISK
                  ? rt_disk_check(&broker->server, receipt->ticket)
                  : 0;
    if (err != RT_EAGAIN || reply.call == NULL) {
        rt_facade_reply(reply, err < 0 ? RINGTAIL_EUNSYNCED : 0, receipt);
        return;
    }
    memcpy(broker->unsynced.data + broker->unsynced.len, &unsynced,
           sizeof(unsynced));
    broker->unsynced.len += sizeof(unsynced);
    rt_disk_wait(&broker->server, &broker->waiter);
}

void rt_unsynced_init(struct ringtail_broker *broker)
{
    rt_disk_waiter_init(&broker->waiter, on_done);
}

void rt_unsynced_finish(struct ringtail_broker *broker)
{
    rt_list_remove(&broker->waiter.link);
    rt_buffer_finish(&broker->unsynced, &broker->server.heap);
}
