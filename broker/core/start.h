/*
 * Where a subscriber begins: what `since` means to the log of its topic, or to
 * those of a selection.
 */
#ifndef BROKER_CORE_START_H
#define BROKER_CORE_START_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/close_reason.h"
#include "protocol/since.h"

struct rt_selection;
struct rt_topic;

struct rt_start_found {
    uint64_t offset;             /* of the first event to deliver */
    bool is_gap;                 /* events that `since` asks for are gone */
    enum rt_close_reason reason; /* of the gap */
    uint64_t missed;             /* how many; 0: not known */
};

struct rt_start_found rt_start_find(const struct rt_topic *topic,
                                    const struct rt_since *since);

struct rt_select_found {
    uint64_t sequence; /* of the first event that may be delivered */
    uint64_t drops;    /* it need not be told of losses until this one */
    bool is_gap;       /* `since` was a position of another epoch */
    bool is_on_disk; /* the first event comes behind that, and has to be looked
                      * for: the first one, or that was stamped at `wall_ms`
                      * or later; until then it is told of no loss */
    uint64_t wall_ms;
};

/* For a `since` that is meant for several topics. */
struct rt_select_found rt_select_find(const struct rt_selection *selection,
                                      const struct rt_since *since);

/* The sequence of the first event in the topics' rings that was stamped at
 * `wall_ms` or later; UINT64_MAX if there is none. */
uint64_t rt_select_in_rings(const struct rt_selection *selection,
                            uint64_t wall_ms);

#endif
