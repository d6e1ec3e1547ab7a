/* The log, and what its thread does. */
#include "base/error.h"
#include "broker/core/journal_restore.h"
#include "broker/core/topic.h"
#include "storage/log/state.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

#define GRAIN    ((size_t)64)
#define IDENTITY UINT64_C(0x1234567890abcdef)

/* --- what the core asks of the log --- */

bool disk_extent(const struct world *world,
                 const struct rt_topic *found,
                 struct rt_log_extent *extent)
{
    return found->durable->id > 0 &&
           rt_log_extent(world->log, found->durable->id, extent);
}

static bool
find_extent(void *context, uint64_t id, uint64_t *earliest, uint64_t *end)
{
    const struct world *world = context;
    struct rt_log_extent extent;
    if (!rt_log_extent(world->log, id, &extent)) {
        return false;
    }
    *earliest = extent.earliest;
    *end = extent.next_offset;
    return true;
}

static uint64_t find_lost(void *context, uint64_t id)
{
    const struct world *world = context;
    struct rt_log_extent extent;
    return rt_log_extent(world->log, id, &extent) ? extent.lost_ms : 0;
}

static uint64_t find_since(void *context, uint64_t id, uint64_t wall_ms)
{
    const struct world *world = context;
    return rt_log_offset_since(world->log, id, wall_ms);
}

static uint64_t
find_before(void *context, uint64_t id, uint64_t offset, uint64_t count)
{
    const struct world *world = context;
    return rt_log_offset_before(world->log, id, offset, count);
}

static void
want(void *context, uint64_t id, uint64_t offset, struct rt_segment *segment)
{
    struct world *world = context;
    EXPECT(world->wanted.id == 0 && id > 0);
    EXPECT_INT(segment->event_count, 0);
    world->wanted = (struct wanted){id, offset, segment};
}

static void want_scan(void *context, struct rt_log_scan *scan)
{
    struct world *world = context;
    EXPECT(world->scan == NULL);
    EXPECT_INT(scan->segment->event_count, 0);
    world->scan = scan;
}

const struct rt_history_ops disk_history = {.extent = find_extent,
                                            .lost_ms = find_lost,
                                            .offset_since = find_since,
                                            .offset_before = find_before,
                                            .fetch = want,
                                            .scan = want_scan};

/* --- what is fetched --- */

/* A block of any size: what is left out will be fetched next. */
static void shorten(struct world *world, struct rt_segment *segment)
{
    uint32_t count = 1 + below(world, segment->event_count);
    segment->used = rt_segment_start(segment, count);
    segment->event_count = count;
}

static void give(struct world *world, int err, size_t needed)
{
    world->wanted.id = 0;
    rt_history_fetched(&world->core.history, err, needed);
}

/* It cannot be had. Who waited for it, and does not want to be told, has passed
 * it now. */
static void give_none(struct world *world, int err)
{
    world->is_answered = true;
    give(world, err, 0);
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        reader_check(&world->readers[i]);
    }
    world->is_answered = false;
}

void disk_answer(struct world *world)
{
    struct wanted wanted = world->wanted;
    size_t needed = 0;
    if (wanted.id == 0) {
        return;
    }
    if (one_in(world, 8)) { /* it had no room */
        give(world, RT_ERANGE,
             wanted.segment->capacity + GRAIN * below(world, 1000));
        return;
    }
    int err = rt_log_read(&world->log_reader, wanted.id, wanted.offset,
                          wanted.segment, &needed);
    EXPECT(err == 0 || err == RT_ENOENT || err == RT_ERANGE ||
           err == RT_EAGAIN || world->habits.fails ||
           (err == RT_EDAMAGED && world->is_flipped));
    if (err == 0 && one_in(world, 2)) {
        shorten(world, wanted.segment);
    }
    world_say(world, "fetched %" PRIu64 " of %" PRIu64 ": %d",
              wanted.segment->first_offset, wanted.id, err);
    if (err == -EIO || err == RT_EDAMAGED) {
        give_none(world, err);
    } else {
        give(world, err, needed);
    }
}

/* --- what is scanned --- */

static void give_scan(struct world *world, int err)
{
    world->scan = NULL;
    rt_excerpts_fetched(&world->core.excerpts, err);
}

/* Those who are told nothing have passed all that was to be read. */
static void give_no_scan(struct world *world, int err)
{
    world->refused = world->scan->until - 1;
    give_scan(world, err);
    for (uint32_t i = 0; i < SEVERAL_MAX; i++) {
        several_refuse(&world->several[i]);
    }
}

/* A scan that ends early has looked at what is lost up to where it was to end.
 */
static void extend_losses(const struct world *world, struct rt_log_scan *scan)
{
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        struct rt_log_scan_topic *topic = &scan->topics[i];
        if (topic->lost > 0) {
            uint64_t lost = rt_log_index_shelf(&world->log->index, topic->id)
                                ->loss.sequence;
            topic->lost = lost < scan->until ? lost : scan->until - 1;
        }
    }
}

void disk_scan(struct world *world)
{
    struct rt_log_scan *scan = world->scan;
    if (scan == NULL) {
        return;
    }
    if (one_in(world, 8)) { /* it had no room */
        scan->needed =
            scan->segment->capacity + GRAIN * (1 + below(world, 1000));
        give_scan(world, RT_ERANGE);
        return;
    }
    uint64_t until = scan->until;
    if (one_in(world, 2)) {
        uint64_t left = until - scan->first;
        scan->until = scan->first + 1 + below(world, (uint32_t)left);
    }
    int err = rt_log_scan(&world->log_scanner, scan);
    world_say(world, "scanned %" PRIu64 " to %" PRIu64 ": %d, %u events",
              scan->first, scan->end, err, scan->event_count);
    EXPECT(err == 0 || err == RT_ERANGE || world->habits.fails);
    scan->until = until;
    extend_losses(world, scan);
    if (err == 0 || err == RT_ERANGE) {
        give_scan(world, err);
    } else {
        give_no_scan(world, err);
    }
}

/* Nobody can have what they wait for. */
void disk_refuse(struct world *world)
{
    if (world->scan != NULL && world->habits.is_damaged) {
        give_no_scan(world, one_in(world, 2) ? RT_EDAMAGED : -EIO);
    }
    if (world->wanted.id > 0 && world->habits.is_damaged) {
        give_none(world, one_in(world, 2) ? RT_EDAMAGED : -EIO);
    }
}

/* --- what is written --- */

static uint64_t bytes_of(const struct rt_journal_batch *batch)
{
    return batch != NULL ? batch->bytes : 0;
}

/* What a batch says of the node is true when it is offered, and all there is is
 * in one. */
static void check_offered(const struct world *world)
{
    const struct rt_journal *journal = &world->journal;
    const struct rt_journal_batch *batch = world->batches.offered;
    EXPECT_INT(journal->extents_owed, 0);
    EXPECT_INT(batch->sequence, world->core.sequence);
    EXPECT_INT(batch->wall_ms, world->wall_ms);
    EXPECT_INT(bytes_of(journal->writing) + bytes_of(journal->offered),
               journal->bytes);
    EXPECT_INT(rt_journal_batch_of(journal, rt_journal_ticket(journal) - 1),
               batch->number);
}

/* Returns whether all there is is offered now. */
static bool offer(struct world *world)
{
    struct batches *batches = &world->batches;
    if (batches->offered != NULL) {
        return rt_journal_extend(&world->journal) == 0;
    }
    batches->offered = rt_journal_take(&world->journal);
    return batches->offered != NULL;
}

void disk_take(struct world *world)
{
    if (!rt_journal_has_batch(&world->journal)) {
        return;
    }
    if (world->journal.is_refused) {
        world->batches.again = rt_journal_take(&world->journal);
    } else if (offer(world)) {
        check_offered(world);
    }
}

/* Where a segment begins the oldest ones may have gone. What was in one does
 * not count any more even if its file cannot be removed. */
static int append(struct world *world, const struct rt_journal_batch *batch)
{
    struct rt_log_batch written;
    uint64_t removals = world->disk.removals;
    int err =
        rt_journal_write(&world->parts, &world->log_heap, batch, &written);
    if (err == 0) {
        err = rt_log_append(world->log, &written);
    }
    world->is_retained = world->is_retained || world->disk.removals > removals;
    return err;
}

void disk_append(struct world *world)
{
    struct batches *batches = &world->batches;
    struct rt_journal_batch **from =
        batches->is_halted ? &batches->again : &batches->offered;
    const struct rt_journal_batch *batch = *from;
    if (batch == NULL) {
        return;
    }
    *from = NULL;
    batches->err = append(world, batch);
    batches->is_halted = batches->err < 0;
    batches->written = batches->err == 0 ? batch->number : batches->written;
    world_say(world, "batch %" PRIu64 " is written: %d", batch->number,
              batches->err);
    EXPECT(batches->err == 0 || batches->err == RT_ENOSPC ||
           world->habits.fails);
}

static void note_written(struct world *world, uint64_t number)
{
    EXPECT_INT(world->journal.done, number);
    for (uint32_t i = 0; i < world->habits.topic_count; i++) {
        truth_written(&world->topics[i], number);
    }
}

static void tell_written(struct world *world)
{
    const struct rt_journal *journal = &world->journal;
    while (journal->writing != NULL &&
           journal->writing->number <= world->batches.written) {
        uint64_t number = journal->writing->number;
        world->last = journal->done + 1;
        rt_journal_done(&world->journal, 0);
        note_written(world, number);
    }
}

void disk_tell(struct world *world)
{
    int err = world->batches.err;
    tell_written(world);
    if (err < 0) {
        world->batches.err = 0;
        rt_journal_done(&world->journal, err);
    }
    if (rt_journal_is_idle(&world->journal)) {
        EXPECT_INT(world->journal.bytes, 0);
    }
    world->is_full = world->is_full || err == RT_ENOSPC;
    rt_journal_set_full(&world->journal, world->is_full);
    rt_history_continue(&world->core.history);
    rt_excerpts_continue(&world->core.excerpts);
}

/* --- room --- */

static uint64_t used_bytes(const struct world *world)
{
    const struct fake_disk *disk = &world->disk;
    uint64_t bytes = 0;
    for (size_t i = 0; i < disk->now.count; i++) {
        bytes += disk->files[disk->now.names[i].file].now.len;
    }
    return bytes;
}

/* The next segment finds no room. The core learns of it from that, or before.
 */
void disk_fill(struct world *world)
{
    world->disk.capacity = used_bytes(world);
    if (one_in(world, 2)) {
        world->is_full = true;
        rt_journal_set_full(&world->journal, true);
    }
}

void disk_empty(struct world *world)
{
    world->disk.capacity = UINT64_MAX;
    world->is_full = false;
    rt_journal_set_full(&world->journal, false);
}

void disk_retain(struct world *world)
{
    int err = rt_log_retain(world->log, world->wall_ms);
    EXPECT(err == 0 || world->habits.fails);
    world->is_retained = true;
}

/* --- begin and end --- */

static struct rt_log_options log_options(struct world *world)
{
    return (struct rt_log_options){.disk = &world->disk.disk,
                                   .heap = &world->log_heap,
                                   .segment_bytes = world->habits.segment_size,
                                   .retention = world->log_retention,
                                   .keys = {KEY_MS, UINT64_MAX},
                                   .wall_ms = world->wall_ms,
                                   .identity = IDENTITY + world->starts};
}

/* Before anybody is served, as the network layer does it. */
static void write_beginning(struct world *world)
{
    disk_take(world);
    EXPECT(world->batches.offered != NULL);
    disk_append(world);
    EXPECT_INT(world->batches.err, 0);
    world->last = 1;
    rt_journal_done(&world->journal, 0);
}

int disk_open(struct world *world, struct rt_log_found *found)
{
    struct rt_log_visitor visitor = rt_journal_visitor(&world->journal);
    struct rt_log_options options = log_options(world);
    *found = (struct rt_log_found){.sequence = 0};
    int err = rt_log_open(&world->log, &options, &visitor, found);
    if (err < 0) {
        EXPECT(err == RT_EDAMAGED && world->is_flipped);
        return err;
    }
    EXPECT(found->damaged_topics == 0 || world->is_flipped);
    EXPECT_INT(rt_journal_restored(&world->journal, found), 0);
    world->log_store = (struct rt_store){.heap = &world->log_heap};
    rt_log_reader_init(&world->log_reader, world->log, &world->log_store);
    rt_log_scanner_init(&world->log_scanner, world->log, &world->log_store);
    write_beginning(world);
    return 0;
}

void disk_close(struct world *world)
{
    rt_log_reader_finish(&world->log_reader);
    rt_log_scanner_finish(&world->log_scanner);
    rt_log_close(world->log);
    rt_journal_parts_finish(&world->parts, &world->log_heap);
    EXPECT_INT(world->log_heap.used, 0);
    world->log = NULL;
    world->wanted = (struct wanted){.id = 0};
    world->scan = NULL;
    world->batches = (struct batches){.offered = NULL};
}
