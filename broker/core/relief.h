/*
 * Relief: where there is a log on disk, rings give way when memory is short,
 * before anything is refused for want of it. What goes are the oldest segments
 * of the topics whose events came to disk longest ago; never an event that is
 * not on disk, that somebody who keeps up has not been given, or that somebody
 * holds, for that would free nothing. Whoever lags there goes on from disk.
 *
 * The journal has a list of the topics that may have such segments, so topics
 * that have none cost nothing, and neither does memory that is not short.
 */
#ifndef BROKER_CORE_RELIEF_H
#define BROKER_CORE_RELIEF_H

#include <stdbool.h>

struct rt_core;

/* Memory is short when less than this part of it is left beside the reserve:
 * that is more than what new topics need (RT_TOPICS_KEEP_PART). */
#define RT_RELIEF_PART 6

/* At a time so many segments go at most, and so many topics are looked at that
 * have none to give; others come the next time. */
#define RT_RELIEF_SEGMENTS_MAX 256
#define RT_RELIEF_MISSES_MAX   64

/* If memory is short: drops segments until it is not, or no more at a time.
 * Returns whether there were any. Not to be called during a pass. */
bool rt_core_relieve(struct rt_core *core);

#endif
