#include "broker/core/closing.h"

#include "base/check.h"
#include "broker/core/topic.h"

uint64_t rt_topic_sequence(const struct rt_topic *topic)
{
    uint64_t newest = topic->ring.sequence;
    return topic->closed_sequence > newest ? topic->closed_sequence : newest;
}

bool rt_closing_is_from(const struct rt_topic *topic, uint64_t sequence)
{
    return topic->is_closed && topic->closed_sequence >= sequence;
}

struct rt_notice rt_closing_notice(const struct rt_topic *topic,
                                   struct rt_cursor resume)
{
    uint64_t latest = rt_ring_latest(&topic->ring);
    return (struct rt_notice){.kind = RT_NOTICE_CLOSED,
                              .topic = topic->leaf.key,
                              .cursor = rt_topic_cursor(topic, latest),
                              .has_resume = true,
                              .resume = resume};
}

struct rt_bytes rt_closing_encode(const struct rt_topic *topic,
                                  enum rt_format format,
                                  char memory[RT_NOTICE_BYTES_MAX])
{
    struct rt_writer writer;
    struct rt_cursor resume = {topic->core->epoch, topic->closed_sequence};
    struct rt_notice notice = rt_closing_notice(topic, resume);
    rt_writer_init(&writer, memory, RT_NOTICE_BYTES_MAX);
    rt_notice_write(&writer, format, &notice);
    RT_CHECK(!writer.overflowed);
    return rt_writer_bytes(&writer);
}
