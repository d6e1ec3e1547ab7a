/*
 * What the host's log is told: once a second at most, what was refused or lost
 * since the last time, a line for each kind. Whatever happens, and however
 * often, the log grows by a few lines a second.
 */
#ifndef BROKER_NET_REPORT_H
#define BROKER_NET_REPORT_H

#include <stdint.h>

#include "broker/core/core.h"
#include "broker/core/journal.h"
#include "ringtail/ringtail.h"

struct rt_server;

/* What there was at the last look. */
struct rt_report {
    ringtail_log_cb log; /* NULL: nobody wants to know */
    void *context;
    struct rt_counters counters;
    uint64_t connections_refused;
    uint64_t accept_failures;
    enum rt_journal_state log_state;
    int retain_err;
};

/* Tells what has happened since the last call. The log may call anything. */
void rt_server_report(struct rt_server *server);

/* Tells what a start has found in the log, when nobody is served yet: how much
 * there is, how it ended, and what is wrong with it. */
void rt_report_opened(const struct rt_server *server, uint64_t took_ms);

/* Tells how much of the log has been read, while a start takes long. */
void rt_report_progress(const struct rt_report *report,
                        uint64_t done,
                        uint64_t all);

#endif
