/*
 * Coarse timers for very many things: a hashed timing wheel (G. Varghese and
 * A. Lauck, "Hashed and Hierarchical Timing Wheels", 1987). An entry costs a
 * list node and a number; setting, moving and cancelling are O(1). Time is in
 * ticks; an entry is due no earlier than asked, and at most one tick later.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define RT_WHEEL_SLOTS 64

/* The deadline of an entry that waits for nothing, but is still in the wheel,
 * so that the wheel is also the list of all entries. */
#define RT_WHEEL_NEVER UINT32_MAX

struct rt_wheel_entry {
    struct rt_list link;
    uint32_t deadline; /* tick */
};

struct rt_wheel {
    struct rt_list slots[RT_WHEEL_SLOTS];
    struct rt_list due; /* collected, and not run yet */
    uint32_t now;       /* ticks since the start */
    uint32_t visited;   /* ticks whose slots have been gone through */
};

/* What is due. May set, cancel or free this entry, and any other. */
typedef void (*rt_wheel_due_fn)(struct rt_wheel_entry *entry, void *context);

void rt_wheel_init(struct rt_wheel *wheel);

/* For an entry that is in no wheel. */
void rt_wheel_entry_init(struct rt_wheel_entry *entry);

/* Makes the entry due `ticks` from now (RT_WHEEL_NEVER: never), wherever it
 * was before. */
void rt_wheel_set(struct rt_wheel *wheel,
                  struct rt_wheel_entry *entry,
                  uint32_t ticks);

/* Takes the entry out; harmless when it is out. */
void rt_wheel_cancel(struct rt_wheel_entry *entry);

/* Moves time on to `now` and collects what has become due. */
void rt_wheel_advance(struct rt_wheel *wheel, uint32_t now);

/* Whether something that was collected has not been run. */
bool rt_wheel_is_due(const struct rt_wheel *wheel);

/*
 * Calls `due` for what was collected, for at most `count_max` entries, the
 * oldest first. A due entry that `due` leaves alone stays in the wheel with no
 * deadline; one that is set or cancelled before its turn is due no more.
 */
void rt_wheel_run(struct rt_wheel *wheel,
                  uint32_t count_max,
                  rt_wheel_due_fn due,
                  void *context);

/* Calls `visit` for every entry, due or not. The same freedoms as `due`; one
 * that it gives a new deadline may be visited again. */
void rt_wheel_visit(struct rt_wheel *wheel,
                    rt_wheel_due_fn visit,
                    void *context);

#endif
