/* What there is for a subscriber of several topics, and what is missing. */
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "protocol/format.h"
#include "protocol/notice.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/noise.h"

/* Which of the world's topics each has, a bit for each. */
static const struct {
    const char *text;
    uint32_t topics;
} selectors[SELECTOR_COUNT] = {
    {">", 0xf}, {"*", 0xb}, {"a,b", 0x3}, {"a.*,b", 0x6}, {"a,b,a.b,~", 0xf}};

void several_selector(const struct several *several,
                      struct rt_selector *selector)
{
    struct rt_refusal refusal;
    struct rt_bytes text = rt_bytes_of(selectors[several->selector].text);
    EXPECT_INT(rt_selector_parse(text, selector, &refusal), 0);
}

static bool has(const struct several *several, uint32_t topic)
{
    return topic < several->world->habits.topic_count &&
           (selectors[several->selector].topics >> topic & 1) != 0;
}

/* --- in the order of the node --- */

static void earlier(struct item *item, struct item other)
{
    if (item->sequence == 0 || other.sequence < item->sequence) {
        *item = other;
    }
}

/* The end of a topic is known to the core alone where it was before a start. */
static uint64_t end_of(const struct world *world,
                       const struct truth_topic *topic)
{
    return topic->now.is_closed ? world_find(world, topic)->closed_sequence : 0;
}

static void look_at(const struct several *several,
                    struct truth_topic *topic,
                    uint64_t sequence,
                    struct item *item)
{
    uint64_t end = end_of(several->world, topic);
    if (end > sequence) {
        earlier(item, (struct item){topic, topic->now.era, NULL, end});
    }
    for (uint32_t i = 0; i < topic->era_count; i++) {
        const struct event *event = truth_after(&topic->eras[i], sequence);
        if (event != NULL) {
            earlier(item, (struct item){topic, i, event, event->sequence});
        }
    }
}

bool several_next(const struct several *several,
                  uint64_t sequence,
                  struct item *item)
{
    *item = (struct item){.sequence = 0};
    for (uint32_t i = 0; i < TRUTH_TOPIC_MAX; i++) {
        if (has(several, i)) {
            look_at(several, &several->world->topics[i], sequence, item);
        }
    }
    return item->sequence > 0;
}

struct rt_bytes several_encode(const struct several *several,
                               const struct item *item)
{
    static char memory[RT_NOTICE_BYTES_MAX];
    struct rt_writer writer;
    struct rt_cursor resume = {several->world->core.epoch, item->sequence};
    if (item->event != NULL) {
        return truth_encode(item->topic, &item->topic->eras[item->era],
                            item->event, several->format, &resume);
    }
    struct rt_notice notice = {
        .kind = RT_NOTICE_CLOSED,
        .topic = item->topic->name,
        .cursor = rt_topic_latest(world_find(several->world, item->topic)),
        .has_resume = true,
        .resume = resume};
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_notice_write(&writer, several->format, &notice);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

/* --- what is missing --- */

static bool is_told(const struct several *several, const struct item *item)
{
    const struct told *told =
        &several->told[item->topic - several->world->topics];
    return item->era < told->era ||
           (item->era == told->era && item->event->offset <= told->offset);
}

bool several_is_there(const struct several *several, const struct item *item)
{
    return item->event != NULL &&
           world_has(several->world, item->topic, &item->topic->eras[item->era],
                     item->event);
}

bool several_sees(const struct several *several, const struct item *item)
{
    return !several->subscriber.is_durable ||
           item->sequence <= several->world->journal.sequence;
}

/* Who does not want to be told lacks it as well. */
static bool is_damaged(const struct several *several, const struct item *item)
{
    size_t place = (size_t)(item->topic - several->world->topics);
    return several->told[place].is_damaged ||
           (several->world->is_flipped &&
            several->subscriber.gap == RT_GAP_SKIP);
}

/* An end counts only until the topic is open again; and what an end of the
 * process has cost is nothing that there is. */
bool several_may_lack(const struct several *several, const struct item *item)
{
    if (item->event == NULL || item->event->fate == FATE_LOST ||
        item->event->wall_ms < several->since_ms ||
        item->sequence <= several->refused || is_damaged(several, item)) {
        return true;
    }
    bool is_known =
        several->subscriber.gap == RT_GAP_SKIP || several->is_at_start ||
        item->sequence <= several->told_of_any || is_told(several, item);
    return is_known && !several_is_there(several, item);
}

/* A gap without a topic is of all that is lost by then, of any: also of what a
 * disk that fails never got, behind events that it has. */
static void tell_lost(struct several *several)
{
    const struct rt_selection *selection =
        several->subscriber.stream->selection;
    uint64_t lost = selection->lost_sequence > selection->damaged_sequence
                        ? selection->lost_sequence
                        : selection->damaged_sequence;
    if (several->told_of_any < lost) {
        several->told_of_any = lost;
    }
}

/* Of what a bit has cost the topic may not be known, either. */
static void tell_unread(struct several *several)
{
    if (several->world->is_flipped && several->refused < several->told_of_any) {
        several->refused = several->told_of_any;
    }
}

void several_tell(struct several *several, const struct rt_gap *gap)
{
    struct world *world = several->world;
    for (uint32_t i = 0; i < world->habits.topic_count; i++) {
        struct truth_topic *topic = &world->topics[i];
        if (has(several, i) && rt_bytes_equal(topic->name, gap->topic)) {
            uint32_t era = truth_era(topic, gap->next.epoch);
            bool is_damaged = gap->reason == RT_CLOSE_EVENTS_LOST;
            EXPECT(!is_damaged || world->is_flipped);
            several->told[i] =
                (struct told){era, gap->next.offset - 1, is_damaged};
            return;
        }
    }
    EXPECT(gap->topic.len == 0);
    several_tell_all(several);
    tell_lost(several);
    tell_unread(several);
}

/* It may be what it waited for, or all that it knows of no more. */
void several_tell_damage(struct several *several, const struct rt_gap *gap)
{
    const struct rt_subscriber *subscriber = &several->subscriber;
    if (subscriber->stream->selection->damaged_sequence > 0 &&
        subscriber->lag->drops == several->world->core.drops) {
        several_tell(several, gap);
    }
}

void several_tell_all(struct several *several)
{
    const struct world *world = several->world;
    several->told_of_any = world->core.removed.sequence;
    for (uint32_t i = 0; i < world->habits.topic_count; i++) {
        const struct truth_topic *topic = &world->topics[i];
        const struct rt_topic *found = world_find(world, topic);
        several->told[i] = (struct told){.era = topic->now.era};
        if (found != NULL) {
            several->told[i].offset =
                rt_history_earliest(found) - found->base - 1;
        }
    }
}
