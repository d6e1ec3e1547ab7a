/* The committer's beginning: what the log has becomes the core's. */
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "broker/core/journal_restore.h"
#include "broker/core/saved_key.h"
#include "broker/net/committer.h"
#include "broker/net/server.h"
#include "broker/net/thread.h"

#define NS_OF_MS UINT64_C(1000000)

/* --- the log --- */

static uint64_t random_identity(void)
{
    uint64_t identity = 0;
    /* Up to 256 bytes it neither blocks nor is interrupted once seeded. */
    RT_CHECK(getrandom(&identity, sizeof(identity), 0) == sizeof(identity));
    return identity | 1; /* 0 is none */
}

static void on_progress(void *context, uint64_t done, uint64_t all)
{
    struct rt_journal *journal = context;
    struct rt_committer *committer =
        RT_CONTAINER(journal, struct rt_committer, journal);
    uint64_t now_ns = uv_hrtime();
    if (now_ns - committer->progress_ns >= RT_COMMITTER_TELL_MS * NS_OF_MS) {
        committer->progress_ns = now_ns;
        rt_report_progress(&committer->server->report, done, all);
    }
}

static struct rt_log_options
log_options(struct rt_committer *committer,
            const struct rt_committer_options *options)
{
    const struct rt_core *core = &committer->server->core;
    return (struct rt_log_options){.disk = &committer->disk.disk,
                                   .heap = &committer->heap,
                                   .segment_bytes = RT_LOG_SEGMENT_BYTES,
                                   .retention = options->retention,
                                   .keys = rt_key_limits(core),
                                   .min_free = options->reserve,
                                   .wall_ms = core->wall_ms,
                                   .identity = random_identity()};
}

/* Before anybody is served it is on disk that somebody may be: should this end
 * without a word, the next start knows that events may have been lost. */
static int write_beginning(struct rt_committer *committer)
{
    struct rt_log_batch written;
    const struct rt_journal_batch *batch = rt_journal_take(&committer->journal);
    if (batch == NULL) {
        return RT_ENOMEM;
    }
    int err =
        rt_journal_write(&committer->parts, &committer->heap, batch, &written);
    if (err == 0) {
        err = rt_log_append(committer->log, &written);
    }
    rt_journal_parts_finish(&committer->parts, &committer->heap);
    rt_journal_done(&committer->journal, err);
    return err;
}

static int restore(struct rt_committer *committer,
                   const struct rt_committer_options *options)
{
    struct rt_log_visitor visitor = rt_journal_visitor(&committer->journal);
    struct rt_log_options log = log_options(committer, options);
    visitor.progress = on_progress;
    int err = rt_log_open(&committer->log, &log, &visitor, &committer->found);
    if (err == 0) {
        err = rt_journal_restored(&committer->journal, &committer->found);
    }
    return err < 0 ? err : write_beginning(committer);
}

/* What the log has taken is charged, as all that it takes later will be. */
static int charge(struct rt_committer *committer)
{
    struct rt_heap *heap = &committer->server->heap;
    size_t used = committer->heap.used + RT_COMMITTER_GRANT;
    int err = rt_heap_charge(heap, used);
    if (err == 0) {
        committer->charged = used;
        committer->heap.limit = used;
        committer->told.heap_used = committer->heap.used;
        committer->news = committer->told;
    }
    return err;
}

static void close_log(struct rt_committer *committer)
{
    rt_log_close(committer->log);
    rt_journal_parts_finish(&committer->parts, &committer->heap);
    rt_posix_disk_close(&committer->disk);
}

static int open_log(struct rt_committer *committer,
                    const struct rt_committer_options *options)
{
    const struct rt_heap *heap = &committer->server->heap;
    rt_heap_init(&committer->heap, heap->limit - heap->used);
    int err =
        rt_posix_disk_open(&committer->disk, options->directory, RT_DISK_MAKE);
    if (err < 0) {
        return err;
    }
    err = restore(committer, options);
    if (err == 0) {
        err = charge(committer);
    }
    if (err < 0) {
        close_log(committer);
    }
    return err;
}

/* --- the thread --- */

static int begin_thread(struct rt_committer *committer)
{
    int err = uv_mutex_init(&committer->lock);
    if (err < 0) {
        return err;
    }
    err = uv_cond_init(&committer->wake);
    if (err < 0) {
        uv_mutex_destroy(&committer->lock);
        return err;
    }
    err = rt_thread_create(&committer->thread, RT_COMMITTER_NAME,
                           rt_committer_run, committer);
    if (err < 0) {
        uv_cond_destroy(&committer->wake);
        uv_mutex_destroy(&committer->lock);
    }
    return err;
}

/* --- both --- */

static void init(struct rt_committer *committer,
                 struct rt_server *server,
                 const struct rt_committer_options *options)
{
    uint64_t now_ns = uv_hrtime();
    *committer = (struct rt_committer){.server = server,
                                       .reserve = options->reserve,
                                       .opened_ns = now_ns,
                                       .progress_ns = now_ns,
                                       .looked_ns = now_ns,
                                       .retained_ns = now_ns};
    rt_journal_init(&committer->journal, &server->core);
    server->core.journal = &committer->journal;
    rt_core_set_time(&server->core, server->core.now_ms, rt_clock_wall_ms());
}

static int open_all(struct rt_committer *committer,
                    const struct rt_committer_options *options)
{
    int err = open_log(committer, options);
    if (err < 0) {
        return err;
    }
    err = rt_fetcher_init(&committer->fetcher, committer->server,
                          committer->log, &committer->async);
    if (err == 0) {
        err = begin_thread(committer);
    }
    if (err < 0) {
        rt_fetcher_finish(&committer->fetcher);
        close_log(committer);
    }
    return err;
}

int rt_committer_create(struct rt_server *server,
                        const struct rt_committer_options *options)
{
    struct rt_committer *committer =
        rt_heap_alloc(&server->heap, sizeof(*committer));
    if (committer == NULL) {
        return RT_ENOMEM;
    }
    init(committer, server, options);
    int err = open_all(committer, options);
    if (err < 0) {
        rt_journal_finish(&committer->journal);
        server->core.journal = NULL;
        rt_heap_uncharge(&server->heap, committer->charged);
        rt_heap_free(&server->heap, committer, sizeof(*committer));
        return err;
    }
    server->committer = committer;
    rt_report_opened(server, (uv_hrtime() - committer->opened_ns) / NS_OF_MS);
    return 0;
}
