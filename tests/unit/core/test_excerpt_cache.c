#include "broker/core/excerpt_cache.h"

#include "tests/support/sink.h"

#define CAPACITY ((size_t)24 * 1024)

static const struct rt_retention roomy = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

static struct test_core node;
static struct rt_excerpt_cache cache;

/* Whose they are is all that the cache asks. */
static const struct rt_selection *selections[] = {
    (const struct rt_selection *)&node, (const struct rt_selection *)&cache};

static void begin(void)
{
    test_core_init(&node, roomy);
    rt_excerpt_cache_init(&cache, &node.core);
}

static void end(void)
{
    node.heap.heap.limit = SIZE_MAX;
    rt_excerpt_cache_finish(&cache);
    test_core_finish(&node);
}

/* Keeps an excerpt of ten numbers, of which every other one is an event. */
static struct rt_excerpt *keep(int selection, uint64_t first)
{
    struct rt_excerpt *excerpt = rt_excerpt_cache_take(&cache, 5);
    EXPECT(excerpt != NULL);
    excerpt->selection = selections[selection];
    excerpt->first = first;
    excerpt->end = first + 10;
    excerpt->segment = rt_segment_create(&node.core.store, CAPACITY);
    EXPECT(excerpt->segment != NULL);
    for (uint32_t i = 0; i < 5; i++) {
        excerpt->events[i] =
            (struct rt_excerpt_event){.sequence = first + 1 + 2 * i};
    }
    rt_excerpt_cache_keep(&cache, excerpt);
    return excerpt;
}

static const struct rt_excerpt *find(int selection, uint64_t sequence)
{
    return rt_excerpt_cache_find(&cache, selections[selection], sequence);
}

static size_t size_of_one(void)
{
    (void)keep(0, 1);
    size_t size = cache.bytes;
    rt_excerpt_cache_forget(&cache, selections[0], UINT64_MAX);
    EXPECT_INT(cache.bytes, 0);
    return size;
}

TEST(
    "a number is found in the excerpt of its selection, if it is an event's or "
    "not")
{
    begin();
    const struct rt_excerpt *first = keep(0, 101);
    const struct rt_excerpt *second = keep(0, 111);
    EXPECT(find(0, 100) == NULL);
    EXPECT(find(0, 101) == first);
    EXPECT(find(0, 110) == first);
    EXPECT(find(0, 111) == second);
    EXPECT(find(0, 121) == NULL);
    EXPECT(find(1, 101) == NULL);
    end();
}

TEST("an event's place is that of the first one from a number on")
{
    begin();
    const struct rt_excerpt *excerpt = keep(0, 101);
    EXPECT_INT(rt_excerpt_place(excerpt, 101), 0);
    EXPECT_INT(rt_excerpt_place(excerpt, 102), 0);
    EXPECT_INT(rt_excerpt_place(excerpt, 103), 1);
    EXPECT_INT(rt_excerpt_place(excerpt, 110), 4);
    EXPECT_INT(rt_excerpt_place(excerpt, 111), 5);
    end();
}

TEST("the excerpt that was looked at longest ago makes room for another")
{
    begin();
    size_t size = size_of_one();
    node.heap.heap.limit = 2 * size * RT_EXCERPTS_PART;
    const struct rt_excerpt *first = keep(0, 101);
    (void)keep(0, 111);
    EXPECT(find(0, 101) == first);
    rt_excerpt_cache_make_room(&cache, size);
    EXPECT(find(0, 101) == first);
    EXPECT(find(0, 111) == NULL);
    EXPECT_INT(cache.bytes, size);
    rt_excerpt_cache_make_room(&cache, 3 * size);
    EXPECT(find(0, 101) == first); /* the last one stays */
    end();
}

TEST("there are so many excerpts at most, however small they are")
{
    begin();
    for (uint64_t i = 0; i < 2 * RT_EXCERPTS_MAX; i++) {
        rt_excerpt_cache_make_room(&cache, 1);
        (void)keep(0, 1 + 10 * i);
        EXPECT(cache.count <= RT_EXCERPTS_MAX);
    }
    EXPECT_INT(cache.count, RT_EXCERPTS_MAX);
    end();
}

TEST("what nobody looks at goes, and a selection's own when it is forgotten")
{
    begin();
    (void)keep(0, 101);
    (void)keep(1, 101);
    test_core_pass_time(&node, RT_EXCERPT_IDLE_MS);
    EXPECT(find(1, 105) != NULL);
    test_core_pass_time(&node, 1);
    rt_excerpt_cache_trim(&cache);
    EXPECT(find(0, 101) == NULL);
    EXPECT(find(1, 101) != NULL);
    rt_excerpt_cache_forget(&cache, selections[0], UINT64_MAX);
    EXPECT(find(1, 101) != NULL);
    rt_excerpt_cache_forget(&cache, selections[1], UINT64_MAX);
    EXPECT_INT(cache.count, 0);
    end();
}

TEST("what begins behind a number stays when what is before it is forgotten")
{
    begin();
    (void)keep(0, 101);
    (void)keep(0, 111);
    (void)keep(0, 121);
    rt_excerpt_cache_forget(&cache, selections[0], 111);
    EXPECT(find(0, 101) == NULL);
    EXPECT(find(0, 111) == NULL);
    EXPECT(find(0, 121) != NULL);
    rt_excerpt_cache_forget(&cache, selections[0], 120);
    EXPECT(find(0, 121) != NULL);
    end();
}

TEST("without memory there is no excerpt")
{
    begin();
    node.heap.heap.limit = node.heap.heap.used;
    EXPECT(rt_excerpt_cache_take(&cache, 5) == NULL);
    end();
}
