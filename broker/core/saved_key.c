#include "broker/core/saved_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "what is in memory is what is on disk");
_Static_assert(sizeof(struct rt_saved_key) == 40, "as on disk");
_Static_assert(sizeof(struct rt_saved_receipt) == 32, "as on disk");

/* The log has no more of a key than the window. It has what says that keys are
 * forgotten as well, and keys that the window has dropped. */
struct rt_log_key_limits rt_key_limits(const struct rt_core *core)
{
    return (struct rt_log_key_limits){
        .age_ms = core->options.idempotency.keep_ms,
        .bytes = 2 * rt_idempotency_bytes_max(&core->idempotency)};
}

static size_t size_of(const struct rt_idempotency_request *request,
                      uint32_t receipt_count)
{
    return sizeof(struct rt_saved_key) +
           receipt_count * sizeof(struct rt_saved_receipt) +
           request->topic.len + request->key.len;
}

struct rt_idempotency_entry *
rt_key_remember(struct rt_core *core,
                const struct rt_idempotency_request *request,
                uint32_t receipt_count)
{
    struct rt_idempotency_entry *entry = rt_idempotency_remember(
        &core->idempotency, request, receipt_count, core->now_ms);
    if (entry != NULL && core->journal != NULL &&
        rt_journal_reserve_key(core->journal, size_of(request, receipt_count)) <
            0) {
        rt_idempotency_forget(&core->idempotency, entry);
        entry = NULL;
    }
    return entry;
}

/* --- writing --- */

static char *put(char *at, const void *bytes, size_t len)
{
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    return at + len;
}

static char *put_receipt(char *at, const struct rt_receipt *receipt)
{
    struct rt_saved_receipt saved = {.offset = receipt->cursor.offset,
                                     .wall_ms = receipt->wall_ms,
                                     .first = receipt->first,
                                     .epoch = receipt->cursor.epoch,
                                     .count = receipt->count};
    return put(at, &saved, sizeof(saved));
}

static void save(struct rt_journal *journal,
                 const struct rt_idempotency_request *request,
                 const struct rt_receipt *receipts,
                 uint32_t receipt_count)
{
    char memory[RT_SAVED_KEY_BYTES_MAX];
    struct rt_saved_key saved = {.body = request->body,
                                 .receipt_count = receipt_count,
                                 .topic_len = (uint16_t)request->topic.len,
                                 .key_len = (uint16_t)request->key.len};
    RT_CHECK(size_of(request, receipt_count) <= sizeof(memory));
    char *at = put(memory, &saved, sizeof(saved));
    for (uint32_t i = 0; i < receipt_count; i++) {
        at = put_receipt(at, &receipts[i]);
    }
    at = put(at, request->topic.data, request->topic.len);
    at = put(at, request->key.data, request->key.len);
    struct rt_bytes bytes = {memory, (size_t)(at - memory)};
    RT_CHECK(rt_journal_note_key(journal, bytes) == 0); /* it is reserved */
}

void rt_key_settle(struct rt_core *core,
                   const struct rt_idempotency_request *request,
                   struct rt_idempotency_entry *entry,
                   const struct rt_receipt *receipts,
                   uint32_t receipt_count)
{
    rt_idempotency_settle(entry, receipts);
    if (core->journal != NULL) {
        save(core->journal, request, receipts, receipt_count);
    }
}

/* Also where the window has no key of the topic: the log may have some that it
 * has dropped, and a start with more room for them would know them again. */
int rt_key_forget_topic(struct rt_core *core, struct rt_bytes topic)
{
    struct rt_idempotency_request request = {.topic = topic};
    int err = core->journal == NULL
                  ? 0
                  : rt_journal_reserve_key(core->journal, size_of(&request, 0));
    if (err < 0) {
        return err;
    }
    rt_idempotency_forget_topic(&core->idempotency, topic);
    if (core->journal != NULL) {
        save(core->journal, &request, NULL, 0);
    }
    return 0;
}

/* --- reading --- */

static struct rt_receipt get_receipt(const char *at)
{
    struct rt_saved_receipt saved;
    memcpy(&saved, at, sizeof(saved));
    return (struct rt_receipt){.cursor = {saved.epoch, saved.offset},
                               .wall_ms = saved.wall_ms,
                               .first = saved.first,
                               .count = saved.count,
                               .ack = RT_ACK_DISK}; /* by now it is */
}

/* When it was remembered, which may have been before the clock began: then it
 * wraps, and differences are right all the same. */
static uint64_t since_of(const struct rt_core *core,
                         const struct rt_receipt *receipt)
{
    uint64_t age_ms =
        core->wall_ms > receipt->wall_ms ? core->wall_ms - receipt->wall_ms : 0;
    return core->now_ms - age_ms;
}

static bool is_whole(const struct rt_saved_key *saved, size_t len)
{
    struct rt_idempotency_request request = {.topic.len = saved->topic_len,
                                             .key.len = saved->key_len};
    bool is_key = saved->receipt_count > 0 && saved->key_len > 0;
    bool is_forgetting = saved->receipt_count == 0 && saved->key_len == 0;
    return (is_key || (is_forgetting && saved->topic_len > 0)) &&
           saved->receipt_count <= RT_PUBLICATION_TOPICS_MAX &&
           saved->topic_len <= RT_TOPIC_BYTES_MAX &&
           saved->key_len <= RT_IDEMPOTENCY_KEY_BYTES_MAX &&
           len == size_of(&request, saved->receipt_count);
}

static int
restore(struct rt_core *core, const struct rt_saved_key *saved, const char *at)
{
    struct rt_receipt receipts[RT_PUBLICATION_TOPICS_MAX];
    for (uint32_t i = 0; i < saved->receipt_count; i++) {
        receipts[i] = get_receipt(at);
        at += sizeof(struct rt_saved_receipt);
    }
    struct rt_idempotency_request request = {
        .topic = {at, saved->topic_len},
        .key = {at + saved->topic_len, saved->key_len},
        .body = saved->body};
    if (saved->receipt_count == 0) {
        rt_idempotency_forget_topic(&core->idempotency, request.topic);
        return 0;
    }
    return rt_idempotency_restore(&core->idempotency, &request, receipts,
                                  saved->receipt_count,
                                  since_of(core, &receipts[0]));
}

int rt_key_restore(struct rt_core *core, struct rt_bytes bytes)
{
    struct rt_saved_key saved;
    if (bytes.len < sizeof(saved)) {
        return RT_EINVAL;
    }
    memcpy(&saved, bytes.data, sizeof(saved));
    return is_whole(&saved, bytes.len)
               ? restore(core, &saved, bytes.data + sizeof(saved))
               : RT_EINVAL;
}

/* --- what the disk has lost --- */

/* How a topic ends that is damaged. */
struct ending {
    uint32_t epoch;
    uint64_t latest; /* offset */
};

static int compare_epochs(const void *left, const void *right)
{
    uint32_t a = ((const struct ending *)left)->epoch;
    uint32_t b = ((const struct ending *)right)->epoch;
    return (a > b) - (a < b);
}

/* Receipts of several topics do not say of which they are but by the epoch. */
static bool is_lost(const void *context, const struct rt_receipt *receipt)
{
    const struct rt_buffer *endings = context;
    struct ending wanted = {.epoch = receipt->cursor.epoch};
    const struct ending *ending =
        bsearch(&wanted, endings->data, endings->len / sizeof(wanted),
                sizeof(wanted), compare_epochs);
    return ending != NULL && receipt->cursor.offset > ending->latest;
}

static int add_ending(struct rt_buffer *endings, const struct rt_topic *topic)
{
    struct ending ending = {topic->epoch, rt_topic_latest(topic).offset};
    return rt_buffer_append(
        endings, topic->core->heap,
        (struct rt_bytes){(const char *)&ending, sizeof(ending)});
}

static int find_endings(struct rt_buffer *endings, const struct rt_core *core)
{
    int err = 0;
    RT_LIST_EACH (link, &core->topic_list) {
        const struct rt_topic *topic =
            RT_CONTAINER(link, struct rt_topic, link);
        if (err == 0 && topic->durable->is_damaged) {
            err = add_ending(endings, topic);
        }
    }
    return err;
}

int rt_key_forget_lost(struct rt_core *core)
{
    struct rt_buffer endings = {0};
    int err = find_endings(&endings, core);
    if (err == 0 && endings.len > 0) {
        qsort(endings.data, endings.len / sizeof(struct ending),
              sizeof(struct ending), compare_epochs);
        rt_idempotency_forget_lost(&core->idempotency, is_lost, &endings);
    }
    rt_buffer_finish(&endings, core->heap);
    return err;
}
