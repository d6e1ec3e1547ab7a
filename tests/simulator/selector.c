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

void reader_choose(struct reader *reader)
{
    static const char *const selectors[] = {
        ">",       "*",        "a.*",     "a.>",      "a,b", "a,a.b,a.b.c",
        "b,*.b",   "*.*,a.0",  "*.*.*,b", "$s,a.*",   "$s",  "0,A,a-b,~,ab",
        "a.b.c.>", "none,*.0", "*,*.>",   "a.*,a.b,b"};
    struct world *world = reader->world;
    uint32_t count = world->habits.is_alike ? 2 : RT_ARRAY_LENGTH(selectors);
    reader->selector = selectors[below(world, count)];
    reader->format = world->habits.is_alike
                         ? RT_FORMAT_JSON
                         : (enum rt_format)(1 + below(world, 3));
    for (int i = 0; i < TOPIC_MAX; i++) {
        reader->has[i] = selects(reader->selector, world->topics[i].name.data);
    }
}
