#include "bench/load_subscriber.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load_clock.h"
#include "bench/load_payload.h"
#include "bench/load_report.h"

#define FRAME_TEXT  0x81
#define FRAME_CLOSE 0x88
#define FRAME_PING  0x89
#define FRAME_PONG  0x8a

/* Bytes of a control frame's payload: RFC 6455, section 5.5. */
#define CONTROL_MAX 125

static size_t write_frame_head(char *head, size_t payload_len)
{
    size_t width = payload_len < 126 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;
    head[0] = (char)FRAME_TEXT;
    head[1] = (char)(width == 0 ? payload_len : width == 2 ? 126 : 127);
    for (size_t i = 0; i < width; i++) {
        head[2 + i] = (char)(payload_len >> (8 * (width - 1 - i)));
    }
    return 2 + width;
}

void load_subscribers_init(struct load_subscribers *subscribers,
                           struct load_topic *topic,
                           uint32_t count,
                           uint32_t publishers,
                           size_t payload_len)
{
    *subscribers = (struct load_subscribers){
        .topic = topic, .count = count, .publishers = publishers};
    subscribers->head_len = write_frame_head(subscribers->head, payload_len);
    subscribers->frame_len = subscribers->head_len + payload_len;
    subscribers->slot_len = subscribers->frame_len > 2 + CONTROL_MAX
                                ? subscribers->frame_len
                                : 2 + CONTROL_MAX;
    subscribers->list = load_allocate(count, sizeof(*subscribers->list));
    subscribers->expected =
        load_allocate((uint64_t)count * publishers, sizeof(uint64_t));
    subscribers->slots = load_allocate(count, subscribers->slot_len);
}

void load_subscribers_join(struct load_subscribers *subscribers,
                           uint32_t index,
                           int fd)
{
    subscribers->list[index].fd = fd;
    load_topic_join(subscribers->topic);
}

static void record_latency(struct load_latencies *latencies, uint64_t intended)
{
    if (latencies->count < latencies->count_max) {
        latencies->values_us[latencies->count++] = load_clock_us() - intended;
    }
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
    if (sequence != *expected) {
        load_fail("subscriber %u got event %llu of publisher %llu, not %llu",
                  index, (unsigned long long)sequence,
                  (unsigned long long)publisher, (unsigned long long)*expected);
    }
    ++*expected;
    subscribers->list[index].received++;
    if (subscribers->latencies != NULL) {
        record_latency(subscribers->latencies,
                       load_number_read(payload + LOAD_PAYLOAD_INTENDED));
    }
}

/* A pong with the mask 0, which leaves the payload as it came. */
static void answer_ping(int fd, const char *payload, size_t len)
{
    char pong[6 + CONTROL_MAX] = {(char)FRAME_PONG, (char)(0x80 | len)};
    memcpy(pong + 6, payload, len);
    (void)send(fd, pong, 6 + len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Returns the length of the frame, 0 while it is unfinished. */
static size_t take_control(struct load_subscribers *subscribers,
                           uint32_t index,
                           const char *data,
                           size_t len)
{
    unsigned kind = (unsigned char)data[0];
    size_t payload_len = (unsigned char)data[1];
    if ((kind != FRAME_CLOSE && kind != FRAME_PING && kind != FRAME_PONG) ||
        payload_len > CONTROL_MAX) {
        load_fail("subscriber %u got a frame %02x %02zx", index, kind,
                  payload_len);
    }
    if (len < 2 + payload_len) {
        return 0;
    }
    if (kind == FRAME_CLOSE) {
        load_fail("subscriber %u was closed after %llu events: %u %.*s", index,
                  (unsigned long long)subscribers->list[index].received,
                  payload_len < 2
                      ? 1005u
                      : (unsigned char)data[2] * 256u + (unsigned char)data[3],
                  payload_len < 2 ? 0 : (int)payload_len - 2, data + 4);
    }
    if (kind == FRAME_PING) {
        answer_ping(subscribers->list[index].fd, data + 2, payload_len);
    }
    return 2 + payload_len;
}

/* Returns the length of the frame, 0 while it is unfinished. */
static size_t take_frame(struct load_subscribers *subscribers,
                         uint32_t index,
                         const char *data,
                         size_t len)
{
    size_t head_len = subscribers->head_len;
    if ((unsigned char)data[0] != FRAME_TEXT) {
        return len < 2 ? 0 : take_control(subscribers, index, data, len);
    }
    if (len < subscribers->frame_len) {
        return 0;
    }
    if (memcmp(data, subscribers->head, head_len) != 0) {
        load_fail("subscriber %u got an event of another length", index);
    }
    check_event(subscribers, index, data + head_len);
    return subscribers->frame_len;
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
        taken = take_frame(subscribers, index, data, len);
        data += taken;
        len -= taken;
    }
    memcpy(subscribers->slots + index * subscribers->slot_len, data, len);
    subscriber->held = (uint32_t)len;
    if (subscriber->received > before) {
        load_topic_advance(subscribers->topic, before, subscriber->received);
    }
}

bool load_subscribers_read(struct load_subscribers *subscribers, uint32_t index)
{
    static char buffer[WIRE_PUBLISHER_READ + WIRE_SUBSCRIBER_READ];
    struct load_subscriber *subscriber = &subscribers->list[index];
    size_t held = subscriber->held;
    memcpy(buffer, subscribers->slots + index * subscribers->slot_len, held);
    ssize_t got =
        recv(subscriber->fd, buffer + held, WIRE_SUBSCRIBER_READ, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        load_fail("subscriber %u was disconnected: %s", index,
                  got == 0 ? "end of file" : strerror(errno));
    }
    subscribers->reads++;
    take_all(subscribers, index, buffer, held + (size_t)got);
    return true;
}
