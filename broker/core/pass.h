/*
 * Who is passed: rings drop events whoever is behind, and so does the disk. A
 * subscriber that lacks some which neither has is told so before it goes on.
 */
#ifndef BROKER_CORE_PASS_H
#define BROKER_CORE_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/core/close_reason.h"

struct rt_subscriber;

/* Of a selection, when more topics than this have lost events at once, one gap
 * is told for all of them, without a topic. */
#define RT_PASS_TOPICS_MAX 64

/* Whether events are gone that a lagging subscriber has not got, and that it
 * was not told of. */
bool rt_subscriber_is_passed(const struct rt_subscriber *subscriber);

/*
 * Tells it, and lets it go on, or closes it, as its policy is. It may be
 * written to if it is lagging after that. Returns how many topics were looked
 * at.
 */
size_t rt_subscriber_pass(struct rt_subscriber *subscriber);

/* The same for events up to an offset that the disk has lost. */
void rt_subscriber_lose(struct rt_subscriber *subscriber, uint64_t next);

/* Tells who has several topics that events of some are gone. */
void rt_subscriber_miss(struct rt_subscriber *subscriber,
                        enum rt_close_reason reason);

#endif
