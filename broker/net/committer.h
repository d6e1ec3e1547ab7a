/*
 * The committer: it brings the journal's batches to disk. It owns the log, and
 * a thread of the library's own, for the disk may take its time:
 *
 *     loop    rt_journal_take, --> offer, withdraw         rt_journal_done
 *     ...     rt_journal_extend     |  ^                       ^
 *     thread                        v  |                       |
 *                                 take --> rt_log_append --> tell: uv_async
 *
 * One batch is with the thread at a time, and one more is offered to it, which
 * it takes as soon as the other one is on disk, without the loop. At the end of
 * each turn the loop adds what was published in it: what is offered is
 * withdrawn, extended and offered again, unless the thread has taken it. So
 * nothing is waited for, and a sync has all that was published during the one
 * before. Where nobody waits for the disk there is no hurry: then the next
 * batch is offered RT_COMMITTER_LAZY_MS after the last one at the latest, for a
 * batch and a sync of each turn would cost more than its events. Between
 * batches, and once a second, the thread looks whether there is room on the
 * disk, and every ten whether old events may go.
 *
 * The thread has a heap of its own, over the C library, for the host's
 * allocator is for the loop's thread. What it may take is charged to the
 * broker's.
 */
#ifndef BROKER_NET_COMMITTER_H
#define BROKER_NET_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/check.h"
#include "base/heap.h"
#include "broker/core/journal.h"
#include "broker/core/journal_write.h"
#include "broker/net/fetcher.h"
#include "storage/log/log.h"
#include "storage/posix_disk.h"

#define RT_COMMITTER_NAME      "ringtail-log"  /* the thread's */
#define RT_COMMITTER_ROOM_NAME "ringtail-room" /* of the other one */
#define RT_COMMITTER_LOOK_MS   1000            /* between looks at the disk */
#define RT_COMMITTER_RETAIN_MS 10000           /* between two retentions */
#define RT_COMMITTER_TELL_MS   1000            /* between lines of progress */

/* What nobody waits for is offered so long after the last batch was, or when
 * there are so many bytes of it, few enough to be in the processor's cache
 * still. A host that blocks its loop adds to that. */
#define RT_COMMITTER_LAZY_MS    10
#define RT_COMMITTER_LAZY_BYTES ((uint64_t)256 * 1024)

/* What is to be free beside the reserve when the disk is no longer full: for a
 * segment, and the topics and keys at its begin. More where these are many. */
#define RT_COMMITTER_ROOM (2 * RT_LOG_SEGMENT_BYTES)

/* Where the disk has no room for the next segment it is full as soon as the
 * active one has no more than this left, which is for what waits by then, and
 * for what is done to topics. */
#define RT_COMMITTER_KEEP (2 * RT_JOURNAL_BYTES_HIGH)

/* With each batch the thread may take so much, this for each part of it, of
 * which a new topic has two, and a part of what it has. */
#define RT_COMMITTER_GRANT      ((size_t)1024 * 1024)
#define RT_COMMITTER_PART_GRANT ((size_t)1024)
#define RT_COMMITTER_SLACK      4

struct rt_server;

/* Where the log is, and what it may take. */
struct rt_committer_options {
    const char *directory;         /* is made if it is not there; not kept */
    struct rt_retention retention; /* of all topics together */
    uint64_t reserve;              /* bytes of the disk that are for others */
};

/* The loop's view. */
enum rt_committer_state {
    RT_COMMITTER_SERVING,
    RT_COMMITTER_STOPPING, /* what there is is written, and then the end */
    RT_COMMITTER_ENDING,   /* the thread closes the log */
    RT_COMMITTER_ENDED,
};

/* What has become of what there was to offer. */
enum rt_committer_offer {
    RT_COMMITTER_OFFERED, /* or there was nothing */
    RT_COMMITTER_LAZY,    /* nobody waits for it: the timer says when */
    RT_COMMITTER_BEHIND,  /* the thread has to tell of a batch before */
    RT_COMMITTER_SHORT,   /* of memory; tried again in a second */
};

/* What the loop tells the thread. */
struct rt_committer_task {
    const struct rt_journal_batch *offered; /* NULL: none, or it is taken */
    const struct rt_journal_batch *again;   /* what found no room, before it */
    size_t heap_limit;
    bool is_end;
};

/* What the thread tells the loop. */
struct rt_committer_news {
    uint64_t done;   /* number of the last batch on disk */
    int err;         /* of the one behind it: nothing is taken but that again */
    bool is_short;   /* what it was granted was not enough: it is given more */
    bool is_full;    /* the disk, or what memory there may be for the log */
    bool has_ended;  /* the log is closed */
    int retain_err;  /* of the last retention, */
    bool has_failed; /* which was the end of the log */
    size_t heap_used;
    uint64_t batches;  /* that are on disk */
    uint64_t events;   /* of the last one */
    uint64_t write_ns; /* spent on all of them */
};

struct rt_committer {
    struct rt_server *server;
    /* The loop's. */
    struct rt_journal journal;
    enum rt_committer_state state;
    struct rt_committer_news news; /* as it was heard last */
    struct rt_log_found found;     /* at the start */
    int failure;                   /* what the disk said; 0: nothing */
    enum rt_committer_offer offer;
    uint64_t offered_ms; /* when a batch was begun last, in the loop's time */
    size_t charged;
    uint64_t opened_ns;
    uint64_t progress_ns; /* when progress was told last */
    void (*on_stopped)(void *context);
    void *stopped_context;
    uv_async_t async; /* the fetcher's, too */
    uv_timer_t timer;
    struct rt_fetcher fetcher;
    /* The thread's, or of whoever is before and after it. */
    struct rt_posix_disk disk;
    struct rt_heap heap;
    struct rt_log *log;
    struct rt_journal_parts parts;
    uint64_t reserve;
    int err;            /* of the last batch */
    bool needs_segment; /* to write what found no room */
    uint64_t looked_ns;
    uint64_t looked_segment; /* the last one that was looked at near its end */
    uint64_t retained_ns;
    uint64_t retained_segment; /* the last one, at the last retention */
    bool is_giving;            /* there is a thread that gives room back, */
    uv_thread_t giver;
    struct rt_file removed; /* that of this file */
    /* Between the two: under the lock. */
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;
    struct rt_committer_task task;
    struct rt_committer_news told;
    bool has_async; /* the loop can be woken */
};

/*
 * Opens the log and makes the server's core what it has, then begins the
 * thread; the loop does not know of it yet. Blocks, for as long as the last
 * segment takes to read. Errors: RT_EBUSY if somebody else has the directory,
 * RT_EDAMAGED if it cannot be understood, RT_ENOMEM, and what the system said.
 */
RT_MUST_USE int rt_committer_create(struct rt_server *server,
                                    const struct rt_committer_options *options);

/* The loop is told, which has an async handle already. NULL is fine, here and
 * below. */
void rt_committer_start(struct rt_committer *committer);

/* Calls with its handles, once it is started. */
void rt_committer_visit(struct rt_committer *committer,
                        void (*visit)(uv_handle_t *handle));

/* Offers what there is to write, now or, if nobody waits for it, soon. For the
 * end of each turn. */
void rt_committer_continue(struct rt_committer *committer);

/* Whether there is something to offer in the next turn. */
bool rt_committer_has_work(const struct rt_committer *committer);

/* Once a second. */
void rt_committer_tick(struct rt_committer *committer);

/*
 * Writes what there is, and that it ends on purpose, closes the log, ends the
 * thread, and calls. The host's loop turns meanwhile, and nothing is published.
 */
void rt_committer_stop(struct rt_committer *committer,
                       void (*on_stopped)(void *context),
                       void *context);

/* Frees what is left, after it has stopped or before it was started. The topics
 * are still there. */
void rt_committer_destroy(struct rt_committer *committer);

/* --- for the files of the committer --- */

/* What the thread does until it is told to end. */
void rt_committer_run(void *context);

/*
 * Discards a file that was removed, on a thread that does nothing else and
 * ends: batches need not wait until the file system has its room back. Waits
 * for the last one.
 */
void rt_committer_give_room(struct rt_committer *committer,
                            struct rt_file removed);

/* Waits until it has ended. */
void rt_committer_end_room(struct rt_committer *committer);

#endif
