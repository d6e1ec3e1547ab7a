/*
 * What the log has, made the core's again, when the node starts: its topics,
 * each with its epoch, where it goes on and what makes it special, the keys,
 * and the node's own state. Rings begin empty, behind what the log has.
 *
 *     rt_journal_visitor --> rt_log_open --> rt_journal_restored
 */
#ifndef BROKER_CORE_JOURNAL_RESTORE_H
#define BROKER_CORE_JOURNAL_RESTORE_H

#include "base/check.h"
#include "broker/core/journal.h"
#include "storage/log/log.h"

/* The visitor for a journal whose core has its time and nothing else. It ends
 * the opening with RT_ENOMEM, or RT_EDAMAGED for what no node has written. */
struct rt_log_visitor rt_journal_visitor(struct rt_journal *journal);

/*
 * All has been told. After an end that was not clean every topic goes on
 * RT_JOURNAL_JUMP further, and so do the numbers among all: what somebody was
 * given before it was on disk is not given again as something else. What that
 * changes is noted for the first batch, which is to be on disk before anybody
 * is served. 0 or RT_ENOMEM.
 */
RT_MUST_USE int rt_journal_restored(struct rt_journal *journal,
                                    const struct rt_log_found *found);

#endif
