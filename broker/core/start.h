/*
 * Where a subscriber of a topic begins: what `since` means to its log.
 */
#ifndef BROKER_CORE_START_H
#define BROKER_CORE_START_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/close_reason.h"
#include "protocol/since.h"

struct rt_topic;

struct rt_start_found {
    uint64_t offset;             /* of the first event to deliver */
    bool is_gap;                 /* events that `since` asks for are gone */
    enum rt_close_reason reason; /* of the gap */
    uint64_t missed;             /* how many; 0: not known */
};

struct rt_start_found rt_start_find(const struct rt_topic *topic,
                                    const struct rt_since *since);

#endif
