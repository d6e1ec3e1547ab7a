#include "base/wheel.h"

#include "tests/support/test.h"

struct item {
    struct rt_wheel_entry entry;
    struct rt_wheel *wheel;
    uint32_t again;
    int due;
};

static void on_due(struct rt_wheel_entry *entry, void *context)
{
    struct item *item = RT_CONTAINER(entry, struct item, entry);
    (void)context;
    item->due++;
    if (item->again > 0) {
        rt_wheel_set(item->wheel, entry, item->again);
    }
}

static void set(struct rt_wheel *wheel, struct item *item, uint32_t ticks)
{
    *item = (struct item){.wheel = wheel};
    rt_wheel_entry_init(&item->entry);
    rt_wheel_set(wheel, &item->entry, ticks);
}

static void pass(struct rt_wheel *wheel, uint32_t now)
{
    rt_wheel_advance(wheel, now);
    rt_wheel_run(wheel, UINT32_MAX, on_due, NULL);
}

TEST("an entry is due never early and at most one tick late")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item item;
    set(&wheel, &item, 3);
    pass(&wheel, 3);
    EXPECT_INT(item.due, 0);
    pass(&wheel, 4);
    EXPECT_INT(item.due, 1);
    pass(&wheel, 400);
    EXPECT_INT(item.due, 1);
}

TEST("a deadline beyond one round waits for its round")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item item;
    set(&wheel, &item, 3 * RT_WHEEL_SLOTS);
    for (uint32_t now = 1; now <= 3 * RT_WHEEL_SLOTS; now++) {
        pass(&wheel, now);
        EXPECT_INT(item.due, 0);
    }
    pass(&wheel, 3 * RT_WHEEL_SLOTS + 1);
    EXPECT_INT(item.due, 1);
}

TEST("after a long sleep everything overdue is due once")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item items[100];
    for (uint32_t i = 0; i < 100; i++) {
        set(&wheel, &items[i], i);
        items[i].again = 50;
    }
    pass(&wheel, 100000);
    for (int i = 0; i < 100; i++) {
        EXPECT_INT(items[i].due, 1);
    }
}

TEST("an entry without a deadline is visited but never due")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item item;
    set(&wheel, &item, RT_WHEEL_NEVER);
    pass(&wheel, 1000);
    EXPECT_INT(item.due, 0);
    rt_wheel_visit(&wheel, on_due, NULL);
    EXPECT_INT(item.due, 1);
    rt_wheel_cancel(&item.entry);
    rt_wheel_visit(&wheel, on_due, NULL);
    EXPECT_INT(item.due, 1);
}

TEST("what is due is run in parts, but for what is set or cancelled meanwhile")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item items[5];
    for (uint32_t i = 0; i < 5; i++) {
        set(&wheel, &items[i], 1);
    }
    rt_wheel_advance(&wheel, 2);
    rt_wheel_run(&wheel, 2, on_due, NULL);
    EXPECT_INT(items[1].due, 1);
    EXPECT_INT(items[2].due, 0);
    rt_wheel_cancel(&items[2].entry);
    rt_wheel_set(&wheel, &items[3].entry, 9);
    EXPECT(rt_wheel_is_due(&wheel));
    rt_wheel_run(&wheel, 2, on_due, NULL);
    EXPECT(!rt_wheel_is_due(&wheel));
    EXPECT_INT(items[2].due + items[3].due, 0);
    EXPECT_INT(items[4].due, 1);
}

TEST("what is due and has not been run is visited as well")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item item;
    set(&wheel, &item, 1);
    rt_wheel_advance(&wheel, 2);
    rt_wheel_visit(&wheel, on_due, NULL);
    EXPECT_INT(item.due, 1);
    EXPECT(rt_wheel_is_due(&wheel));
}
