/*
 * A selection: the events of all topics that a selector has, also of those that
 * begin later, in one format and in the order in which they came; and whoever
 * subscribes to that. Its offsets are sequences: the numbers of events among
 * all of the node. Subscribers with the same patterns and format share one;
 * those who are given what is on disk alone have one of their own, whose head
 * is moved when a batch is done.
 *
 *     a.1          | 1 |       | 5 |   | 8 |
 *     a.2              | 3 |       | 6 |
 *     b                            | 7 |        is not among them
 *     a.*          | 1 | 3 | 5 | 6 | 8 |        encoded once, in blocks
 *
 * Nothing is matched when an event comes, for a topic knows its followers; and
 * nothing is kept that is not looked at, for the events are merged from the
 * rings when a subscriber comes to them, or taken from an excerpt of the log,
 * if any of them is in no ring. What a merge costs grows with the topics that
 * have had events since, not with all.
 */
#ifndef BROKER_CORE_SELECTION_H
#define BROKER_CORE_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/tree.h"
#include "broker/core/blocks.h"
#include "broker/core/matcher.h"
#include "broker/core/merge.h"
#include "broker/core/stream.h"
#include "protocol/format.h"
#include "protocol/pattern.h"

struct rt_excerpt;

struct rt_selection_pattern {
    struct rt_matcher_entry entry;
    struct rt_selection *selection;
    struct rt_bytes text;
};

struct rt_selection {
    struct rt_stream stream;
    struct rt_tree_leaf leaf; /* the key: the format, whether it is of what is
                               * on disk, and the patterns */
    struct rt_list link;      /* in core->selection_list */
    struct rt_list durable;   /* in core->durable_list, or in none */
    struct rt_blocks blocks;
    struct rt_merge merge;
    const struct rt_excerpt *excerpt; /* that is merged, if any item is of it */
    struct rt_list followers; /* a topic each; the one where something happened
                               * last is first */
    struct rt_list lost;    /* those that lost events; the last loss is last */
    uint64_t lost_sequence; /* of the newest event lost, of all topics */
    uint64_t damaged_sequence; /* up to it the disk has lost events of topics
                                * that are not known, */
    uint64_t damaged_drop;     /* which was this loss */
    uint64_t dropped_sequence; /* of the newest one that is in no ring, and was
                                * not purged */
    uint64_t head;             /* the sequence behind its last event */
    uint64_t shown; /* behind the last one on disk; for those who get these */
    uint32_t follower_count;
    uint32_t closed_count; /* followers whose topic is closed */
    uint32_t pattern_count;
    bool has_wildcards;                     /* in any of the patterns */
    struct rt_selection_pattern patterns[]; /* and behind them the key */
};

/*
 * The selection of a selector, in a format other than raw, of all events or of
 * those that are on disk; made if there is none, which looks at all topics
 * once. NULL without memory.
 */
RT_MUST_USE struct rt_selection *
rt_selection_obtain(struct rt_core *core,
                    const struct rt_selector *selector,
                    enum rt_format format,
                    bool is_durable);

/* Whether its events are those that are on disk. */
bool rt_selection_is_durable(const struct rt_selection *selection);

/* Whether it has just these patterns. */
bool rt_selection_is_of(const struct rt_selection *selection,
                        const struct rt_selector *selector);

/* Whether it has all that it will ever have: without wildcards, when each of
 * its topics is closed. */
bool rt_selection_is_closed(const struct rt_selection *selection);

/* Whether a topic is one of its patterns, without a wildcard. */
bool rt_selection_names(const struct rt_selection *selection,
                        struct rt_bytes topic);

/* The disk has lost events up to that number, of topics that are not known; 0:
 * it has not. Its subscribers are told who come from before. */
void rt_selection_lose(struct rt_selection *selection, uint64_t sequence);

/* The topics that it names have been of use just now. */
void rt_selection_touch(const struct rt_selection *selection);

/* Whether the topic is among those that its patterns mean. */
bool rt_selection_has(const struct rt_selection *selection,
                      struct rt_bytes topic);

/* Its patterns, which are its own. */
void rt_selection_selector(const struct rt_selection *selection,
                           struct rt_selector *selector);

/* Whether events from a sequence on, which is before the head, have to be read
 * from disk before any can be found. */
bool rt_selection_is_away(const struct rt_selection *selection,
                          uint64_t sequence);

/*
 * Finds the first events from a sequence on, in excerpts and in the rings,
 * encoded if need be: 0 or RT_ENOMEM. Without any, the run ends where they may
 * be, or at the sequence itself if they are away. Valid until the next call, or
 * as long as the segment is referred to.
 */
RT_MUST_USE int rt_selection_find(struct rt_selection *selection,
                                  uint64_t sequence,
                                  struct rt_run *run);

/* More is on disk: whoever is given only that has something to get. */
void rt_selections_show(struct rt_core *core);

/* Frees the selections that nobody subscribes to, and of the others the blocks
 * that were not looked at for a while. Not to be called during a pass. */
void rt_selections_trim(struct rt_core *core);

/* Frees all; there must be no subscribers. */
void rt_selections_finish(struct rt_core *core);

/* Checks every invariant; for tests. */
void rt_selection_validate(const struct rt_selection *selection);

#endif
