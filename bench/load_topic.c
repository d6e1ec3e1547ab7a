#include "bench/load_topic.h"

#include "bench/load_report.h"

void load_topic_init(struct load_topic *topic, const char *name)
{
    *topic = (struct load_topic){
        .name = name,
        .standing = load_allocate(LOAD_LAG_MAX, sizeof(uint32_t)),
    };
}

void load_topic_join(struct load_topic *topic)
{
    topic->readers++;
    topic->standing[0]++;
}

void load_topic_advance(struct load_topic *topic,
                        uint64_t before,
                        uint64_t after)
{
    if (after > topic->published) {
        load_fail("an event arrived that was never published");
    }
    topic->delivered += after - before;
    topic->standing[before % LOAD_LAG_MAX]--;
    topic->standing[after % LOAD_LAG_MAX]++;
    while (topic->slowest < topic->published &&
           topic->standing[topic->slowest % LOAD_LAG_MAX] == 0) {
        topic->slowest++;
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

bool load_topic_is_quiet(const struct load_topic *topic)
{
    return topic->readers == 0 || topic->slowest == topic->published;
}
