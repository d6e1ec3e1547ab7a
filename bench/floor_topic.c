#include "bench/floor_topic.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPICS     8
#define NUMBERS    100000
#define FIRST_ROOM 4 /* for subscribers */

static struct floor_topic topics[TOPICS];
static struct floor_topic numbered[NUMBERS];

static void *checked(void *memory)
{
    if (memory == NULL) {
        perror("memory");
        exit(1);
    }
    return memory;
}

void *floor_allocate(size_t count, size_t size)
{
    return checked(calloc(count, size));
}

int floor_has_number(const char *name, size_t len)
{
    if (len <= FLOOR_DIGITS || name[len - FLOOR_DIGITS - 1] != '.') {
        return 0;
    }
    for (size_t i = len - FLOOR_DIGITS; i < len; i++) {
        if (!isdigit((unsigned char)name[i])) {
            return 0;
        }
    }
    return 1;
}

struct floor_topic *floor_topic_numbered(const char *digits)
{
    unsigned number = 0;
    for (int i = 0; i < FLOOR_DIGITS; i++) {
        number = number * 10 + (unsigned)(digits[i] - '0');
    }
    return &numbered[number % NUMBERS];
}

struct floor_topic *floor_topic_of(const char *name, size_t len)
{
    if (floor_has_number(name, len)) {
        return floor_topic_numbered(name + len - FLOOR_DIGITS);
    }
    for (size_t i = 0; i < TOPICS && len < FLOOR_NAME; i++) {
        struct floor_topic *topic = &topics[i];
        if (topic->name[0] == '\0') {
            memcpy(topic->name, name, len);
        }
        if (strlen(topic->name) == len && memcmp(topic->name, name, len) == 0) {
            return topic;
        }
    }
    return NULL;
}

size_t floor_topic_join(struct floor_topic *topic, int fd)
{
    if (topic->subscriber_count == topic->subscriber_room) {
        size_t room = topic->subscriber_room * 2;
        topic->subscriber_room = room > FIRST_ROOM ? room : FIRST_ROOM;
        topic->subscribers = checked(
            realloc(topic->subscribers, topic->subscriber_room * sizeof(int)));
    }
    topic->subscribers[topic->subscriber_count] = fd;
    return topic->subscriber_count++;
}

int floor_topic_leave(struct floor_topic *topic, size_t index)
{
    int last = topic->subscribers[--topic->subscriber_count];
    topic->subscribers[index] = last;
    return last;
}

void floor_topic_keep_log(struct floor_topic *topic)
{
    if (topic->log == NULL) {
        topic->log = floor_allocate(1, sizeof(*topic->log));
        topic->log->first = FLOOR_LOG;
        topic->log->end = FLOOR_LOG;
    }
}

void floor_log_append(struct floor_log *log,
                      const char *batch,
                      size_t len,
                      size_t frame_len)
{
    size_t at = log->end % FLOOR_LOG;
    size_t fits = len < FLOOR_LOG - at ? len : FLOOR_LOG - at;
    memcpy(log->bytes + at, batch, fits);
    memcpy(log->bytes, batch + fits, len - fits);
    log->end += len;
    while (log->end - log->first > FLOOR_LOG) {
        log->first += frame_len;
    }
}

const char *
floor_log_at(const struct floor_log *log, uint64_t position, size_t *len)
{
    size_t at = position % FLOOR_LOG;
    uint64_t left = log->end - position;
    *len = left < FLOOR_LOG - at ? left : FLOOR_LOG - at;
    return log->bytes + at;
}
