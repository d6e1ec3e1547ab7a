#include "base/wheel.h"

void rt_wheel_init(struct rt_wheel *wheel)
{
    for (int i = 0; i < RT_WHEEL_SLOTS; i++) {
        rt_list_init(&wheel->slots[i]);
    }
    wheel->now = 0;
    wheel->visited = 0;
}

void rt_wheel_entry_init(struct rt_wheel_entry *entry)
{
    rt_list_init(&entry->link);
    entry->deadline = RT_WHEEL_NEVER;
}

static void put(struct rt_wheel *wheel, struct rt_wheel_entry *entry)
{
    rt_list_remove(&entry->link);
    rt_list_append(&wheel->slots[entry->deadline % RT_WHEEL_SLOTS],
                   &entry->link);
}

void rt_wheel_set(struct rt_wheel *wheel,
                  struct rt_wheel_entry *entry,
                  uint32_t ticks)
{
    /* One tick more: the current one has partly passed already. */
    entry->deadline = ticks >= RT_WHEEL_NEVER - wheel->now - 1
                          ? RT_WHEEL_NEVER
                          : wheel->now + ticks + 1;
    put(wheel, entry);
}

void rt_wheel_cancel(struct rt_wheel_entry *entry)
{
    rt_list_remove(&entry->link);
}

/*
 * The slot is emptied first and entries go back one by one, so whatever `due`
 * does to the wheel, each entry is looked at once.
 */
static void visit_slot(struct rt_wheel *wheel,
                       struct rt_list *slot,
                       uint32_t deadline_max,
                       rt_wheel_due_fn due,
                       void *context)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, slot);
    while (!rt_list_is_empty(&waiting)) {
        struct rt_wheel_entry *entry =
            RT_LIST_FIRST(&waiting, struct rt_wheel_entry, link);
        bool is_due = entry->deadline <= deadline_max;
        if (is_due) {
            entry->deadline = RT_WHEEL_NEVER;
        }
        put(wheel, entry);
        if (is_due) {
            due(entry, context);
        }
    }
}

void rt_wheel_advance(struct rt_wheel *wheel,
                      uint32_t now,
                      rt_wheel_due_fn due,
                      void *context)
{
    /* After a long sleep one round over all slots finds everything. */
    uint32_t ticks = now - wheel->visited;
    ticks = ticks > RT_WHEEL_SLOTS ? RT_WHEEL_SLOTS : ticks;
    wheel->now = now;
    for (uint32_t i = 0; i < ticks; i++) {
        struct rt_list *slot = &wheel->slots[(now - i) % RT_WHEEL_SLOTS];
        uint32_t deadline_max = now == RT_WHEEL_NEVER ? now - 1 : now;
        visit_slot(wheel, slot, deadline_max, due, context);
    }
    wheel->visited = now;
}

void rt_wheel_visit(struct rt_wheel *wheel,
                    rt_wheel_due_fn visit,
                    void *context)
{
    for (int i = 0; i < RT_WHEEL_SLOTS; i++) {
        struct rt_list waiting;
        rt_list_init(&waiting);
        rt_list_move(&waiting, &wheel->slots[i]);
        while (!rt_list_is_empty(&waiting)) {
            struct rt_wheel_entry *entry =
                RT_LIST_FIRST(&waiting, struct rt_wheel_entry, link);
            put(wheel, entry);
            visit(entry, context);
        }
    }
}
