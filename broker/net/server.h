/*
 * The server: all that one broker has on one loop. The core, the listeners, the
 * connections, and the handles that drive them:
 *
 *     prepare before the loop polls: SIGPIPE is held off
 *     check   after each round of input: fan out, answer, fan out the rest
 *     idle    runs only while work remains, so that the loop does not sleep
 *     timer   once a second: time-outs, heartbeats, retention
 */
#ifndef BROKER_NET_SERVER_H
#define BROKER_NET_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "broker/core/core.h"
#include "broker/net/application.h"
#include "broker/net/input_share.h"
#include "broker/net/report.h"
#include "broker/net/sigpipe.h"
#include "protocol/timestamp.h"
#include "ringtail/ringtail.h"

#define RT_TIME_STEP_MS 2000 /* most that time moves on in a turn */
/* Of the memory budget this part, and no more than so much, is not for events,
 * topics and bodies: connections and answers need some when those have taken
 * the rest. */
#define RT_RESERVE_PART 16
#define RT_RESERVE_MAX  ((size_t)1024 * 1024)

/* Of the memory budget this part may be bodies that are not whole yet: whoever
 * sends many without their ends must not keep others from publishing. */
#define RT_BODIES_PART    4
#define RT_BODY_SMALL_MAX ((size_t)4 * 1024) /* does not count */

/* Input that waits behind answers which nobody reads may not take the last of
 * this part. */
#define RT_HELD_KEEP_PART 8

#define RT_TICK_MS         1000
#define RT_READ_BYTES      ((size_t)32 * 1024) /* of one read */
#define RT_TIMEOUTS_MAX    64  /* handled in a turn: the rest in the next */
#define RT_WRITES_SPARE    256 /* idle write requests kept */
#define RT_POLLS_SPARE     64  /* idle polls kept */
#define RT_QUESTIONS_SPARE 64  /* idle questions to the host kept */
#define RT_CLOSE_TICKS     5   /* for a peer to answer a close frame */
#define RT_LINGER_TICKS    2   /* for a peer to read a last answer */
#define RT_LISTEN_BACKLOG  4096

struct rt_committer;
struct rt_connection;

struct rt_server_options {
    const struct rt_application *application;
    rt_resize_fn resize; /* the host's allocator, or NULL */
    void *resize_context;
    ringtail_log_cb log; /* or NULL */
    void *log_context;
    ringtail_authorize_cb authorize; /* NULL: all is allowed */
    void *authorize_context;
    uint64_t memory_max;
    struct rt_retention retention;
    struct rt_idempotency_limits idempotency;
    enum rt_ack ack; /* of topics that have none of their own */
    uint64_t stall_timeout_ms;
    uint64_t event_bytes_max;
    uint64_t batch_bytes_max;
    uint64_t connections_max;
    uint32_t stall_ticks;
    uint32_t heartbeat_ticks;
    uint32_t pong_ticks;
    uint32_t head_ticks;
    uint32_t body_ticks;
    uint32_t idle_ticks;
    bool is_insecure;
};

enum rt_server_state {
    RT_SERVER_RUNNING,
    RT_SERVER_DRAINING, /* no new connections; the old ones finish */
    RT_SERVER_CLOSING,  /* the last handles are being closed */
    RT_SERVER_STOPPED,
};

struct rt_server {
    uv_loop_t *loop;
    uv_thread_t thread; /* the loop's: the one that created the broker */
    struct rt_heap heap;
    struct rt_core core;
    struct rt_committer *committer; /* NULL: nothing is brought to disk */
    struct rt_server_options options;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    uv_timer_t timer;
    unsigned own_handles; /* of these four, not yet closed */
    enum rt_server_state state;
    bool is_unref;    /* its handles do not keep the loop going */
    uint64_t loop_ms; /* the loop's time at the last look */
    bool is_late;     /* much time has passed since the loop last read */
    bool has_waited;  /* for it to read, before time-outs are looked at */
    uint64_t drain_end_ms;
    void (*on_stopped)(void *context);
    void *stopped_context;
    struct rt_wheel wheel; /* every connection */
    struct rt_list listeners;
    struct rt_list answering;    /* HTTP sessions with answers to write */
    struct rt_list waiting;      /* HTTP sessions that wait for a fan-out */
    struct rt_list dialogs;      /* those that wait for a fan-out */
    struct rt_list authorized;   /* those who asked, with a verdict */
    struct rt_list postponed;    /* sessions that had their share of the turn */
    struct rt_list unanswered;   /* questions that the host answers later */
    struct rt_list disk_waiters; /* struct rt_disk_waiter */
    struct rt_list woken;        /* polls that an event has come for */
    struct rt_pool polls;
    uint32_t poll_count; /* that wait still */
    struct rt_pool authorizations;
    struct rt_list spare_sessions;
    uint32_t spare_session_count;
    uint32_t spare_session_min; /* since the last tick */
    size_t spare_session_bytes;
    size_t body_bytes; /* of sessions' memory for bodies */
    struct rt_pool writes;
    uint64_t queued_writes; /* that libuv has */
    struct rt_sigpipe sigpipe;
    uint64_t connection_count;
    uint64_t connections_opened;
    uint32_t heartbeat_phase; /* spreads first pings over the interval */
    uint64_t reconnect_phase; /* spreads those who come back */
    uint64_t names_given;     /* to connections that are told theirs */
    uint64_t connections_refused;
    uint64_t accept_failures;
    int accept_error; /* the last one's */
    struct rt_report report;
    uint64_t answers[6]; /* by the first digit of the status */
    int port;
    uint64_t date_ms; /* the second that it is the date of begins */
    char date[RT_HTTP_DATE_BYTES];
    struct rt_input_share input_share;
    char *read_buffer; /* shared: reads are synchronous; NULL: none yet */
};

/* Allocates nothing; the loop does not know of it before it is started. */
void rt_server_init(struct rt_server *server,
                    uv_loop_t *loop,
                    const struct rt_server_options *options);

/* Every call of a host's but one is for the loop's thread; checked in debug
 * builds. */
bool rt_server_is_on_thread(const struct rt_server *server);

/* Starts the handles on the loop, which has an async handle already. */
void rt_server_start(struct rt_server *server);

/* Begins to stop: at most `drain_ms` for what is under way, then `done`. */
void rt_server_stop(struct rt_server *server,
                    uint64_t drain_ms,
                    void (*done)(void *context),
                    void *context);

/* Frees what is left after it has stopped, or before it has started. */
void rt_server_finish(struct rt_server *server);

/* RT_READ_BYTES for one read, or NULL. They are given back when there has been
 * no connection for a while. */
char *rt_server_read_buffer(struct rt_server *server);

/* Whether its handles keep the loop going, as uv_ref and uv_unref. */
void rt_server_ref(struct rt_server *server);
void rt_server_unref(struct rt_server *server);

/* For a handle that has just been initialised: sets its data to the server. */
void rt_server_add_handle(struct rt_server *server, uv_handle_t *handle);

/* Tells the core what time it is; to be called before it is used in a turn. */
void rt_server_update_time(struct rt_server *server);

/* Makes sure that the check runs soon, though no input may come. */
void rt_server_wake(struct rt_server *server);

/* The time as HTTP writes it. */
struct rt_bytes rt_server_date(struct rt_server *server);

/* For connections and listeners: the memory of one of them is gone. */
void rt_server_note_closed(struct rt_server *server);

#endif
