#include "broker/core/publication.h"

#include "base/error.h"
#include "broker/core/follower.h"
#include "broker/core/journal.h"
#include "broker/core/relief.h"
#include "broker/core/topic.h"
#include "protocol/ws_frame.h"

void rt_publication_init(struct rt_publication *publication,
                         struct rt_core *core)
{
    publication->core = core;
    publication->sequence = core->sequence;
    publication->bytes = 0;
    publication->part_count = 0;
    publication->last_part = 0;
    publication->extents = 0;
}

/* --- adding --- */

static bool is_of(const struct rt_publication *publication,
                  uint32_t number,
                  struct rt_bytes topic)
{
    return rt_bytes_equal(publication->parts[number].topic->leaf.key, topic);
}

/* The part of a topic that there is one of; else part_count. */
static uint32_t find_part(const struct rt_publication *publication,
                          struct rt_bytes topic)
{
    uint32_t number = 0;
    if (publication->part_count > 0 &&
        is_of(publication, publication->last_part, topic)) {
        return publication->last_part; /* mostly it is the same one */
    }
    while (number < publication->part_count &&
           !is_of(publication, number, topic)) {
        number++;
    }
    return number;
}

static int begin_part(struct rt_publication *publication, struct rt_bytes name)
{
    struct rt_core *core = publication->core;
    uint32_t topic_count = core->topic_count;
    if (publication->part_count == RT_PUBLICATION_TOPICS_MAX) {
        return RT_ERANGE;
    }
    struct rt_topic *topic = rt_topic_obtain(core, name);
    if (topic == NULL) {
        return RT_ENOMEM;
    }
    if (topic->is_closed) {
        return RT_ECLOSED;
    }
    publication->extents++; /* of the segment that there is */
    publication->parts[publication->part_count++] =
        (struct rt_publication_part){.topic = topic,
                                     .mark = rt_ring_mark(&topic->ring),
                                     .is_new = core->topic_count > topic_count};
    return 0;
}

static int extend(struct rt_publication *publication,
                  struct rt_topic *topic,
                  const struct rt_event *event)
{
    uint8_t header[RT_FRAME_HEADER_MAX];
    struct rt_record record = rt_core_record(publication->core, event, header);
    record.sequence = publication->sequence + 1;
    int err = rt_journal_admit(topic, publication->extents + 1);
    if (err < 0) {
        return err;
    }
    uint32_t segments = topic->ring.segment_count;
    err = rt_ring_extend(&topic->ring, publication->core->now_ms, &record);
    if (err == 0) {
        publication->extents += topic->ring.segment_count - segments;
        publication->sequence++;
        publication->bytes += event->payload.len;
    }
    return err;
}

static int add(struct rt_publication *publication, const struct rt_event *event)
{
    uint32_t number = find_part(publication, event->topic);
    int err = number == publication->part_count
                  ? begin_part(publication, event->topic)
                  : 0;
    if (err == 0) {
        publication->last_part = number;
        err = extend(publication, publication->parts[number].topic, event);
    }
    return err;
}

int rt_publication_add(struct rt_publication *publication,
                       const struct rt_event *event)
{
    int err = add(publication, event);
    while (RT_UNLIKELY(err == RT_ENOMEM) &&
           rt_core_relieve(publication->core)) {
        err = add(publication, event);
    }
    if (err == RT_ENOMEM) {
        publication->core->counters.events_refused++;
    }
    return err;
}

/* --- the end --- */

static uint64_t last_sequence(const struct rt_publication_part *part)
{
    return part->topic->ring.sequence;
}

/* Of the parts whose last event comes after `sequence`, the one where it comes
 * first; NULL if there are no more. */
static struct rt_publication_part *next_part(struct rt_publication *publication,
                                             uint64_t sequence)
{
    struct rt_publication_part *next = NULL;
    for (uint32_t i = 0; i < publication->part_count; i++) {
        struct rt_publication_part *part = &publication->parts[i];
        if (last_sequence(part) > sequence &&
            (next == NULL || last_sequence(part) < last_sequence(next))) {
            next = part;
        }
    }
    return next;
}

/* In the order of their last events, as if these had just been appended. */
static void mark_topics(struct rt_publication *publication)
{
    uint64_t sequence = publication->core->sequence;
    struct rt_publication_part *part = next_part(publication, sequence);
    while (part != NULL) {
        part->topic->touched_ms = publication->core->now_ms;
        rt_topic_mark(part->topic, part->mark.next_offset);
        rt_journal_mark(part->topic, part->mark.next_offset);
        part = next_part(publication, last_sequence(part));
    }
}

/* Before the ring drops what is too much, those who have kept up get it. */
static void drop_surplus(struct rt_topic *topic)
{
    const struct rt_ring *ring = &topic->ring;
    uint64_t earliest = rt_ring_earliest(ring);
    if (rt_ring_endangers(ring, earliest, topic->core->now_ms, 0)) {
        rt_topic_protect(topic, 0);
        rt_journal_protect(topic, 0);
        rt_ring_enforce(&topic->ring);
        rt_followers_mark(topic);
    }
}

static struct rt_receipt receipt_of(const struct rt_publication_part *part)
{
    const struct rt_topic *topic = part->topic;
    uint64_t latest = rt_ring_latest(&topic->ring);
    struct rt_receipt receipt = rt_topic_receipt(topic, latest);
    receipt.first = rt_topic_cursor(topic, part->mark.next_offset).offset;
    receipt.count = (uint32_t)(latest + 1 - part->mark.next_offset);
    return receipt;
}

void rt_publication_commit(struct rt_publication *publication,
                           struct rt_receipt *receipts)
{
    struct rt_core *core = publication->core;
    mark_topics(publication);
    core->counters.events_produced += publication->sequence - core->sequence;
    core->counters.bytes_produced += publication->bytes;
    core->sequence = publication->sequence;
    for (uint32_t i = 0; i < publication->part_count; i++) {
        drop_surplus(publication->parts[i].topic);
        receipts[i] = receipt_of(&publication->parts[i]);
    }
}

void rt_publication_abandon(struct rt_publication *publication)
{
    for (uint32_t i = 0; i < publication->part_count; i++) {
        struct rt_publication_part *part = &publication->parts[i];
        rt_ring_rewind(&part->topic->ring, &part->mark);
        if (part->is_new) {
            rt_topic_destroy(part->topic);
        }
    }
    publication->part_count = 0;
}
