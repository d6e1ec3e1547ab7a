#include "broker/net/owed_answers.h"

#include <string.h>

#include "base/error.h"

/* Behind it the topic's name, or the answer. */
struct record {
    uint32_t len; /* of what is behind it */
    enum rt_owed_kind kind;
    uint32_t count; /* of answers; those of events are a run */
    uint32_t epoch;
    enum rt_ack ack;
    uint64_t offset;  /* of the first event */
    uint64_t wall_ms; /* of all of them */
};

/* Records stand anywhere. */
static struct record read_at(const struct rt_owed_answers *owed, size_t at)
{
    struct record record;
    memcpy(&record, owed->records.data + at, sizeof(record));
    return record;
}

static void
write_at(struct rt_owed_answers *owed, size_t at, const struct record *record)
{
    memcpy(owed->records.data + at, record, sizeof(*record));
}

static struct rt_bytes
bytes_at(const struct rt_owed_answers *owed, size_t at, size_t len)
{
    return (struct rt_bytes){owed->records.data + at + sizeof(struct record),
                             len};
}

void rt_owed_answers_finish(struct rt_owed_answers *owed, struct rt_heap *heap)
{
    rt_buffer_finish(&owed->records, heap);
    *owed = (struct rt_owed_answers){0};
}

/* --- what comes --- */

char *rt_owed_answers_reserve(struct rt_owed_answers *owed,
                              struct rt_heap *heap,
                              size_t size)
{
    char *memory =
        rt_buffer_reserve(&owed->records, heap, sizeof(struct record) + size);
    return memory == NULL ? NULL : memory + sizeof(struct record);
}

/* A record that stands behind the last one, with what is behind it. */
static void append(struct rt_owed_answers *owed, const struct record *record)
{
    owed->last = owed->records.len;
    write_at(owed, owed->last, record);
    owed->records.len += sizeof(*record) + record->len;
    owed->count++;
}

void rt_owed_answers_add(struct rt_owed_answers *owed, size_t len)
{
    append(owed, &(struct record){
                     .len = (uint32_t)len, .kind = RT_OWED_BYTES, .count = 1});
}

/* Whether the last record is a run that ends with the event before. */
static bool continues(const struct rt_owed_answers *owed,
                      enum rt_owed_kind kind,
                      struct rt_bytes topic,
                      const struct rt_receipt *receipt)
{
    if (owed->last == owed->records.len) {
        return false;
    }
    struct record record = read_at(owed, owed->last);
    return record.kind == kind &&
           record.offset + record.count == receipt->cursor.offset &&
           record.epoch == receipt->cursor.epoch &&
           record.wall_ms == receipt->wall_ms && record.ack == receipt->ack &&
           rt_bytes_equal(bytes_at(owed, owed->last, record.len), topic);
}

static void grow_last(struct rt_owed_answers *owed)
{
    struct record record = read_at(owed, owed->last);
    record.count++;
    write_at(owed, owed->last, &record);
    owed->count++;
}

int rt_owed_answers_add_receipt(struct rt_owed_answers *owed,
                                struct rt_heap *heap,
                                enum rt_owed_kind kind,
                                struct rt_bytes topic,
                                const struct rt_receipt *receipt)
{
    if (continues(owed, kind, topic, receipt)) {
        grow_last(owed);
        return 0;
    }
    char *memory = rt_owed_answers_reserve(owed, heap, topic.len);
    if (memory == NULL) {
        return RT_ENOMEM;
    }
    memcpy(memory, topic.data, topic.len);
    append(owed, &(struct record){.len = (uint32_t)topic.len,
                                  .kind = kind,
                                  .count = 1,
                                  .epoch = receipt->cursor.epoch,
                                  .ack = receipt->ack,
                                  .offset = receipt->cursor.offset,
                                  .wall_ms = receipt->wall_ms});
    return 0;
}

size_t rt_owed_answers_part(struct rt_owed_answers *owed)
{
    owed->last = owed->records.len;
    return owed->last;
}

bool rt_owed_answers_are_full(const struct rt_owed_answers *owed)
{
    size_t most = sizeof(struct record) + RT_TOPIC_BYTES_MAX;
    return owed->count >= RT_OWED_ANSWERS_MAX ||
           owed->records.len + most > RT_OWED_BYTES_MAX;
}

/* --- what goes --- */

static int write_receipt(const struct rt_receipt *receipt,
                         struct rt_bytes topic,
                         const struct rt_owed_exit *exit)
{
    return rt_buffer_append(
        exit->answers, exit->heap,
        rt_receipt_answer_write(exit->receipt, topic, receipt, exit->date));
}

static int write_minimal(const struct rt_receipt *receipt,
                         const struct rt_owed_exit *exit)
{
    char memory[RT_MINIMAL_ANSWER_BYTES_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_minimal_answer_write(&writer, receipt, exit->date);
    return rt_buffer_append(exit->answers, exit->heap,
                            rt_writer_bytes(&writer));
}

/* The first answer of a record, with what stands behind that. */
static int write_first(const struct record *record,
                       struct rt_bytes behind,
                       const struct rt_owed_exit *exit)
{
    struct rt_receipt receipt = {
        .cursor = {.epoch = record->epoch, .offset = record->offset},
        .wall_ms = record->wall_ms,
        .ack = record->ack};
    switch (record->kind) {
    case RT_OWED_RECEIPT:
        return write_receipt(&receipt, behind, exit);
    case RT_OWED_MINIMAL:
        return write_minimal(&receipt, exit);
    case RT_OWED_BYTES:
        break;
    }
    return rt_buffer_append(exit->answers, exit->heap, behind);
}

static bool has_room(const struct rt_owed_exit *exit)
{
    return exit->answers->len <= exit->answers_max;
}

/* What is left of the record is what was not written. */
static int write_record(struct rt_owed_answers *owed,
                        size_t at,
                        const struct rt_owed_exit *exit)
{
    int err = 0;
    struct record record = read_at(owed, at);
    struct rt_bytes behind = bytes_at(owed, at, record.len);
    while (err == 0 && record.count > 0 && has_room(exit)) {
        err = write_first(&record, behind, exit);
        if (err == 0) {
            record.offset++;
            record.count--;
            owed->count--;
        }
    }
    write_at(owed, at, &record);
    return err;
}

/* All records before a place have left. */
static void drop_before(struct rt_owed_answers *owed, size_t at)
{
    rt_buffer_consume(&owed->records, at);
    owed->last = owed->last >= at ? owed->last - at : owed->records.len;
}

int rt_owed_answers_leave(struct rt_owed_answers *owed,
                          size_t end,
                          const struct rt_owed_exit *exit,
                          size_t *moved)
{
    size_t at = 0;
    int err = 0;
    while (err == 0 && at < end && has_room(exit)) {
        err = write_record(owed, at, exit);
        struct record left = read_at(owed, at);
        if (left.count > 0) {
            break;
        }
        at += sizeof(left) + left.len;
    }
    drop_before(owed, at);
    *moved = at;
    return err;
}

void rt_owed_answers_cut(struct rt_owed_answers *owed, size_t at)
{
    for (size_t from = at; from < owed->records.len;) {
        struct record record = read_at(owed, from);
        owed->count -= record.count;
        from += sizeof(record) + record.len;
    }
    owed->records.len = at;
    owed->last = at;
}
