#include "base/wheel.h"

void rt_wheel_init(struct rt_wheel *wheel)
{
    for (int i = 0; i < RT_WHEEL_SLOTS; i++) {
        rt_list_init(&wheel->slots[i]);
    }
    rt_list_init(&wheel->due);
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

static void collect_slot(struct rt_wheel *wheel, struct rt_list *slot)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, slot);
    while (!rt_list_is_empty(&waiting)) {
        struct rt_wheel_entry *entry =
            RT_LIST_FIRST(&waiting, struct rt_wheel_entry, link);
        if (entry->deadline <= wheel->now &&
            entry->deadline != RT_WHEEL_NEVER) {
            rt_list_remove(&entry->link);
            rt_list_append(&wheel->due, &entry->link);
        } else {
            put(wheel, entry);
        }
    }
}

void rt_wheel_advance(struct rt_wheel *wheel, uint32_t now)
{
    /* After a long sleep one round over all slots finds everything. */
    uint32_t ticks = now - wheel->visited;
    ticks = ticks > RT_WHEEL_SLOTS ? RT_WHEEL_SLOTS : ticks;
    wheel->now = now;
    for (uint32_t i = 0; i < ticks; i++) {
        collect_slot(wheel, &wheel->slots[(now - i) % RT_WHEEL_SLOTS]);
    }
    wheel->visited = now;
}

bool rt_wheel_is_due(const struct rt_wheel *wheel)
{
    return !rt_list_is_empty(&wheel->due);
}

void rt_wheel_run(struct rt_wheel *wheel,
                  uint32_t count_max,
                  rt_wheel_due_fn due,
                  void *context)
{
    for (uint32_t i = 0; i < count_max && rt_wheel_is_due(wheel); i++) {
        struct rt_wheel_entry *entry =
            RT_LIST_FIRST(&wheel->due, struct rt_wheel_entry, link);
        entry->deadline = RT_WHEEL_NEVER;
        put(wheel, entry);
        due(entry, context);
    }
}

/*
 * The list is emptied first and entries go back one by one, so whatever `visit`
 * does to the wheel, each entry is looked at once.
 */
static void
visit_list(struct rt_list *list, rt_wheel_due_fn visit, void *context)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, list);
    while (!rt_list_is_empty(&waiting)) {
        struct rt_wheel_entry *entry =
            RT_LIST_FIRST(&waiting, struct rt_wheel_entry, link);
        rt_list_remove(&entry->link);
        rt_list_append(list, &entry->link);
        visit(entry, context);
    }
}

void rt_wheel_visit(struct rt_wheel *wheel,
                    rt_wheel_due_fn visit,
                    void *context)
{
    for (int i = 0; i < RT_WHEEL_SLOTS; i++) {
        visit_list(&wheel->slots[i], visit, context);
    }
    visit_list(&wheel->due, visit, context);
}
