#include "bench/load_subscriber.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load_clock.h"
#include "bench/load_payload.h"
#include "bench/load_report.h"

/* Bytes of the longest thing that is no event, and of what varies in one. */
#define OTHER_MAX 1024

/* How a broker closes when its ring has passed a reader. */
#define CURSOR_EVICTED 4410

static void prepare_sizes(struct load_subscribers *subscribers,
                          const struct load_wrapping *wrapping,
                          size_t payload_len)
{
    subscribers->head_len = wrapping->head_len;
    subscribers->varies_at = wrapping->varies_at;
    subscribers->payload_len = payload_len;
    subscribers->tail_len = wrapping->tail_len;
    subscribers->event_len =
        wrapping->head_len + payload_len + wrapping->tail_len;
    memcpy(subscribers->tail, wrapping->tail, wrapping->tail_len);
}

/* All heads have one length, for all topics' names have. */
static void prepare_heads(struct load_subscribers *subscribers,
                          size_t payload_len)
{
    const struct load_topics *topics = subscribers->topics;
    for (uint32_t i = 0; i < topics->count; i++) {
        struct load_wrapping wrapping = {0};
        subscribers->protocol->wrap_delivered(&wrapping, topics->list[i].name,
                                              payload_len);
        if (i == 0) {
            prepare_sizes(subscribers, &wrapping, payload_len);
            subscribers->heads =
                load_allocate(topics->count, wrapping.head_len);
        }
        memcpy(subscribers->heads + i * wrapping.head_len, wrapping.head,
               wrapping.head_len);
    }
}

void load_subscribers_init(struct load_subscribers *subscribers,
                           const struct load_options *options,
                           struct load_topics *topics,
                           uint32_t count,
                           uint32_t publishers)
{
    *subscribers = (struct load_subscribers){
        .protocol = load_protocols[options->protocol],
        .topics = topics,
        .query = options->late + options->replay > 0 ? WIRE_EARLIEST : "",
        .count = count,
        .publishers = publishers};
    prepare_heads(subscribers, options->payload_len);
    subscribers->slot_len = subscribers->event_len + OTHER_MAX;
    subscribers->list = load_allocate(count, sizeof(*subscribers->list));
    subscribers->expected =
        load_allocate((uint64_t)count * publishers, sizeof(uint64_t));
    subscribers->slots = load_allocate(count, subscribers->slot_len);
    if (subscribers->protocol->is_framed) {
        subscribers->frames =
            load_allocate(count, sizeof(*subscribers->frames));
    }
}

static struct load_topic *topic_of(const struct load_subscribers *subscribers,
                                   uint32_t index)
{
    struct load_topics *topics = subscribers->topics;
    return &topics->list[index % topics->count];
}

void load_subscribers_describe(const struct load_subscribers *subscribers,
                               uint32_t index,
                               struct load_dialog *dialog)
{
    char target[LOAD_NAME_MAX + sizeof(WIRE_EARLIEST)];
    (void)snprintf(target, sizeof(target), "%s%s",
                   topic_of(subscribers, index)->name, subscribers->query);
    subscribers->protocol->subscribe(dialog, target);
}

void load_subscribers_join(struct load_subscribers *subscribers,
                           uint32_t index,
                           int fd)
{
    struct load_topic *topic = topic_of(subscribers, index);
    subscribers->list[index] =
        (struct load_subscriber){.topic = topic, .fd = fd};
    load_topic_join(topic);
}

void load_subscribers_readmit(struct load_subscribers *subscribers,
                              uint32_t index)
{
    subscribers->list[index] =
        (struct load_subscriber){.topic = &subscribers->topics->list[0]};
    subscribers->expected[index] = LOAD_SEQUENCE_ANY;
}

static void check_event(struct load_subscribers *subscribers,
                        uint32_t index,
                        const char *payload)
{
    uint64_t sequence = load_number_read(payload + LOAD_PAYLOAD_SEQUENCE);
    uint64_t publisher = load_number_read(payload + LOAD_PAYLOAD_PUBLISHER);
    if (publisher >= subscribers->publishers) {
        load_fail("subscriber %u got an event of nobody", index);
    }
    uint64_t *expected =
        &subscribers->expected[index * subscribers->publishers + publisher];
    if (sequence != *expected && *expected != LOAD_SEQUENCE_ANY) {
        load_fail("subscriber %u got event %llu of publisher %llu, not %llu",
                  index, (unsigned long long)sequence,
                  (unsigned long long)publisher, (unsigned long long)*expected);
    }
    *expected = sequence + 1;
    subscribers->list[index].received++;
    if (subscribers->delays != NULL) {
        load_histogram_add(
            subscribers->delays,
            load_payload_delay_ns(payload, subscribers->read_ns));
    }
}

static const char *head_of(const struct load_subscribers *subscribers,
                           uint32_t index)
{
    return subscribers->heads +
           subscribers->list[index].topic->number * subscribers->head_len;
}

/* Takes an event, or something else; its length, 0 while it is unfinished. */
static size_t take_alike(struct load_subscribers *subscribers,
                         uint32_t index,
                         const char *data,
                         size_t len)
{
    const char *head = head_of(subscribers, index);
    if (data[0] != head[0]) {
        return subscribers->protocol->take_other(subscribers->list[index].fd,
                                                 data, len);
    }
    if (len < subscribers->event_len) {
        return 0;
    }
    if (memcmp(data, head, subscribers->head_len) != 0) {
        load_fail("subscriber %u got an event of another length", index);
    }
    check_event(subscribers, index, data + subscribers->head_len);
    return subscribers->event_len;
}

/* The payload of an event that begins as all do, with the rest of the head
 * before it and the tail behind it. */
static const char *payload_in(const struct load_subscribers *subscribers,
                              uint32_t index,
                              const struct load_span *event)
{
    size_t before_len = subscribers->head_len - subscribers->varies_at;
    const char *before = head_of(subscribers, index) + subscribers->varies_at;
    const char *tail = event->data + event->len - subscribers->tail_len;
    const char *payload = tail - subscribers->payload_len;
    if (event->len < subscribers->event_len ||
        memcmp(payload - before_len, before, before_len) != 0 ||
        memcmp(tail, subscribers->tail, subscribers->tail_len) != 0) {
        load_fail("subscriber %u got an event of another length", index);
    }
    return payload;
}

/* The same where heads vary. */
static size_t take_varying(struct load_subscribers *subscribers,
                           uint32_t index,
                           const char *data,
                           size_t len)
{
    struct load_span inside;
    const struct load_protocol *protocol = subscribers->protocol;
    size_t whole_len = protocol->unpack(data, len, &inside);
    if (whole_len == 0) {
        return 0;
    }
    if (inside.len < subscribers->varies_at ||
        memcmp(inside.data, head_of(subscribers, index),
               subscribers->varies_at) != 0) {
        return protocol->take_other(subscribers->list[index].fd, data,
                                    whole_len);
    }
    check_event(subscribers, index, payload_in(subscribers, index, &inside));
    return whole_len;
}

static size_t take_one(struct load_subscribers *subscribers,
                       uint32_t index,
                       const char *data,
                       size_t len)
{
    if (subscribers->are_late && load_is_close(data, len, CURSOR_EVICTED)) {
        subscribers->is_evicted = true;
        return len;
    }
    return subscribers->protocol->unpack == NULL
               ? take_alike(subscribers, index, data, len)
               : take_varying(subscribers, index, data, len);
}

static void hold(struct load_subscribers *subscribers,
                 uint32_t index,
                 const char *data,
                 size_t len)
{
    if (len > subscribers->slot_len) {
        load_fail("subscriber %u got something endless", index);
    }
    memcpy(subscribers->slots + index * subscribers->slot_len, data, len);
    subscribers->list[index].held = (uint32_t)len;
}

static void take_all(struct load_subscribers *subscribers,
                     uint32_t index,
                     const char *data,
                     size_t len)
{
    struct load_subscriber *subscriber = &subscribers->list[index];
    uint64_t before = subscriber->received;
    size_t taken = 1;
    while (len > 0 && taken > 0) {
        taken = take_one(subscribers, index, data, len);
        data += taken;
        len -= taken;
    }
    hold(subscribers, index, data, len);
    if (subscriber->received > before && !subscribers->are_late) {
        load_topics_advance(subscribers->topics, subscriber->topic, before,
                            subscriber->received);
    }
}

/* Takes the stream out of the frames, if there are any; returns its length. */
static size_t strip(struct load_subscribers *subscribers,
                    uint32_t index,
                    char *data,
                    size_t len)
{
    return subscribers->frames == NULL
               ? len
               : load_frames_strip(&subscribers->frames[index],
                                   subscribers->list[index].fd, data, len);
}

/* Fills the buffer behind what is held; returns how much came. */
static size_t
receive(struct load_subscribers *subscribers, uint32_t index, char *data)
{
    size_t resumed =
        subscribers->frames == NULL
            ? 0
            : load_frames_resume(&subscribers->frames[index], data);
    ssize_t got = recv(subscribers->list[index].fd, data + resumed,
                       WIRE_SUBSCRIBER_READ, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (got <= 0 && subscribers->are_late) {
        subscribers->is_evicted = true; /* the floor has no words for it */
        return 0;
    }
    if (got <= 0) {
        load_fail("subscriber %u was disconnected: %s", index,
                  got == 0 ? "end of file" : strerror(errno));
    }
    subscribers->bytes += (uint64_t)got;
    return resumed + (size_t)got;
}

bool load_subscribers_read(struct load_subscribers *subscribers, uint32_t index)
{
    /* One byte stays 0 for the functions that read text. */
    static char buffer[WIRE_PUBLISHER_READ + LOAD_CONTROL_MAX +
                       WIRE_SUBSCRIBER_READ + 1];
    size_t held = subscribers->list[index].held;
    size_t got = receive(subscribers, index, buffer + held);
    if (got == 0) {
        return false;
    }
    memcpy(buffer, subscribers->slots + index * subscribers->slot_len, held);
    size_t len = held + strip(subscribers, index, buffer + held, got);
    buffer[len] = '\0';
    subscribers->reads++;
    if (subscribers->delays != NULL) {
        subscribers->read_ns = load_clock_ns();
    }
    take_all(subscribers, index, buffer, len);
    return true;
}
