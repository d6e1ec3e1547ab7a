/* Selectors, and which topics they mean. */
#include <string.h>

#include "tests/simulator/world.h"

/* Whether a pattern has a topic, token by token. */
static bool has(const char *pattern, const char *topic)
{
    size_t pattern_len = strcspn(pattern, ".,");
    size_t topic_len = strcspn(topic, ".");
    bool is_any = strncmp(pattern, "*", pattern_len) == 0;
    if (pattern[0] == '>') {
        return true;
    }
    if (!is_any &&
        (pattern_len != topic_len || memcmp(pattern, topic, topic_len) != 0)) {
        return false;
    }
    bool pattern_goes_on = pattern[pattern_len] == '.';
    bool topic_goes_on = topic[topic_len] == '.';
    return pattern_goes_on && topic_goes_on
               ? has(pattern + pattern_len + 1, topic + topic_len + 1)
               : pattern_goes_on == topic_goes_on;
}

static bool selects(const char *selector, const char *topic)
{
    while (selector != NULL) {
        if ((topic[0] != '$' || selector[0] == '$') && has(selector, topic)) {
            return true;
        }
        selector = strchr(selector, ',');
        selector = selector == NULL ? NULL : selector + 1;
    }
    return false;
}

/* Whether one of the patterns is the topic itself. */
static bool names(const char *selector, const char *topic)
{
    while (selector != NULL) {
        size_t len = strcspn(selector, ",");
        if (len == strlen(topic) && memcmp(selector, topic, len) == 0) {
            return true;
        }
        selector = selector[len] == '\0' ? NULL : selector + len + 1;
    }
    return false;
}

/* Half of all read one topic, if not all the same. */
static void choose_topic(struct reader *reader)
{
    struct world *world = reader->world;
    uint32_t count = world->habits.is_alike ? 1 : world->habits.topic_count;
    if (one_in(world, 2)) {
        reader->topic = &world->topics[below(world, count)];
        reader->selector = reader->topic->name.data;
    }
}

/* What is to be done at a gap. Several topics have no word to end with, and of
 * one that reads them in silence nobody can say how many gaps it had. */
static enum rt_gap_policy choose_policy(const struct reader *reader)
{
    struct world *world = reader->world;
    if (reader->topic != NULL) {
        return (enum rt_gap_policy)below(world, 3);
    }
    return world->habits.is_silent ? RT_GAP_SKIP : RT_GAP_TELL;
}

/* In what format, and without which events. One that skips a gap of its topic
 * is known by its cursor alone to have done so: it gets its own events. */
static void choose_way(struct reader *reader)
{
    struct world *world = reader->world;
    enum rt_gap_policy policy = choose_policy(reader);
    bool is_known = reader->topic == NULL || policy != RT_GAP_SKIP;
    bool skips_own = is_known && one_in(world, 3);
    reader->format = world->habits.is_alike
                         ? RT_FORMAT_JSON
                         : (enum rt_format)(1 + below(world, 3));
    reader->owner = skips_own ? 1 + below(world, OWNER_MAX) : 0;
    reader->subscriber.gap = (uint8_t)policy;
    reader->subscriber.skips_own = skips_own;
}

void reader_choose(struct reader *reader)
{
    static const char *const selectors[] = {
        ">",       "*",        "a.*",     "a.>",      "a,b",     "a,a.b,a.b.c",
        "b,*.b",   "*.*,a.0",  "*.*.*,b", "$s.*,a.*", "$s.>,ab", "0,A,a-b,~,ab",
        "a.b.c.>", "none,*.0", "*,*.>",   "a.*,a.b,b"};
    struct world *world = reader->world;
    uint32_t count = world->habits.is_alike ? 1 : RT_ARRAY_LENGTH(selectors);
    reader->selector = selectors[below(world, count)];
    choose_topic(reader);
    choose_way(reader);
    for (int i = 0; i < TOPIC_MAX; i++) {
        const char *topic = world->topics[i].name.data;
        reader->has[i] = selects(reader->selector, topic);
        reader->names[i] = names(reader->selector, topic);
    }
}

static int pattern_count(const char *selector)
{
    int count = 0;
    while (selector != NULL) {
        selector = strchr(selector, ',');
        selector = selector == NULL ? NULL : selector + 1;
        count++;
    }
    return count;
}

bool reader_is_over(const struct reader *reader)
{
    int closed = 0;
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct topic *topic = &reader->world->topics[i];
        closed += reader->names[i] && topic->exists && topic->is_closed;
    }
    return closed == pattern_count(reader->selector);
}

void reader_touch(const struct reader *reader)
{
    struct world *world = reader->world;
    for (int i = 0; i < TOPIC_MAX; i++) {
        if (reader->names[i]) {
            world->topics[i].touched_ms = world->now_ms;
        }
    }
}
