/*
 * The journal: what of the topics has still to be brought to disk. A node with
 * a log on disk has one; each of its topics then has a `struct rt_durable`.
 *
 * Events are collected into batches, as ranges of the ring's own segments, with
 * a reference to each. One batch at a time is being written, by somebody else
 * and on another thread; a second one may be taken meanwhile, which is the
 * next. Until somebody begins to write it, what is collected later can be
 * added:
 *
 *     collecting -- rt_journal_take --> offered --> writing -- rt_journal_done
 *               \__ rt_journal_extend __^
 *
 * Nothing changes of a batch that is being written, and its number says what is
 * in it: what is published is on disk when a batch is done that has the number
 * which the collected one had then, or a higher one.
 */
#ifndef BROKER_CORE_JOURNAL_H
#define BROKER_CORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/heap.h"
#include "base/list.h"
#include "storage/ring.h"
#include "storage/segment.h"

/* With so many bytes of events and keys not on disk yet publishers wait, or
 * with so large a part of the memory, for these cannot give way (relief.h).
 * With as many as the last they are refused. */
#define RT_JOURNAL_BYTES_HIGH ((uint64_t)16 * 1024 * 1024)
#define RT_JOURNAL_PART       8
#define RT_JOURNAL_BYTES_MAX  ((uint64_t)64 * 1024 * 1024)

/* A batch has at most so many extents, and about as many notes of topics: more
 * is too much as well, and with half of the extents publishers wait. */
#define RT_JOURNAL_EXTENTS_MAX ((uint32_t)1 << 17)

/* That are being written, offered, and collected. */
#define RT_JOURNAL_BATCHES 3

/* After an end without a batch that says so, events may be lost that somebody
 * has been given: their offsets are not given again. More than so many are
 * never waiting for the disk. */
#define RT_JOURNAL_JUMP ((uint64_t)1 << 24)

/* No limit. */
extern const struct rt_retention rt_journal_all;

struct rt_core;
struct rt_topic;

/* What ends without a word may have cost, of any topic. */
struct rt_lost {
    uint64_t wall_ms;  /* when the start was that found the last of them; 0:
                          there was none */
    uint64_t sequence; /* the number that the node had then, of its events */
};

/* Damage may cost topics all that they had, and their names. One that begins
 * later, with a number of its own, may be one of them. */
struct rt_unnamed {
    uint64_t wall_ms; /* when the start was that found damage last; 0: none */
    uint64_t next_id; /* the least number of a topic that began since that was
                         found first */
};

/* Events of a topic next to one another, in one segment. */
struct rt_extent {
    struct rt_topic *topic;
    struct rt_segment *segment; /* with a reference */
    uint64_t id;                /* the topic's, in the log */
    uint64_t offset;            /* of the first one */
    uint32_t count;
    uint32_t index;       /* of the first one in the segment */
    uint32_t start;       /* where its bytes begin there, */
    uint32_t end;         /* and where those of the last one end */
    uint32_t types_start; /* where those types begin that they may have, */
    uint32_t types_end;   /* and end, in the segment's */
};

/* What else the log keeps, encoded as it will be. */
enum rt_note_kind {
    RT_NOTE_TOPIC,   /* the state of a topic, new or changed */
    RT_NOTE_REMOVED, /* a topic is no more */
    RT_NOTE_NODE,    /* the state of the node */
    RT_NOTE_KEY,     /* a request that may be repeated */
};

struct rt_note {
    uint64_t id;              /* the topic's */
    uint64_t floor;           /* of a topic: what came before is purged */
    struct rt_retention kept; /* of a topic, on disk */
    uint64_t next_offset; /* of a topic: of the first event behind the note */
    size_t at;            /* where its name begins in the batch's `text`, */
    uint32_t name_len;
    uint32_t state_len; /* and behind it what is opaque to the log */
    enum rt_note_kind kind;
};

struct rt_journal_batch {
    uint64_t number;
    uint64_t sequence; /* the last event's among all of the node */
    uint64_t wall_ms;
    uint64_t bytes; /* of the events, and of what is noted of keys */
    struct rt_extent *extents;
    uint32_t extent_count;
    uint32_t extent_capacity;
    struct rt_buffer notes; /* of struct rt_note */
    struct rt_buffer text;
    bool has_topics; /* notes that are not of keys: before all events */
    bool is_end;     /* the node ends with it, on purpose */
};

enum rt_journal_state {
    RT_JOURNAL_WORKING,
    RT_JOURNAL_FULL,   /* the disk is: no events are admitted until it is not */
    RT_JOURNAL_FAILED, /* a write has failed: none are admitted any more */
};

struct rt_journal {
    struct rt_core *core;
    enum rt_journal_state state;
    struct rt_journal_batch batches[RT_JOURNAL_BATCHES];
    struct rt_journal_batch *collecting;
    struct rt_journal_batch *writing; /* the first that was taken; NULL: none */
    struct rt_journal_batch *offered; /* the second; NULL: none */
    bool is_refused; /* the first was not written, for the disk is full: again,
                        then */
    bool has_purged; /* some of what is collected does not count any more */
    bool is_awaited; /* somebody sees what was not taken yet when it is done */
    struct rt_list unwritten; /* topics with events to collect */
    struct rt_list changed;   /* topics with a state to write */
    struct rt_list written;   /* topics with events in the ring that are on
                                 disk, maybe; longest ago first */
    uint32_t extents_owed;    /* that those to collect need */
    uint64_t bytes;           /* of events and keys not on disk, collected or
                                 not */
    uint64_t done;            /* number of the last batch on disk */
    uint64_t sequence;        /* everything up to there is */
    uint64_t next_id;         /* of a topic; never used again */
    uint64_t noted_id;        /* what the log knows of that, */
    uint64_t noted_drop; /* and the last removal of a topic that it knows */
    struct rt_lost lost;
    struct rt_unnamed unnamed;
};

/* What a topic has to do with the disk. */
struct rt_durable {
    struct rt_topic *topic;
    struct rt_list unwritten; /* in journal->unwritten */
    struct rt_list changed;   /* in journal->changed */
    struct rt_list written;   /* in journal->written */
    uint64_t id;
    uint64_t begin;     /* offsets before it are from before the start, */
    uint64_t old_end;   /* and those from here to there lost, or never given */
    uint64_t collected; /* the offset of the next event to collect */
    uint64_t batch;     /* the last one that events were collected for, */
    uint64_t first;     /* the offset of the first of these, */
    uint32_t extent;    /* and where among its extents the last of them are */
    uint64_t next;      /* behind the last event on disk */
    uint32_t extents_owed;  /* the topic's part of them */
    uint32_t extents_held;  /* by batches */
    struct rt_list waiting; /* subscribers, for what is on disk */
    struct rt_list wanting; /* in core->history.wanting, for them */
    struct rt_list blocks;  /* of history */
    struct rt_list ahead;   /* in core->history.ahead, */
    uint64_t ahead_offset;  /* for the block that begins there */
    uint64_t leading; /* where the block before that one begins, which is the
                         second in a row or a later one; 0: there is none, or
                         what comes behind it is in the list already */
    uint64_t reached; /* where the block that was looked at last ends */
    struct rt_retention kept; /* on disk; UINT64_MAX: as all topics */
    bool is_damaged;          /* the log has lost events: it takes no more */
};

/* Allocates nothing. */
void rt_journal_init(struct rt_journal *journal, struct rt_core *core);

/* Lets go of all batches, for nobody writes any more. The topics are still
 * there. */
void rt_journal_finish(struct rt_journal *journal);

/* --- topics --- */

/* For a new topic: 0 or RT_ENOMEM. Its state is written with its first event.
 */
RT_MUST_USE int rt_journal_add(struct rt_journal *journal,
                               struct rt_topic *topic);

/* For a topic that goes; nothing of it is being written. */
void rt_journal_remove(struct rt_topic *topic);

/* Of a topic that goes to disk: what it keeps there, beside what all topics
 * together may; and whether that is as much as can be. */
void rt_journal_keep(struct rt_topic *topic, const struct rt_retention *kept);
bool rt_journal_keeps_all(const struct rt_topic *topic);

/* The topic's state has changed. */
void rt_journal_change(struct rt_topic *topic);

/* Whether nothing of the topic waits for the disk. */
bool rt_journal_has_all(const struct rt_topic *topic);

/* Whether the log knows the topic, or will. */
bool rt_journal_knows(const struct rt_topic *topic);

/* Whether the log knows the topic and has nothing of it any more, so that it
 * may go; and for one that does, the log is told: 0 or RT_ENOMEM. */
bool rt_journal_has_nothing(const struct rt_topic *topic);
RT_MUST_USE int rt_journal_forget(struct rt_topic *topic);

/* --- events --- */

/*
 * Before events are appended to a topic that needs `extents` at most for them:
 * 0; RT_ENOSPC when the disk is full, RT_EFAILED when it has failed,
 * RT_EDAMAGED when it has lost what the topic had, RT_EAGAIN when too much
 * waits for it, RT_ENOMEM.
 */
RT_MUST_USE int rt_journal_admit(const struct rt_topic *topic,
                                 uint32_t extents);

/* Events were appended, from an offset on; those were admitted. */
void rt_journal_mark(struct rt_topic *topic, uint64_t first);

/* The ring is about to drop events: those that are not collected are now. */
void rt_journal_protect(struct rt_topic *topic, size_t len);

/* Before and after a purge, which drops all events there are. */
void rt_journal_settle(struct rt_topic *topic);
void rt_journal_skip(struct rt_topic *topic);

/* The offset before which all events are collected, or on disk. */
uint64_t rt_journal_floor(const struct rt_topic *topic);

/* Collects what there is of a topic. */
void rt_journal_collect(struct rt_topic *topic);

/* Whether publishers should wait for the disk. For one that is full or has
 * failed nobody does. */
bool rt_journal_is_behind(const struct rt_journal *journal);

/* --- batches --- */

/* The number of the batch that what is published now will be in. */
uint64_t rt_journal_ticket(const struct rt_journal *journal);

/* Of a topic that the log knows, or will: the number of a batch with which its
 * state is on disk as it is now. */
uint64_t rt_journal_change_ticket(const struct rt_topic *topic);

/* Whether all there is is on disk. */
bool rt_journal_is_idle(const struct rt_journal *journal);

/* Whether there is something to write that was not taken yet. */
bool rt_journal_has_batch(const struct rt_journal *journal);

/*
 * The batch to write next; NULL when there is nothing to write, two are taken
 * already, the first found no room, or there is no memory. It is valid until
 * rt_journal_done.
 */
struct rt_journal_batch *rt_journal_take(struct rt_journal *journal);

/*
 * Adds all there is to the batch that was taken last, which nobody has begun to
 * write: 0; RT_EAGAIN if it has to be in a batch of its own, RT_ENOMEM.
 */
RT_MUST_USE int rt_journal_extend(struct rt_journal *journal);

/* The number of the batch that has a ticket, as far as is known now: if that is
 * extended, a higher one. */
uint64_t rt_journal_batch_of(const struct rt_journal *journal, uint64_t ticket);

/*
 * The first batch that was taken has been written, or not: 0; RT_ENOSPC, and it
 * is the next one to take again; any other error, and the journal has failed,
 * and lets go of the second as well.
 */
void rt_journal_done(struct rt_journal *journal, int err);

/* The log has failed, while nobody writes a batch. */
void rt_journal_fail(struct rt_journal *journal);

/* Notes for the batch that is collected: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_journal_note_node(struct rt_journal *journal);
/* Room for a key of that length, so that noting it cannot fail; until then no
 * batch is taken. */
RT_MUST_USE int rt_journal_reserve_key(struct rt_journal *journal, size_t len);
RT_MUST_USE int rt_journal_note_key(struct rt_journal *journal,
                                    struct rt_bytes key);
RT_MUST_USE int rt_journal_note_removed(struct rt_journal *journal,
                                        uint64_t id);

/* The node ends on purpose: the next batch says so, and is the last. */
void rt_journal_end(struct rt_journal *journal);

/* Room for so many extents in all: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_journal_batch_reserve(struct rt_journal *journal,
                                         struct rt_journal_batch *batch,
                                         uint32_t count);

/* Lets go of all that a batch has. */
void rt_journal_batch_finish(struct rt_journal *journal,
                             struct rt_journal_batch *batch);

/* The disk is full, or no longer. What was admitted before is still taken:
 * there may be room for that. */
void rt_journal_set_full(struct rt_journal *journal, bool is_full);

#endif
