/*
 * Where the events of each topic are, in which segment and behind which
 * position, and what the log knows of the topic beside. The log's thread alone
 * changes the index, and looks at it as it likes; others look at it under the
 * lock, as do changes that they could see. Nobody waits for the disk with it.
 */
#ifndef STORAGE_LOG_INDEX_H
#define STORAGE_LOG_INDEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "storage/log/format.h"
#include "storage/log/log.h"

/*
 * A topic is new until the batch that brings it is safe. It is in doubt while a
 * hole was found in the log and nothing behind it has told whether events of
 * the topic were lost there.
 */
enum rt_log_shelf_state {
    RT_LOG_SHELF_NEW,
    RT_LOG_SHELF_SOUND,
    RT_LOG_SHELF_IN_DOUBT,
    RT_LOG_SHELF_DAMAGED
};

struct rt_log_place {
    uint64_t segment;
    struct rt_log_span span;
};

/* Of the newest event that does not count any more, or of one that came later,
 * where that is not known; 0: there is none. */
struct rt_log_loss {
    uint64_t sequence; /* its number among all */
    uint64_t wall_ms;  /* its time stamp */
    uint64_t end;      /* behind its offset, where that is known */
};

/* One topic. */
struct rt_log_shelf {
    uint64_t topic;
    enum rt_log_shelf_state state;
    uint64_t next_offset;
    uint64_t end;    /* behind its last event; next_offset may be farther on */
    uint64_t floor;  /* of the topic itself, or of its retention */
    uint64_t bytes;  /* of all its places */
    uint64_t events; /* in all its places */
    struct rt_log_loss loss;
    struct rt_retention retention;
    struct rt_log_place *places; /* by offset, which is by position as well */
    uint32_t place_count;
    uint32_t place_capacity;
    uint8_t name_len;
    uint8_t state_len;
    char opaque[RT_LOG_STATE_MAX];
    char name[];
};

/* One segment. */
struct rt_log_volume {
    uint64_t segment;
    uint64_t end;     /* of the batches; behind it nothing is to be read */
    uint64_t seal;    /* bytes of the file behind them; 0: it is not sealed */
    uint64_t events;  /* that it has, of any topic */
    uint64_t wall_ms; /* of the newest event of any topic; 0: none */
};

struct rt_log_index {
    pthread_mutex_t mutex;
    struct rt_heap *heap;
    struct rt_log_shelf **shelves; /* by topic */
    uint32_t shelf_count;
    uint32_t shelf_capacity;
    struct rt_log_volume *volumes; /* by number */
    uint32_t volume_count;
    uint32_t volume_capacity;
    uint64_t bytes;  /* of all volumes */
    uint64_t events; /* in all volumes */
};

/* An empty index: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_log_index_init(struct rt_log_index *index,
                                  struct rt_heap *heap);
void rt_log_index_finish(struct rt_log_index *index);

void rt_log_index_lock(struct rt_log_index *index);
void rt_log_index_unlock(struct rt_log_index *index);

/* The shelf of a topic, or NULL. */
struct rt_log_shelf *rt_log_index_shelf(const struct rt_log_index *index,
                                        uint64_t topic);

/* A new shelf, for a topic whose number is higher than all others, with a name
 * of at most RT_LOG_TOPIC_NAME_MAX bytes. NULL without memory. Locks. */
RT_MUST_USE struct rt_log_shelf *rt_log_index_add(struct rt_log_index *index,
                                                  uint64_t topic,
                                                  struct rt_bytes name);

/* Takes a shelf out and frees it. Under the lock. */
void rt_log_index_remove(struct rt_log_index *index,
                         struct rt_log_shelf *shelf);

/* Room for one more place, so that it can be added without fail: 0 or
 * RT_ENOMEM. Locks. */
RT_MUST_USE int rt_log_index_reserve(struct rt_log_index *index,
                                     struct rt_log_shelf *shelf);

/*
 * Adds events behind the shelf's, in a batch of a segment; there is room for a
 * place. Returns whether a place was begun for them. Under the lock.
 */
bool rt_log_shelf_add(struct rt_log_shelf *shelf,
                      uint64_t segment,
                      const struct rt_log_span *span);

/* Raises the floor, and forgets the places below it. Under the lock. */
void rt_log_shelf_raise(struct rt_log_shelf *shelf, uint64_t floor);

/* Events do not count any more. Under the lock. */
void rt_log_shelf_lose(struct rt_log_shelf *shelf,
                       const struct rt_log_span *span);

/* The oldest event that counts; next_offset: none does. */
uint64_t rt_log_shelf_earliest(const struct rt_log_shelf *shelf);

/* Adds to what is known of a segment that has not begun yet. */
void rt_log_volume_count(struct rt_log_volume *volume,
                         const struct rt_log_span *span);

/* Begins a segment, whose number is higher than all others: 0 or RT_ENOMEM.
 * Locks. */
RT_MUST_USE int rt_log_index_begin(struct rt_log_index *index,
                                   const struct rt_log_volume *volume);

/* The segment of that number, or NULL; the newest one, of at least one. */
struct rt_log_volume *rt_log_index_volume(const struct rt_log_index *index,
                                          uint64_t segment);
struct rt_log_volume *rt_log_index_newest(const struct rt_log_index *index);

/* The newest segment has batches up to there, with so many events more. Under
 * the lock. */
void rt_log_index_extend(struct rt_log_index *index,
                         uint64_t end,
                         uint64_t events,
                         uint64_t wall_ms);

/* The segment of that number has been sealed, with so many bytes. Under the
 * lock. */
void rt_log_index_seal(struct rt_log_index *index,
                       uint64_t segment,
                       uint64_t bytes);

/* Forgets what topics have in the oldest segment, of at least two, and then the
 * segment itself. Lock, the first one for a topic at a time. */
void rt_log_index_empty(struct rt_log_index *index);
void rt_log_index_drop(struct rt_log_index *index);

/* Where to begin to read an event, and where its segment ends. */
struct rt_log_spot {
    uint64_t offset; /* of the first event there is from the wanted one on */
    uint64_t last;   /* of the last one before the next place */
    uint64_t segment;
    uint64_t position;
    uint64_t end;
};

/* 0; RT_EAGAIN: there is no such event yet; RT_ENOENT: it does not count any
 * more, or there is no such topic. Locks. */
RT_MUST_USE int rt_log_index_find(struct rt_log_index *index,
                                  uint64_t topic,
                                  uint64_t offset,
                                  struct rt_log_spot *spot);

#endif
