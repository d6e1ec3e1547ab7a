/* What a log is made of, for the files that make it together. */
#ifndef STORAGE_LOG_STATE_H
#define STORAGE_LOG_STATE_H

#include <stdint.h>

#include "storage/log/draft.h"
#include "storage/log/format.h"
#include "storage/log/index.h"
#include "storage/log/keys.h"
#include "storage/log/log.h"
#include "storage/log/stage.h"

/* It takes batches until it fails, and then no more. */
enum rt_log_condition { RT_LOG_READY, RT_LOG_FAILED };

/* The active segment. */
struct rt_log_tail {
    struct rt_file file;
    struct rt_log_segment_head head;
    uint64_t position; /* of the next batch */
    uint64_t capacity; /* of the file, for batches, index and trailer */
    uint64_t written;  /* up to where the file was written to; 0: not known */
    uint64_t batch;    /* number of the last batch */
    uint32_t chain;    /* its crc */
    uint64_t place_count;
};

/* The segment before the tail, which is to be sealed. */
struct rt_log_unsealed {
    char *ending; /* what is written then, drawn up before; NULL: nothing is */
    size_t ending_len;
    uint64_t segment;
    uint64_t position;   /* behind its last batch */
    struct rt_file file; /* open, if it is due */
    bool is_due;
};

struct rt_log {
    struct rt_log_options options;
    enum rt_log_condition condition;
    struct rt_log_index index;
    struct rt_log_keys keys;
    struct rt_log_draft draft;
    struct rt_log_stage stage;
    bool has_tail; /* the tail's file is open; else it is sealed */
    struct rt_log_tail tail;
    struct rt_log_unsealed unsealed;
    bool has_removed; /* the file of the last segment that was is open */
    struct rt_file removed;
    uint64_t sequence;   /* the last event's number among all */
    uint64_t next_topic; /* the lowest number that no topic ever had */
    uint32_t node_len;
    char node[RT_LOG_NODE_MAX];
};

/* What the node has last told of itself; empty: nothing. */
static inline struct rt_bytes rt_log_node(const struct rt_log *log)
{
    return (struct rt_bytes){log->node, log->node_len};
}

#endif
