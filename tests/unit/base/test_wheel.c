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

TEST("an entry is due never early and at most one tick late")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item item;
    set(&wheel, &item, 3);
    rt_wheel_advance(&wheel, 3, on_due, NULL);
    EXPECT_INT(item.due, 0);
    rt_wheel_advance(&wheel, 4, on_due, NULL);
    EXPECT_INT(item.due, 1);
    rt_wheel_advance(&wheel, 400, on_due, NULL);
    EXPECT_INT(item.due, 1);
}

TEST("a deadline beyond one round waits for its round")
{
    struct rt_wheel wheel;
    rt_wheel_init(&wheel);
    struct item item;
    set(&wheel, &item, 3 * RT_WHEEL_SLOTS);
    for (uint32_t now = 1; now <= 3 * RT_WHEEL_SLOTS; now++) {
        rt_wheel_advance(&wheel, now, on_due, NULL);
        EXPECT_INT(item.due, 0);
    }
    rt_wheel_advance(&wheel, 3 * RT_WHEEL_SLOTS + 1, on_due, NULL);
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
    rt_wheel_advance(&wheel, 100000, on_due, NULL);
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
    rt_wheel_advance(&wheel, 1000, on_due, NULL);
    EXPECT_INT(item.due, 0);
    rt_wheel_visit(&wheel, on_due, NULL);
    EXPECT_INT(item.due, 1);
    rt_wheel_cancel(&item.entry);
    rt_wheel_visit(&wheel, on_due, NULL);
    EXPECT_INT(item.due, 1);
}
