/*
 * The fetcher: it reads events from disk for those who come to what is not in
 * the ring any more: of one topic, which is a fetch, or of several, which is a
 * scan. It has a thread of its own, from the first of them on, for whoever
 * reads must not hold up the committer, and neither the loop. One of each kind
 * at a time is with the thread; it fills the core's segment, which the core
 * leaves alone meanwhile.
 */
#ifndef BROKER_NET_FETCHER_H
#define BROKER_NET_FETCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/heap.h"
#include "storage/log/reader.h"
#include "storage/log/scan.h"
#include "storage/segment.h"

#define RT_FETCHER_NAME "ringtail-fetch" /* the thread's */

/* What the thread may take beside the segments, charged as long as it runs:
 * what is read at once, and a batch's list of topics. Of fetches and, from the
 * first one on, of scans. */
#define RT_FETCHER_BYTES ((size_t)4 * 1024 * 1024)

struct rt_server;

enum rt_fetcher_state {
    RT_FETCHER_IDLE,
    RT_FETCHER_READING,
    RT_FETCHER_DONE, /* and not yet told */
    RT_FETCHER_ENDING,
};

struct rt_fetcher {
    struct rt_server *server;
    struct rt_log *log;
    uv_async_t *async; /* woken when a fetch is done */
    bool is_running;   /* the thread is */
    bool is_scanning;  /* there was a scan */
    /* The thread's while it runs. */
    struct rt_heap heap;
    struct rt_store store;
    struct rt_log_reader reader;
    struct rt_heap scan_heap;
    struct rt_store scan_store;
    struct rt_log_scanner scanner;
    uv_thread_t thread;
    /* Between the two: under the lock. */
    uv_mutex_t lock;
    uv_cond_t wake;
    enum rt_fetcher_state state;
    uint64_t id;
    uint64_t offset;
    struct rt_segment *segment;
    int err;
    size_t needed;
    enum rt_fetcher_state scan_state; /* never RT_FETCHER_ENDING */
    struct rt_log_scan *scan;
    int scan_err;
};

/* Makes what the log has the history of the server's core; the thread comes
 * later. 0, or libuv's error. */
RT_MUST_USE int rt_fetcher_init(struct rt_fetcher *fetcher,
                                struct rt_server *server,
                                struct rt_log *log,
                                uv_async_t *async);

/* Tells the core of what is done. For whoever the async wakes; also
 * when the fetcher has ended. */
void rt_fetcher_hear(struct rt_fetcher *fetcher);

/* Ends the thread, after what is under way: a read at most, or a scan. May be
 * repeated; zeroed memory is fine. */
void rt_fetcher_finish(struct rt_fetcher *fetcher);

#endif
