#include "broker/core/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define ITEM_COUNT 400
#define TEXT_MAX   40

struct item {
    struct rt_matcher_entry entry;
    char text[TEXT_MAX];
    struct rt_bytes pattern;
    unsigned found;
};

static void count_found(struct rt_matcher_entry *entry, void *context)
{
    RT_CONTAINER(entry, struct item, entry)->found++;
    (*(unsigned *)context)++;
}

/* How many entries' patterns have the topic. */
static unsigned count_matches(const struct rt_matcher *matcher,
                              const char *topic)
{
    unsigned count = 0;
    rt_matcher_match(matcher, rt_bytes_of(topic), count_found, &count);
    return count;
}

static void add(struct rt_matcher *matcher, struct item *item, const char *text)
{
    *item = (struct item){.pattern = rt_bytes_of(text)};
    EXPECT_INT(rt_matcher_add(matcher, item->pattern, &item->entry), 0);
}

/* Whether exactly this topic finds the item, and once. */
static bool
finds(const struct rt_matcher *matcher, struct item *item, const char *topic)
{
    item->found = 0;
    (void)count_matches(matcher, topic);
    EXPECT(item->found <= 1);
    return item->found == 1;
}

TEST("a matcher without entries finds none and holds no memory")
{
    struct rt_heap heap;
    struct rt_matcher matcher;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    EXPECT_INT(count_matches(&matcher, "a.b"), 0);
    EXPECT_INT(count_matches(&matcher, "$a"), 0);
    EXPECT_INT(heap.used, 0);
}

TEST("a topic finds the patterns that have it")
{
    static const char *const patterns[] = {"a.b", "a.*", "*.b", "a.>",
                                           ">",   "*",   "a",   "a.b.c"};
    static struct item items[RT_ARRAY_LENGTH(patterns)];
    struct rt_heap heap;
    struct rt_matcher matcher;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(patterns); i++) {
        add(&matcher, &items[i], patterns[i]);
    }
    EXPECT_INT(count_matches(&matcher, "a.b"), 5);
    EXPECT_INT(count_matches(&matcher, "a"), 3);
    EXPECT_INT(count_matches(&matcher, "a.b.c"), 3);
    EXPECT_INT(count_matches(&matcher, "b.a"), 1);
    EXPECT(finds(&matcher, &items[2], "c.b"));
    EXPECT(!finds(&matcher, &items[3], "a"));
    EXPECT(!finds(&matcher, &items[0], "a.bb"));
    for (size_t i = 0; i < RT_ARRAY_LENGTH(patterns); i++) {
        rt_matcher_remove(&matcher, &items[i].entry);
    }
    EXPECT_INT(heap.used, 0);
}

TEST("many may subscribe to the same pattern, and each is found once")
{
    struct rt_heap heap;
    struct rt_matcher matcher;
    static struct item items[3];
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    add(&matcher, &items[0], "*.>");
    size_t used = heap.used;
    add(&matcher, &items[1], "*.>");
    add(&matcher, &items[2], "*.>");
    EXPECT_INT(heap.used, used);
    EXPECT_INT(count_matches(&matcher, "a.b"), 3);
    rt_matcher_remove(&matcher, &items[1].entry);
    EXPECT_INT(count_matches(&matcher, "a.b"), 2);
    rt_matcher_remove(&matcher, &items[0].entry);
    rt_matcher_remove(&matcher, &items[2].entry);
    EXPECT_INT(heap.used, 0);
}

TEST("an entry is removed once, and may then be added again")
{
    struct rt_heap heap;
    struct rt_matcher matcher;
    static struct item item;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    add(&matcher, &item, "a.b");
    rt_matcher_remove(&matcher, &item.entry);
    rt_matcher_remove(&matcher, &item.entry);
    EXPECT_INT(rt_matcher_add(&matcher, RT_BYTES("c"), &item.entry), 0);
    EXPECT(finds(&matcher, &item, "c"));
    EXPECT(!finds(&matcher, &item, "a.b"));
    rt_matcher_remove(&matcher, &item.entry);
    EXPECT_INT(heap.used, 0);
}

TEST("what goes with a pattern leaves those that begin alike")
{
    struct rt_heap heap;
    struct rt_matcher matcher;
    static struct item shorter;
    static struct item longer;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    add(&matcher, &shorter, "a.*");
    add(&matcher, &longer, "a.*.b.c");
    rt_matcher_remove(&matcher, &shorter.entry);
    EXPECT(finds(&matcher, &longer, "a.x.b.c"));
    add(&matcher, &shorter, "a.*");
    rt_matcher_remove(&matcher, &longer.entry);
    EXPECT(finds(&matcher, &shorter, "a.x"));
    rt_matcher_remove(&matcher, &shorter.entry);
    EXPECT_INT(heap.used, 0);
}

TEST("wildcards at the root do not find the broker's own topics")
{
    static const char *const patterns[] = {">", "*", "*.load", "*.>"};
    static struct item items[RT_ARRAY_LENGTH(patterns)];
    static struct item own;
    struct rt_heap heap;
    struct rt_matcher matcher;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(patterns); i++) {
        add(&matcher, &items[i], patterns[i]);
    }
    EXPECT_INT(count_matches(&matcher, "$sys"), 0);
    EXPECT_INT(count_matches(&matcher, "$sys.load"), 0);
    add(&matcher, &own, "$sys.*");
    EXPECT_INT(count_matches(&matcher, "$sys.load"), 1);
    EXPECT_INT(count_matches(&matcher, "$sys"), 0);
    rt_matcher_remove(&matcher, &own.entry);
    add(&matcher, &own, "$sys");
    EXPECT(finds(&matcher, &own, "$sys"));
    rt_matcher_remove(&matcher, &own.entry);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(patterns); i++) {
        rt_matcher_remove(&matcher, &items[i].entry);
    }
    EXPECT_INT(heap.used, 0);
}

/* A topic of as many tokens as there can be, or a pattern as long. */
static void fill_tokens(char *text, char token)
{
    for (size_t i = 0; i < 2 * RT_TOPIC_TOKENS_MAX - 1; i++) {
        text[i] = i % 2 == 0 ? token : '.';
    }
    text[2 * RT_TOPIC_TOKENS_MAX - 1] = '\0';
}

/* Each pattern is the one before with one `*` more, so that every token of the
 * topic leaves a branch to come back to. */
TEST("the most tokens with a branch at each of them are gone through")
{
    static struct item items[RT_TOPIC_TOKENS_MAX + 1];
    char topic[RT_TOPIC_BYTES_MAX];
    char pattern[RT_TOPIC_BYTES_MAX];
    struct rt_heap heap;
    struct rt_matcher matcher;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    fill_tokens(topic, 'a');
    for (size_t i = 0; i < RT_ARRAY_LENGTH(items); i++) {
        memcpy(pattern, topic, sizeof(pattern));
        if (i < RT_TOPIC_TOKENS_MAX) {
            pattern[2 * i] = '*';
        }
        add(&matcher, &items[i], pattern);
    }
    EXPECT_INT(count_matches(&matcher, topic), RT_ARRAY_LENGTH(items));
    for (size_t i = 0; i < RT_ARRAY_LENGTH(items); i++) {
        rt_matcher_remove(&matcher, &items[i].entry);
    }
    EXPECT_INT(heap.used, 0);
}

TEST("an add that finds no memory leaves the matcher as it was")
{
    static struct item kept;
    static struct item item;
    struct test_heap heap;
    struct rt_matcher matcher;
    test_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap.heap);
    add(&matcher, &kept, "a.b");
    size_t used = heap.heap.used;
    int err = RT_ENOMEM;
    uint64_t k = 0;
    while (err != 0) {
        test_heap_fail_at(&heap, ++k);
        item = (struct item){.found = 0};
        err = rt_matcher_add(&matcher, RT_BYTES("a.c.*.d.>"), &item.entry);
        EXPECT(err == 0 || (err == RT_ENOMEM && heap.heap.used == used));
        EXPECT(finds(&matcher, &kept, "a.b"));
        EXPECT_INT(finds(&matcher, &item, "a.c.x.d.e"), err == 0);
    }
    EXPECT_INT(k, 5); /* three nodes, and one in the tree of a's children */
    rt_matcher_remove(&matcher, &item.entry);
    EXPECT_INT(heap.heap.used, used);
    rt_matcher_remove(&matcher, &kept.entry);
    EXPECT_INT(heap.heap.used, 0);
}

TEST("the first add that finds no memory leaves nothing")
{
    struct test_heap heap;
    struct rt_matcher matcher;
    static struct item item;
    test_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap.heap);
    for (uint64_t k = 1; k <= 3; k++) {
        test_heap_fail_at(&heap, k);
        EXPECT_INT(rt_matcher_add(&matcher, RT_BYTES("a.b"), &item.entry),
                   RT_ENOMEM);
        EXPECT_INT(heap.heap.used, 0);
        EXPECT_INT(count_matches(&matcher, "a.b"), 0);
    }
}

TEST("what is kept in reserve is not for patterns")
{
    struct rt_heap heap;
    struct rt_matcher matcher;
    static struct item item;
    rt_heap_init(&heap, 4096);
    heap.reserve = 4096;
    rt_matcher_init(&matcher, &heap);
    EXPECT_INT(rt_matcher_add(&matcher, RT_BYTES("a"), &item.entry), RT_ENOMEM);
    heap.reserve = 0;
    EXPECT_INT(rt_matcher_add(&matcher, RT_BYTES("a"), &item.entry), 0);
    rt_matcher_remove(&matcher, &item.entry);
}

/* One to five tokens, of few, so that patterns and topics often agree. */
static struct rt_bytes make_text(char *memory, bool is_pattern)
{
    static const char *const tokens[] = {"a", "b", "ab", "$s", "*", ">"};
    struct rt_writer writer;
    int left = rand() % 5 + 1;
    bool is_first = true;
    rt_writer_init(&writer, memory, TEXT_MAX);
    while (left > 0) {
        int choice = rand() % (is_pattern ? 6 : 4);
        choice = choice == 3 && !is_first ? 0 : choice;
        rt_write_bytes(&writer, is_first ? RT_BYTES("") : RT_BYTES("."));
        rt_write_bytes(&writer, rt_bytes_of(tokens[choice]));
        left = choice == 5 ? 0 : left - 1;
        is_first = false;
    }
    return rt_writer_bytes(&writer);
}

static void toggle(struct rt_matcher *matcher, struct item *item)
{
    if (item->entry.node != NULL) {
        rt_matcher_remove(matcher, &item->entry);
        return;
    }
    item->pattern = make_text(item->text, true);
    EXPECT_INT(rt_matcher_add(matcher, item->pattern, &item->entry), 0);
}

static void compare(const struct rt_matcher *matcher, struct item *items)
{
    char memory[TEXT_MAX];
    struct rt_bytes topic = make_text(memory, false);
    unsigned count = 0;
    for (int i = 0; i < ITEM_COUNT; i++) {
        items[i].found = 0;
    }
    rt_matcher_match(matcher, topic, count_found, &count);
    for (int i = 0; i < ITEM_COUNT; i++) {
        bool expected = items[i].entry.node != NULL &&
                        rt_pattern_matches(items[i].pattern, topic);
        EXPECT_INT(items[i].found, expected);
    }
}

TEST("a matcher agrees with a plain list under random adds and removals")
{
    static struct item items[ITEM_COUNT];
    struct rt_heap heap;
    struct rt_matcher matcher;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    srand(1);
    for (int step = 0; step < 20000; step++) {
        toggle(&matcher, &items[rand() % ITEM_COUNT]);
        compare(&matcher, items);
    }
    for (int i = 0; i < ITEM_COUNT; i++) {
        rt_matcher_remove(&matcher, &items[i].entry);
    }
    EXPECT_INT(heap.used, 0);
}
