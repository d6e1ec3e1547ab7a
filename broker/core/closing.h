/*
 * A closing: that a topic takes no more events, as those are told who have
 * several. It has a number among the events of the node, comes behind the
 * topic's last event, and is encoded once for all of a selection, as an event
 * is; so nobody is told twice, or too early, however far behind he is. Who has
 * the topic alone is not told this way, for then the subscription ends.
 *
 * When the topic is opened again there is no closing any more.
 */
#ifndef BROKER_CORE_CLOSING_H
#define BROKER_CORE_CLOSING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "protocol/format.h"
#include "protocol/notice.h"

struct rt_topic;

/* The number of what happened last in the topic: of its last event or, if that
 * is later, of the last time that it was closed. */
uint64_t rt_topic_sequence(const struct rt_topic *topic);

/* Whether there is one, with this number or a higher one. */
bool rt_closing_is_from(const struct rt_topic *topic, uint64_t sequence);

/* What is said of a topic that is closed to whoever has everything up to a
 * position among all events of the node. */
struct rt_notice rt_closing_notice(const struct rt_topic *topic,
                                   struct rt_cursor resume);

/* The closing as a selection has it. Its bytes are in the memory. */
struct rt_bytes rt_closing_encode(const struct rt_topic *topic,
                                  enum rt_format format,
                                  char memory[RT_NOTICE_BYTES_MAX]);

#endif
