#include "storage/log/repair.h"

#include "base/error.h"
#include "storage/log/files.h"
#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/overlay.h"
#include "storage/log/rewrite.h"
#include "storage/log/sealed.h"

/* --- the files of a repair --- */

/* Does something with each file of one ending that a listing has found. */
struct sweep {
    struct rt_disk *disk;
    struct rt_log_files files; /* by number */
    const char *ending;
};

static void found_name(void *context, const char *name)
{
    struct sweep *sweep = context;
    uint64_t number = rt_log_overlay_number(name, sweep->ending);
    if (number > 0) {
        rt_log_files_add(&sweep->files, number);
    }
}

static int sweep_list(struct sweep *sweep,
                      const struct rt_log_repair_options *options,
                      const char *ending)
{
    *sweep = (struct sweep){.disk = options->disk, .ending = ending};
    rt_log_files_init(&sweep->files, options->heap);
    int err = rt_disk_list(options->disk, found_name, sweep);
    return err == 0 ? sweep->files.err : err;
}

typedef int (*sweep_fn)(struct rt_disk *disk, uint64_t number);

/* Calls for each segment from `first` on whose name has that ending. */
static int sweep(const struct rt_log_repair_options *options,
                 const char *ending,
                 uint64_t first,
                 sweep_fn call)
{
    struct sweep files;
    int err = sweep_list(&files, options, ending);
    for (size_t i = 0; i < files.files.count && err == 0; i++) {
        uint64_t number = files.files.numbers[i];
        err = number >= first ? call(options->disk, number) : 0;
    }
    rt_log_files_finish(&files.files);
    return err;
}

static int refuse(struct rt_disk *disk, uint64_t number)
{
    (void)disk;
    (void)number;
    return RT_EEXIST;
}

static int remove_new(struct rt_disk *disk, uint64_t number)
{
    char name[RT_LOG_FILE_SIZE];
    rt_log_overlay_name(number, RT_LOG_NEW, name);
    return rt_disk_remove(disk, name);
}

static int sync_new(struct rt_disk *disk, uint64_t number)
{
    struct rt_file file;
    char name[RT_LOG_FILE_SIZE];
    rt_log_overlay_name(number, RT_LOG_NEW, name);
    int err = rt_disk_open(disk, name, false, &file);
    if (err < 0) {
        return err;
    }
    err = rt_disk_sync(disk, &file);
    rt_disk_close(disk, &file);
    return err;
}

static int put_aside(struct rt_disk *disk, uint64_t number)
{
    char name[RT_LOG_FILE_SIZE];
    char damaged[RT_LOG_FILE_SIZE];
    rt_log_overlay_name(number, "", name);
    rt_log_overlay_name(number, RT_LOG_DAMAGED, damaged);
    return rt_disk_rename(disk, name, damaged);
}

static int put_in(struct rt_disk *disk, uint64_t number)
{
    char name[RT_LOG_FILE_SIZE];
    char fresh[RT_LOG_FILE_SIZE];
    rt_log_overlay_name(number, "", name);
    rt_log_overlay_name(number, RT_LOG_NEW, fresh);
    return rt_disk_rename(disk, fresh, name);
}

/* --- new segments --- */

/* What is found of the log that is to be mended. */
struct findings {
    struct rt_log_tally tally;
    struct rt_log_check_found *sum;
    uint64_t first; /* the first segment to write anew */
};

static int rewrite(const struct rt_log_repair_options *options,
                   const struct findings *findings,
                   struct rt_log *log)
{
    const struct rt_log_tally *tally = &findings->tally;
    int err = rt_log_rewrite_topics(log, tally);
    if (err == 0) {
        err =
            rt_log_rewrite(log, options->disk, options->heap, findings->first);
    }
    if (err == 0) {
        err = rt_log_rewrite_ends(log, tally);
    }
    return err == 0 && findings->sum->is_clean
               ? rt_log_rewrite_end(log, findings->sum->sequence)
               : err;
}

static int write_new(const struct rt_log_repair_options *options,
                     const struct findings *findings)
{
    struct rt_log_overlay overlay;
    struct rt_log *log = NULL;
    struct rt_log_found found;
    struct rt_log_visitor visitor = {.context = NULL};
    rt_log_overlay_init(&overlay, options->disk, findings->first);
    struct rt_log_options opening = {
        .disk = &overlay.disk,
        .heap = options->heap,
        .segment_bytes = options->segment_bytes,
        .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
        .keys = {UINT64_MAX, UINT64_MAX},
        .wall_ms = options->wall_ms,
        .identity = options->identity,
        .is_cut = true};
    int err = rt_log_open(&log, &opening, &visitor, &found);
    if (err == 0) {
        err = rewrite(options, findings, log);
    }
    rt_log_close(log);
    return err;
}

/* --- from stage to stage --- */

/* Leaves the next mark, so that it is safe before anything follows. */
static int mark(const struct rt_log_repair_options *options,
                enum rt_log_repair_stage stage,
                uint64_t first)
{
    char before[RT_LOG_MARK_SIZE];
    char after[RT_LOG_MARK_SIZE];
    struct rt_file file;
    struct rt_disk *disk = options->disk;
    rt_log_files_mark(RT_LOG_REPAIR_PUT_ASIDE, first, before);
    rt_log_files_mark(stage, first, after);
    if (stage == RT_LOG_REPAIR_PUT_IN) {
        return rt_disk_rename(disk, before, after);
    }
    int err = rt_disk_open(disk, after, true, &file);
    if (err == 0) {
        rt_disk_close(disk, &file);
    }
    return err;
}

static int unmark(const struct rt_log_repair_options *options, uint64_t first)
{
    char name[RT_LOG_MARK_SIZE];
    rt_log_files_mark(RT_LOG_REPAIR_PUT_IN, first, name);
    int err = rt_disk_remove(options->disk, name);
    return err == 0 ? rt_disk_sync_names(options->disk) : err;
}

static int put_all_in(const struct rt_log_repair_options *options,
                      uint64_t first)
{
    int err = sweep(options, RT_LOG_NEW, first, put_in);
    if (err == 0) {
        err = rt_disk_sync_names(options->disk);
    }
    return err == 0 ? unmark(options, first) : err;
}

static int put_all_aside(const struct rt_log_repair_options *options,
                         uint64_t first)
{
    int err = sweep(options, "", first, put_aside);
    if (err == 0) {
        err = rt_disk_sync_names(options->disk);
    }
    if (err == 0) {
        err = mark(options, RT_LOG_REPAIR_PUT_IN, first);
    }
    if (err == 0) {
        err = rt_disk_sync_names(options->disk);
    }
    return err == 0 ? put_all_in(options, first) : err;
}

/* Ends what was interrupted. Without a mark that is nothing, for the log is
 * still what it was. */
static int end_last(const struct rt_log_repair_options *options)
{
    struct rt_log_files files;
    rt_log_files_init(&files, options->heap);
    int err = rt_log_files_list(&files, options->disk);
    enum rt_log_repair_stage stage = files.stage;
    uint64_t first = files.repaired;
    rt_log_files_finish(&files);
    if (err == 0) {
        err = rt_disk_sync_names(options->disk);
    }
    if (err < 0 || stage == RT_LOG_REPAIR_NONE) {
        return err;
    }
    return stage == RT_LOG_REPAIR_PUT_ASIDE ? put_all_aside(options, first)
                                            : put_all_in(options, first);
}

static int mend(const struct rt_log_repair_options *options,
                const struct findings *findings)
{
    uint64_t first = findings->first;
    int err = sweep(options, RT_LOG_DAMAGED, first, refuse);
    if (err == 0) {
        err = sweep(options, RT_LOG_NEW, 0, remove_new);
    }
    if (err == 0) {
        err = write_new(options, findings);
    }
    if (err == 0) {
        err = sweep(options, RT_LOG_NEW, first, sync_new);
    }
    if (err == 0) {
        err = rt_disk_sync_names(options->disk);
    }
    if (err == 0) {
        err = mark(options, RT_LOG_REPAIR_PUT_ASIDE, first);
    }
    if (err == 0) {
        err = rt_disk_sync_names(options->disk);
    }
    return err == 0 ? put_all_aside(options, first) : err;
}

/* The first segment to write anew: the first one that is damaged, or the one
 * before it if a crash has left that unsealed, for nothing may be added to it.
 */
static int go_back(const struct rt_log_repair_options *options,
                   const struct rt_log_files *files,
                   uint64_t *first)
{
    struct rt_log_window window;
    size_t place = files->count;
    int sealed = 0;
    rt_log_window_init(&window, options->disk, options->heap,
                       RT_LOG_WINDOW_NARROW);
    while (place > 0 && sealed == 0) {
        uint64_t before = files->numbers[--place];
        sealed = before < *first ? rt_log_is_sealed(&window, before) : 0;
        *first = before < *first && sealed == 0 ? before : *first;
    }
    rt_log_window_finish(&window);
    return sealed < 0 ? sealed : 0;
}

/* Without a sound segment before it, the log begins anew. */
static int find_first(const struct rt_log_repair_options *options,
                      struct findings *findings)
{
    struct rt_log_files files;
    uint64_t first = findings->sum->first_damaged;
    rt_log_files_init(&files, options->heap);
    int err = rt_log_files_list(&files, options->disk);
    if (err == 0) {
        err = go_back(options, &files, &first);
    }
    bool is_oldest = files.count > 0 && files.numbers[0] >= first;
    findings->first = is_oldest ? 1 : first;
    rt_log_files_finish(&files);
    return err;
}

static int check_and_mend(const struct rt_log_repair_options *options,
                          const struct rt_log_check_visitor *visitor,
                          struct findings *findings)
{
    int err =
        rt_log_check(options->disk, &findings->tally, visitor, findings->sum);
    if (err < 0 || rt_log_check_is_sound(findings->sum)) {
        return err;
    }
    err = find_first(options, findings);
    return err == 0 ? mend(options, findings) : err;
}

int rt_log_repair(const struct rt_log_repair_options *options,
                  const struct rt_log_check_visitor *visitor,
                  struct rt_log_check_found *found)
{
    struct findings findings = {.sum = found};
    *found = (struct rt_log_check_found){0};
    int err = end_last(options);
    if (err < 0) {
        return err;
    }
    rt_log_tally_init(&findings.tally, options->heap);
    err = check_and_mend(options, visitor, &findings);
    rt_log_tally_finish(&findings.tally);
    return err;
}
