#include "broker/net/fetcher.h"

#include "base/error.h"
#include "broker/core/history.h"
#include "broker/net/server.h"
#include "broker/net/thread.h"

/* --- the thread --- */

/* The loop is woken when it may have the lock. */
static void tell(struct rt_fetcher *fetcher)
{
    uv_mutex_unlock(&fetcher->lock);
    (void)uv_async_send(fetcher->async);
    uv_mutex_lock(&fetcher->lock);
}

static void read_events(struct rt_fetcher *fetcher)
{
    size_t needed = 0;
    uint64_t id = fetcher->id;
    uint64_t offset = fetcher->offset;
    struct rt_segment *segment = fetcher->segment;
    uv_mutex_unlock(&fetcher->lock);
    int err = rt_log_read(&fetcher->reader, id, offset, segment, &needed);
    uv_mutex_lock(&fetcher->lock);
    fetcher->err = err;
    fetcher->needed = needed;
    if (fetcher->state == RT_FETCHER_READING) {
        fetcher->state = RT_FETCHER_DONE;
    }
    tell(fetcher);
}

static void scan_events(struct rt_fetcher *fetcher)
{
    struct rt_log_scan *scan = fetcher->scan;
    uv_mutex_unlock(&fetcher->lock);
    int err = rt_log_scan(&fetcher->scanner, scan);
    uv_mutex_lock(&fetcher->lock);
    fetcher->scan_err = err;
    fetcher->scan_state = RT_FETCHER_DONE;
    tell(fetcher);
}

static void work(struct rt_fetcher *fetcher)
{
    bool is_idle = true;
    if (fetcher->state == RT_FETCHER_READING) {
        read_events(fetcher);
        is_idle = false;
    }
    if (fetcher->scan_state == RT_FETCHER_READING) {
        scan_events(fetcher);
        is_idle = false;
    }
    if (is_idle) {
        uv_cond_wait(&fetcher->wake, &fetcher->lock);
    }
}

static void run(void *context)
{
    struct rt_fetcher *fetcher = context;
    uv_mutex_lock(&fetcher->lock);
    while (fetcher->state != RT_FETCHER_ENDING) {
        work(fetcher);
    }
    uv_mutex_unlock(&fetcher->lock);
}

static int begin(struct rt_fetcher *fetcher)
{
    struct rt_heap *heap = &fetcher->server->heap;
    int err = rt_heap_charge(heap, RT_FETCHER_BYTES);
    if (err < 0) {
        return err;
    }
    rt_heap_init(&fetcher->heap, RT_FETCHER_BYTES);
    fetcher->store = (struct rt_store){.heap = &fetcher->heap};
    rt_log_reader_init(&fetcher->reader, fetcher->log, &fetcher->store);
    err = rt_thread_create(&fetcher->thread, RT_FETCHER_NAME, run, fetcher);
    if (err < 0) {
        rt_heap_uncharge(heap, RT_FETCHER_BYTES);
        return RT_ENOMEM;
    }
    fetcher->is_running = true;
    return 0;
}

/* The first scan: what scans take is asked for only where there are any. */
static int begin_scans(struct rt_fetcher *fetcher)
{
    int err = fetcher->is_running ? 0 : begin(fetcher);
    if (err == 0) {
        err = rt_heap_charge(&fetcher->server->heap, RT_FETCHER_BYTES);
    }
    if (err < 0) {
        return err;
    }
    rt_heap_init(&fetcher->scan_heap, RT_FETCHER_BYTES);
    fetcher->scan_store = (struct rt_store){.heap = &fetcher->scan_heap};
    rt_log_scanner_init(&fetcher->scanner, fetcher->log, &fetcher->scan_store);
    fetcher->is_scanning = true;
    return 0;
}

/* --- the loop --- */

static bool
find_extent(void *context, uint64_t id, uint64_t *earliest, uint64_t *end)
{
    const struct rt_fetcher *fetcher = context;
    struct rt_log_extent extent;
    if (!rt_log_extent(fetcher->log, id, &extent)) {
        return false;
    }
    *earliest = extent.earliest;
    *end = extent.next_offset;
    return true;
}

static uint64_t find_lost(void *context, uint64_t id)
{
    const struct rt_fetcher *fetcher = context;
    struct rt_log_extent extent;
    return rt_log_extent(fetcher->log, id, &extent) ? extent.lost_ms : 0;
}

static uint64_t find_since(void *context, uint64_t id, uint64_t wall_ms)
{
    const struct rt_fetcher *fetcher = context;
    return rt_log_offset_since(fetcher->log, id, wall_ms);
}

static uint64_t
find_before(void *context, uint64_t id, uint64_t offset, uint64_t count)
{
    const struct rt_fetcher *fetcher = context;
    return rt_log_offset_before(fetcher->log, id, offset, count);
}

/* Without a thread it has failed, which is told as a fetch is. */
static void
fetch(void *context, uint64_t id, uint64_t offset, struct rt_segment *segment)
{
    struct rt_fetcher *fetcher = context;
    int err = fetcher->is_running ? 0 : begin(fetcher);
    uv_mutex_lock(&fetcher->lock);
    RT_CHECK(fetcher->state == RT_FETCHER_IDLE);
    fetcher->id = id;
    fetcher->offset = offset;
    fetcher->segment = segment;
    fetcher->err = err;
    fetcher->state = err < 0 ? RT_FETCHER_DONE : RT_FETCHER_READING;
    uv_mutex_unlock(&fetcher->lock);
    uv_cond_signal(&fetcher->wake);
    if (err < 0) {
        (void)uv_async_send(fetcher->async);
    }
}

static void scan(void *context, struct rt_log_scan *scan)
{
    struct rt_fetcher *fetcher = context;
    int err = fetcher->is_scanning ? 0 : begin_scans(fetcher);
    uv_mutex_lock(&fetcher->lock);
    RT_CHECK(fetcher->scan_state == RT_FETCHER_IDLE);
    fetcher->scan = scan;
    fetcher->scan_err = err;
    fetcher->scan_state = err < 0 ? RT_FETCHER_DONE : RT_FETCHER_READING;
    uv_mutex_unlock(&fetcher->lock);
    uv_cond_signal(&fetcher->wake);
    if (err < 0) {
        (void)uv_async_send(fetcher->async);
    }
}

static const struct rt_history_ops ops = {.extent = find_extent,
                                          .lost_ms = find_lost,
                                          .offset_since = find_since,
                                          .offset_before = find_before,
                                          .fetch = fetch,
                                          .scan = scan};

int rt_fetcher_init(struct rt_fetcher *fetcher,
                    struct rt_server *server,
                    struct rt_log *log,
                    uv_async_t *async)
{
    *fetcher = (struct rt_fetcher){.log = log, .async = async};
    int err = uv_mutex_init(&fetcher->lock);
    if (err < 0) {
        return err;
    }
    err = uv_cond_init(&fetcher->wake);
    if (err < 0) {
        uv_mutex_destroy(&fetcher->lock);
        return err;
    }
    fetcher->server = server;
    server->core.history.ops = &ops;
    server->core.history.context = fetcher;
    return 0;
}

/* Whether it is done, and now told. Under the lock. */
static bool take_done(enum rt_fetcher_state *state)
{
    bool is_done = *state == RT_FETCHER_DONE;
    if (is_done) {
        *state = RT_FETCHER_IDLE;
    }
    return is_done;
}

void rt_fetcher_hear(struct rt_fetcher *fetcher)
{
    if (fetcher->server == NULL) {
        return; /* it has ended */
    }
    struct rt_core *core = &fetcher->server->core;
    uv_mutex_lock(&fetcher->lock);
    bool has_read = take_done(&fetcher->state);
    bool has_scanned = take_done(&fetcher->scan_state);
    uv_mutex_unlock(&fetcher->lock);
    if (has_read) {
        rt_history_fetched(&core->history, fetcher->err, fetcher->needed);
    }
    if (has_scanned) {
        rt_excerpts_fetched(&core->excerpts, fetcher->scan_err);
    }
}

static void end(struct rt_fetcher *fetcher)
{
    uv_mutex_lock(&fetcher->lock);
    fetcher->state = RT_FETCHER_ENDING;
    uv_cond_signal(&fetcher->wake);
    uv_mutex_unlock(&fetcher->lock);
    RT_CHECK(uv_thread_join(&fetcher->thread) == 0);
    rt_log_reader_finish(&fetcher->reader);
    rt_heap_uncharge(&fetcher->server->heap, RT_FETCHER_BYTES);
    fetcher->is_running = false;
    if (fetcher->is_scanning) {
        rt_log_scanner_finish(&fetcher->scanner);
        rt_heap_uncharge(&fetcher->server->heap, RT_FETCHER_BYTES);
        fetcher->is_scanning = false;
    }
}

void rt_fetcher_finish(struct rt_fetcher *fetcher)
{
    if (fetcher->server == NULL) {
        return;
    }
    if (fetcher->is_running) {
        end(fetcher);
    }
    fetcher->server->core.history.ops = NULL;
    uv_cond_destroy(&fetcher->wake);
    uv_mutex_destroy(&fetcher->lock);
    fetcher->server = NULL;
}
