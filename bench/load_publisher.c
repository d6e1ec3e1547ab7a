#include "bench/load_publisher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load_connection.h"
#include "bench/load_payload.h"
#include "bench/load_report.h"
#include "bench/wire.h"

static void
fill(const struct load_protocol *protocol, char *payload, size_t len)
{
    if (protocol->fill != NULL) {
        protocol->fill(payload, len);
    } else {
        memset(payload, '.', len);
    }
}

/* Where the protocol says whose an event is. */
static void write_number(struct load_wrapping *wrapping, uint32_t number)
{
    char digits[LOAD_NUMBER_LEN + 1];
    if (wrapping->number_at > 0) {
        (void)snprintf(digits, sizeof(digits), LOAD_NUMBER_FORMAT, number);
        memcpy(wrapping->head + wrapping->number_at, digits, LOAD_NUMBER_LEN);
    }
}

/* The events, of the first topic; where others have another name is known. */
static void prepare_events(struct load_publisher *publisher, size_t payload_len)
{
    const char *topic = publisher->topics->list[0].name;
    struct load_wrapping wrapping = {0};
    publisher->protocol->wrap_published(&wrapping, topic, payload_len);
    write_number(&wrapping, publisher->number);
    const char *name =
        memmem(wrapping.head, wrapping.head_len, topic, strlen(topic));
    publisher->topic_at = (size_t)(name - wrapping.head);
    publisher->identifier_at = wrapping.identifier_at;
    publisher->payload_at = wrapping.head_len;
    publisher->event_len = wrapping.head_len + payload_len + wrapping.tail_len;
    publisher->events = load_allocate(publisher->depth, publisher->event_len);
    char *event = publisher->events;
    for (uint32_t i = 0; i < publisher->depth; i++) {
        memcpy(event, wrapping.head, wrapping.head_len);
        fill(publisher->protocol, event + wrapping.head_len, payload_len);
        memcpy(event + wrapping.head_len + payload_len, wrapping.tail,
               wrapping.tail_len);
        event += publisher->event_len;
    }
}

void load_publisher_init(struct load_publisher *publisher,
                         const struct load_options *options,
                         struct load_topics *topics,
                         uint32_t number,
                         uint32_t depth)
{
    *publisher = (struct load_publisher){
        .protocol = load_protocols[options->protocol],
        .topics = topics,
        .number = number,
        .depth = depth,
        .next_topic = number % topics->count,
        .sequences = load_allocate(topics->count, sizeof(uint64_t)),
    };
    prepare_events(publisher, options->payload_len);
}

void load_publisher_describe(const struct load_publisher *publisher,
                             struct load_dialog *dialog)
{
    if (publisher->protocol->introduce != NULL) {
        publisher->protocol->introduce(dialog, publisher->number);
    }
}

void load_publisher_open(struct load_publisher *publisher,
                         int fd,
                         int poller,
                         uint64_t tag)
{
    publisher->fd = fd;
    publisher->poller = poller;
    publisher->tag = tag;
    load_watch(poller, fd, tag);
}

uint32_t load_publisher_room(const struct load_publisher *publisher)
{
    if (publisher->unsent_from < publisher->unsent_to) {
        return 0;
    }
    return publisher->depth -
           (uint32_t)(publisher->sent - publisher->answers.count);
}

struct load_topic *load_publisher_topic(const struct load_publisher *publisher)
{
    return &publisher->topics->list[publisher->next_topic];
}

/* Names the topic of an event, which is another one each time. */
static void
name_topic(struct load_publisher *publisher, char *event, const char *name)
{
    memcpy(event + publisher->topic_at, name, strlen(name));
    publisher->next_topic =
        (publisher->next_topic + 1) % publisher->topics->count;
}

static void identify(const struct load_publisher *publisher, char *event)
{
    unsigned identifier = load_identifier(publisher->sent);
    event[publisher->identifier_at] = (char)(identifier >> 8);
    event[publisher->identifier_at + 1] = (char)identifier;
}

void load_publisher_add(struct load_publisher *publisher, uint64_t intended_ns)
{
    struct load_topic *topic = load_publisher_topic(publisher);
    char *event =
        publisher->events + publisher->prepared++ * publisher->event_len;
    char *payload = event + publisher->payload_at;
    if (publisher->topics->count > 1) {
        name_topic(publisher, event, topic->name);
    }
    if (publisher->identifier_at > 0) {
        identify(publisher, event);
    }
    load_number_write(payload + LOAD_PAYLOAD_SEQUENCE,
                      publisher->sequences[topic->number]++);
    load_number_write(payload + LOAD_PAYLOAD_PUBLISHER, publisher->number);
    load_number_write(payload + LOAD_PAYLOAD_INTENDED, intended_ns);
    publisher->sent++;
    load_topics_published(publisher->topics, topic);
}

/* Sends what the socket takes of what is unsent. */
static void send_some(struct load_publisher *publisher)
{
    ssize_t sent =
        send(publisher->fd, publisher->events + publisher->unsent_from,
             publisher->unsent_to - publisher->unsent_from,
             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        load_fail_errno("a publisher could not send");
    }
    publisher->unsent_from += sent > 0 ? (size_t)sent : 0;
}

/* A pong goes only between events. */
static void answer_ping(struct load_publisher *publisher)
{
    const struct load_protocol *protocol = publisher->protocol;
    if (publisher->answers.is_pinged &&
        publisher->unsent_from == publisher->unsent_to) {
        publisher->answers.is_pinged = false;
        (void)send(publisher->fd, protocol->pong, protocol->pong_len,
                   MSG_NOSIGNAL);
    }
}

void load_publisher_push(struct load_publisher *publisher)
{
    if (publisher->prepared == 0) {
        return;
    }
    publisher->unsent_from = 0;
    publisher->unsent_to = publisher->prepared * publisher->event_len;
    publisher->prepared = 0;
    send_some(publisher);
    if (publisher->unsent_from < publisher->unsent_to) {
        load_watch_writes(publisher->poller, publisher->fd, publisher->tag, 1);
    }
}

void load_publisher_flush(struct load_publisher *publisher)
{
    if (publisher->unsent_from == publisher->unsent_to) {
        return;
    }
    send_some(publisher);
    if (publisher->unsent_from == publisher->unsent_to) {
        load_watch_writes(publisher->poller, publisher->fd, publisher->tag, 0);
        answer_ping(publisher);
    }
}

static size_t skip_body(struct load_answers *answers, size_t len)
{
    size_t skipped = len < answers->body_left ? len : answers->body_left;
    answers->body_left -= skipped;
    return skipped;
}

/* Returns how many bytes belong to whole answers and to bodies. */
static size_t
take_answers(struct load_publisher *publisher, const char *data, size_t len)
{
    struct load_answers *answers = &publisher->answers;
    size_t at = skip_body(answers, len);
    while (answers->body_left == 0 && at < len) {
        size_t taken =
            publisher->protocol->take_answer(answers, data + at, len - at);
        if (taken == 0) {
            break;
        }
        at += taken;
        at += skip_body(answers, len - at);
    }
    return at;
}

static void hold(struct load_publisher *publisher, const char *data, size_t len)
{
    if (len > sizeof(publisher->head)) {
        load_fail("the head of an answer is longer than %zu bytes",
                  sizeof(publisher->head));
    }
    memcpy(publisher->head, data, len);
    publisher->held = len;
}

/* What came is appended to what is held, its frames taken off. */
static void
take(struct load_publisher *publisher, char *buffer, size_t resumed, size_t got)
{
    size_t len = publisher->held + resumed + got;
    if (publisher->protocol->is_framed) {
        len = publisher->held +
              load_frames_strip(&publisher->frames, publisher->fd,
                                buffer + publisher->held, resumed + got);
    }
    buffer[len] = '\0';
    size_t taken = take_answers(publisher, buffer, len);
    hold(publisher, buffer + taken, len - taken);
    if (publisher->answers.count > publisher->sent) {
        load_fail("more answers than events");
    }
    answer_ping(publisher);
}

bool load_publisher_read(struct load_publisher *publisher)
{
    /* One byte stays 0 for the functions that read text. */
    static char
        buffer[LOAD_ANSWER_HEAD_MAX + LOAD_CONTROL_MAX + WIRE_ANSWER_READ + 1];
    size_t held = publisher->held;
    memcpy(buffer, publisher->head, held);
    size_t resumed = load_frames_resume(&publisher->frames, buffer + held);
    ssize_t got = recv(publisher->fd, buffer + held + resumed, WIRE_ANSWER_READ,
                       MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        load_fail("a publisher was disconnected: %s",
                  got == 0 ? "end of file" : strerror(errno));
    }
    publisher->answer_bytes += (uint64_t)got;
    take(publisher, buffer, resumed, (size_t)got);
    return true;
}

bool load_publisher_is_quiet(const struct load_publisher *publisher)
{
    return publisher->sent == publisher->answers.count &&
           publisher->answers.body_left == 0;
}
