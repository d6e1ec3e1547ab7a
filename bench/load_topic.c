#include "bench/load_topic.h"

#include <stdio.h>

#include "bench/load_clock.h"
#include "bench/load_report.h"

static uint32_t span_of(uint64_t lag_max)
{
    uint32_t span = 2;
    while (span <= lag_max && span < LOAD_LAG_MAX) {
        span *= 2;
    }
    return span;
}

void load_topics_init(struct load_topics *topics,
                      const char *name,
                      uint32_t count,
                      uint64_t lag_max)
{
    *topics = (struct load_topics){.count = count, .span = span_of(lag_max)};
    topics->list = load_allocate(count, sizeof(*topics->list));
    uint32_t *standing =
        load_allocate((uint64_t)count * topics->span, sizeof(*standing));
    for (uint32_t i = 0; i < count; i++) {
        struct load_topic *topic = &topics->list[i];
        topic->number = i;
        topic->standing = standing + (uint64_t)i * topics->span;
        (void)snprintf(topic->name, sizeof(topic->name),
                       count > 1 ? "%s.%05u" : "%s", name, i);
    }
}

void load_topic_join(struct load_topic *topic)
{
    topic->readers++;
    topic->standing[0]++;
}

void load_topics_published(struct load_topics *topics, struct load_topic *topic)
{
    topic->published++;
    topics->published++;
    topics->owed += topic->readers;
    if (topics->last != NULL) {
        topic->sent_ns = load_clock_ns();
    }
}

void load_topics_advance(struct load_topics *topics,
                         struct load_topic *topic,
                         uint64_t before,
                         uint64_t after)
{
    uint64_t mask = topics->span - 1;
    if (after > topic->published) {
        load_fail("an event arrived that was never published");
    }
    topics->delivered += after - before;
    topic->standing[before & mask]--;
    topic->standing[after & mask]++;
    while (topic->slowest < topic->published &&
           topic->standing[topic->slowest & mask] == 0) {
        topic->slowest++;
    }
    if (topics->last != NULL && topic->slowest == topic->published) {
        load_histogram_add(topics->last, load_clock_ns() - topic->sent_ns);
    }
}

uint64_t load_topic_room(const struct load_topic *topic, uint64_t lag_max)
{
    if (topic->readers == 0) {
        return UINT64_MAX;
    }
    uint64_t lag = topic->published - topic->slowest;
    return lag < lag_max ? lag_max - lag : 0;
}

bool load_topics_are_quiet(const struct load_topics *topics)
{
    return topics->delivered == topics->owed;
}
