#include "storage/log/survey.h"

#include <string.h>

#include "base/error.h"
#include "storage/log/begun.h"
#include "storage/log/files.h"
#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/sealed.h"
#include "storage/log/window.h"

struct survey {
    struct rt_disk *disk;
    struct rt_heap *heap;
    const struct rt_log_survey_visitor *visitor;
    struct rt_log_files files;
    size_t begun_count; /* files; one more may have been about to begin */
    struct rt_log_window window;
    struct rt_log_walk walk;
    uint64_t log;   /* 0: not known yet */
    uint64_t batch; /* number of the last one; 0: none */
    uint32_t chain; /* its crc */
    uint64_t done;  /* bytes of all segments before this one, and of all */
    uint64_t all;
    uint64_t told;       /* how far progress was told */
    bool is_interrupted; /* the end of the segment before is missing */
    bool is_last;        /* this is the last segment, */
    bool is_late; /* that, or the one before it, which may not be sealed yet */
    bool is_sealed;
    uint64_t size; /* of so many bytes, */
    struct rt_log_trailer trailer;
    uint64_t position; /* and the next batch is expected there */
    struct rt_log_segment_report report;
};

static void note_damage(struct survey *survey, uint64_t position)
{
    struct rt_log_segment_report *report = &survey->report;
    report->finding = RT_LOG_DAMAGED;
    report->damage = report->damage_count == 0 ? position : report->damage;
    report->damage_count++;
}

static int note_hole(struct survey *survey, uint64_t position)
{
    note_damage(survey, position);
    return survey->visitor->hole(survey->visitor->context);
}

/* --- head and trailer --- */

static bool is_ours(const struct survey *survey,
                    const struct rt_log_segment_head *head)
{
    return rt_log_segment_head_check(head) &&
           head->number == survey->report.number &&
           (survey->log == 0 || head->log == survey->log);
}

/* Without its head a segment may have all of its batches. One that does not
 * come behind the last batch is believed: what is missing was before it. */
static int check_head(struct survey *survey)
{
    struct rt_log_segment_head head;
    int err = rt_log_window_copy(&survey->window, 0, &head, sizeof(head));
    if (err < 0 && err != RT_EDAMAGED) {
        return err;
    }
    if (err == RT_EDAMAGED || !is_ours(survey, &head)) {
        note_damage(survey, 0);
        return 0;
    }
    bool is_behind = survey->batch == 0 || head.chain == survey->chain;
    survey->log = head.log;
    survey->chain = head.chain;
    survey->batch = is_behind ? survey->batch : 0;
    return is_behind || survey->is_interrupted ? 0 : note_hole(survey, 0);
}

static int find_trailer(struct survey *survey)
{
    int err = rt_log_trailer_read(&survey->window, survey->log,
                                  survey->report.number, &survey->trailer);
    survey->is_sealed = err == 0;
    return err == RT_EDAMAGED ? 0 : err;
}

static void look_at(struct survey *survey, struct rt_file file)
{
    rt_log_window_turn(&survey->window, file, survey->size);
}

static void look_until(struct survey *survey, uint64_t end)
{
    rt_log_window_turn(&survey->window, survey->window.file, end);
}

/* The index does not check. Of the segment before the last one a crash may have
 * left the trailer without it, and a start makes both anew. */
static void note_index(struct survey *survey)
{
    uint64_t index = survey->trailer.index;
    if (survey->is_late && !survey->is_last) {
        survey->report.torn_bytes = survey->size - index;
    } else {
        note_damage(survey, index);
    }
}

/* The index, once it is known which batches there are, and that they are all
 * there. */
static int check_sealing(struct survey *survey)
{
    const struct rt_log_trailer *trailer = &survey->trailer;
    uint32_t crc = 0;
    uint64_t len = survey->size - sizeof(*trailer) - trailer->index;
    look_until(survey, survey->size);
    int err =
        rt_log_window_checksum(&survey->window, trailer->index, len, &crc);
    if (err == 0 && crc != trailer->index_crc) {
        note_index(survey);
    }
    survey->is_interrupted = trailer->chain != survey->chain;
    return err == 0 && survey->is_interrupted
               ? note_hole(survey, trailer->index)
               : err;
}

/* --- batches --- */

static void tell_progress(struct survey *survey)
{
    const struct rt_log_survey_visitor *visitor = survey->visitor;
    uint64_t done = survey->done + survey->position;
    if (visitor->progress != NULL &&
        done - survey->told >= RT_LOG_PROGRESS_BYTES) {
        survey->told = done;
        visitor->progress(visitor->context, done, survey->all);
    }
}

static int tell_part(struct survey *survey)
{
    const struct rt_log_survey_visitor *visitor = survey->visitor;
    struct rt_log_walk *walk = &survey->walk;
    struct rt_bytes body;
    int err = rt_log_walk_body(walk, &body);
    if (err == RT_EDAMAGED) {
        note_damage(survey, walk->body);
        return visitor->part(visitor->context, walk, NULL);
    }
    if (err == 0 && walk->part.kind == RT_LOG_EVENTS) {
        survey->report.event_count += walk->part.count;
    }
    return err == 0 ? visitor->part(visitor->context, walk, &body) : err;
}

/* Goes past the batch, and tells it if anybody wants to know. */
static int pass_batch(struct survey *survey)
{
    const struct rt_log_survey_visitor *visitor = survey->visitor;
    struct rt_log_walk *walk = &survey->walk;
    survey->position = rt_log_walk_end(walk);
    survey->batch = walk->batch.number;
    survey->chain = walk->batch.crc;
    survey->report.batch_count++;
    tell_progress(survey);
    return visitor->batch != NULL ? visitor->batch(visitor->context, walk) : 0;
}

static int tell_batch(struct survey *survey)
{
    struct rt_log_walk *walk = &survey->walk;
    int more = rt_log_walk_next(walk);
    while (more > 0) {
        int err = tell_part(survey);
        if (err < 0) {
            return err;
        }
        more = rt_log_walk_next(walk);
    }
    if (more == RT_EDAMAGED) {
        note_damage(survey, walk->position);
    } else if (more < 0) {
        return more;
    }
    return pass_batch(survey);
}

/* Whether a batch that is not whole may be the one that a crash cut short. */
static int is_torn(struct survey *survey)
{
    struct rt_log_debris debris;
    struct rt_log_walk *walk = &survey->walk;
    int whole =
        survey->is_last && !survey->is_sealed ? rt_log_walk_is_whole(walk) : 1;
    if (whole != 0) {
        return whole < 0 ? whole : 0;
    }
    int err = rt_log_walk_search(walk, rt_log_walk_end(walk),
                                 walk->batch.number + 1, &debris);
    if (err < 0 || debris.position > 0) {
        return err;
    }
    survey->report.torn_bytes = debris.end - survey->position;
    return 1;
}

/* Where no batch checks: goes to the next one that does: 1, or 0 if there is
 * none, which is what a crash leaves at the end of the log. */
static int leap(struct survey *survey)
{
    struct rt_log_debris debris;
    uint64_t position = survey->position;
    int err =
        rt_log_walk_search(&survey->walk, position, survey->batch + 1, &debris);
    if (err == 0 && debris.position > 0) {
        err = rt_log_walk_to(&survey->walk, debris.position);
        return err < 0 ? err : 1;
    }
    if (survey->is_late && !survey->is_sealed) {
        survey->report.torn_bytes = debris.end - position;
    }
    return err;
}

/* Whether the batch comes behind the one before; the first may be any. */
static bool continues(const struct survey *survey)
{
    const struct rt_log_batch_head *batch = &survey->walk.batch;
    return survey->batch == 0 || (batch->number == survey->batch + 1 &&
                                  batch->chain == survey->chain);
}

/* Batches are missing before the one that the walk is at. If it is the snapshot
 * alone, nothing is lost by that. */
static int note_loss(struct survey *survey)
{
    const struct rt_log_batch_head *batch = &survey->walk.batch;
    bool is_second =
        survey->report.batch_count == 0 && batch->number == survey->batch + 2;
    if (!is_second) {
        return note_hole(survey, survey->position);
    }
    note_damage(survey, survey->position);
    return 0;
}

/* Goes to the next batch: 1, or 0 at the end. */
static int next_batch(struct survey *survey)
{
    int err = rt_log_walk_to(&survey->walk, survey->position);
    if (err < 0 && err != RT_EDAMAGED) {
        return err;
    }
    bool is_next = err == 0 && continues(survey);
    int found = is_next ? 1 : leap(survey);
    if (found > 0 && !is_next) {
        err = note_loss(survey);
        found = err < 0 ? err : 1;
    }
    if (found <= 0) {
        return found;
    }
    int torn = is_torn(survey);
    return torn < 0 ? torn : torn == 0;
}

static int check_batches(struct survey *survey)
{
    uint64_t end = survey->is_sealed ? survey->trailer.index : survey->size;
    look_until(survey, end);
    survey->position = sizeof(struct rt_log_segment_head);
    rt_log_walk_init(&survey->walk, &survey->window, survey->log,
                     survey->report.number);
    int found = next_batch(survey);
    while (found > 0) {
        int err = tell_batch(survey);
        found = err < 0 ? err : next_batch(survey);
    }
    return found;
}

/* Whether the next segment comes behind the last batch that is here: 1 or 0, or
 * an error. */
static int is_followed(struct survey *survey)
{
    struct rt_log_segment_head head;
    struct rt_file file = survey->window.file;
    int err = rt_log_window_open(&survey->window, survey->report.number + 1);
    if (err < 0) {
        return err == RT_ENOENT ? 0 : err;
    }
    err = rt_log_window_copy(&survey->window, 0, &head, sizeof(head));
    rt_log_window_close(&survey->window);
    look_at(survey, file);
    if (err < 0) {
        return err == RT_EDAMAGED ? 0 : err;
    }
    return rt_log_segment_head_check(&head) && head.chain == survey->chain;
}

/* What is behind the last batch. A crash leaves a segment unsealed while the
 * next one begins. */
static int check_end(struct survey *survey)
{
    survey->is_interrupted = false;
    if (survey->is_sealed) {
        return check_sealing(survey);
    }
    int followed = survey->is_last   ? survey->report.batch_count > 0
                   : survey->is_late ? is_followed(survey)
                                     : 0;
    survey->is_interrupted = followed == 0;
    return followed == 0  ? note_hole(survey, survey->position)
           : followed < 0 ? followed
                          : 0;
}

/* --- segments --- */

/* A segment that was about to begin: all that is there a crash has left. */
static int pass_debris(struct survey *survey)
{
    struct rt_log_debris debris;
    rt_log_walk_init(&survey->walk, &survey->window, 0, survey->report.number);
    int err = rt_log_walk_search(&survey->walk, 0, UINT64_MAX, &debris);
    survey->report.torn_bytes = debris.end;
    return err;
}

static int check_file(struct survey *survey)
{
    int err = check_head(survey);
    if (err == 0) {
        err = find_trailer(survey);
    }
    if (err == 0) {
        err = check_batches(survey);
    }
    return err == 0 ? check_end(survey) : err;
}

static int tell_segment(struct survey *survey)
{
    const struct rt_log_survey_visitor *visitor = survey->visitor;
    struct rt_log_segment_report *report = &survey->report;
    if (report->finding == RT_LOG_SOUND && report->torn_bytes > 0) {
        report->finding = RT_LOG_TORN;
    }
    return visitor->segment != NULL ? visitor->segment(visitor->context, report)
                                    : 0;
}

/* The segments that should be between two that are there. */
static int tell_missing(struct survey *survey, uint64_t last, uint64_t next)
{
    survey->report = (struct rt_log_segment_report){.finding = RT_LOG_MISSING,
                                                    .number = last + 1,
                                                    .count = next - last - 1};
    survey->is_interrupted = true;
    int err = survey->visitor->hole(survey->visitor->context);
    return err == 0 ? tell_segment(survey) : err;
}

/* The last segment is sealed, so there was one behind it. */
static int tell_next_missing(struct survey *survey)
{
    uint64_t last = survey->files.numbers[survey->files.count - 1];
    return tell_missing(survey, last, last + 2);
}

static int check_segment(struct survey *survey, size_t index)
{
    struct rt_file file;
    uint64_t number = survey->files.numbers[index];
    int err = rt_log_files_open(survey->disk, number, &file, &survey->size);
    if (err < 0) {
        return err;
    }
    survey->is_last = index + 1 == survey->begun_count;
    survey->is_late = index + 2 >= survey->begun_count;
    survey->report = (struct rt_log_segment_report){
        .number = number, .count = 1, .bytes = survey->size};
    look_at(survey, file);
    err =
        index < survey->begun_count ? check_file(survey) : pass_debris(survey);
    rt_disk_close(survey->disk, &file);
    survey->done += survey->size;
    return err == 0 ? tell_segment(survey) : err;
}

/* How many bytes there are in all. */
static int measure(struct survey *survey)
{
    for (size_t i = 0; i < survey->files.count; i++) {
        struct rt_file file;
        uint64_t size = 0;
        int err = rt_log_files_open(survey->disk, survey->files.numbers[i],
                                    &file, &size);
        if (err < 0) {
            return err;
        }
        rt_disk_close(survey->disk, &file);
        survey->all += size;
    }
    return 0;
}

/* Leaves out the segments before the first one that is asked for. */
static void skip_until(struct rt_log_files *files, uint64_t first)
{
    size_t skipped = 0;
    while (skipped < files->count && files->numbers[skipped] < first) {
        skipped++;
    }
    files->count -= skipped;
    if (files->count > 0) {
        memmove(files->numbers, files->numbers + skipped,
                files->count * sizeof(*files->numbers));
    }
}

static int list(struct survey *survey, uint64_t first)
{
    struct rt_log_files *files = &survey->files;
    int err = rt_log_files_list(files, survey->disk);
    if (err == 0 && files->stage != RT_LOG_REPAIR_NONE) {
        err = RT_EUNENDED;
    }
    int begun =
        err == 0 && files->count > 0 ? rt_log_begun(&survey->window, files) : 1;
    skip_until(files, first);
    survey->begun_count = files->count;
    if (begun == 0 && files->count > 0) {
        survey->begun_count--;
    }
    return begun < 0 ? begun : err;
}

static int check_all(struct survey *survey, uint64_t first)
{
    int err = list(survey, first);
    err = err == 0 ? measure(survey) : err;
    for (size_t i = 0; i < survey->files.count && err == 0; i++) {
        uint64_t before =
            i > 0 ? survey->files.numbers[i - 1] : survey->files.numbers[i] - 1;
        if (survey->files.numbers[i] > before + 1) {
            err = tell_missing(survey, before, survey->files.numbers[i]);
        }
        err = err == 0 ? check_segment(survey, i) : err;
    }
    return err == 0 && survey->is_sealed ? tell_next_missing(survey) : err;
}

int rt_log_survey(struct rt_disk *disk,
                  struct rt_heap *heap,
                  uint64_t first,
                  const struct rt_log_survey_visitor *visitor)
{
    struct survey survey = {.disk = disk, .heap = heap, .visitor = visitor};
    rt_log_files_init(&survey.files, heap);
    rt_log_window_init(&survey.window, disk, heap, RT_LOG_WINDOW_WIDE);
    int err = check_all(&survey, first);
    rt_log_window_finish(&survey.window);
    rt_log_files_finish(&survey.files);
    return err;
}
