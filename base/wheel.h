/*
 * Coarse timers for very many things: a hashed timing wheel (G. Varghese and
 * A. Lauck, "Hashed and Hierarchical Timing Wheels", 1987). An entry costs a
 * list node and a number; setting, moving and cancelling are O(1). Time is in
 * ticks; an entry is due no earlier than asked, and at most one tick later.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

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
    uint32_t now;     /* ticks since the start */
    uint32_t visited; /* ticks whose slots have been gone through */
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

/*
 * Moves time on to `now` and calls `due` for what has become due. A due entry
 * that `due` leaves alone stays in the wheel with no deadline.
 */
void rt_wheel_advance(struct rt_wheel *wheel,
                      uint32_t now,
                      rt_wheel_due_fn due,
                      void *context);

/* Calls `visit` for every entry, due or not. The same freedoms as `due`; one
 * that it gives a new deadline may be visited again. */
void rt_wheel_visit(struct rt_wheel *wheel,
                    rt_wheel_due_fn visit,
                    void *context);

#endif
