/*
 * Whether all of a log is what was written: every byte is read. It changes
 * nothing, and can be asked of a log that does not open.
 */
#ifndef STORAGE_LOG_CHECK_H
#define STORAGE_LOG_CHECK_H

#include "storage/log/survey.h"
#include "storage/log/tally.h"

/* What is told: each segment, when it was read; in the end each topic. Calls
 * may be NULL; bytes are valid during the call. */
struct rt_log_check_visitor {
    void *context;
    void (*segment)(void *context, const struct rt_log_segment_report *report);
    void (*topic)(void *context, const struct rt_log_topic_report *report);
    void (*progress)(void *context, uint64_t done, uint64_t all);
};

struct rt_log_check_found {
    uint64_t segment_count;
    uint64_t topic_count;
    uint64_t batch_count;
    uint64_t event_count;
    uint64_t bytes;
    uint64_t torn_bytes; /* of a batch that nobody was told of */
    uint64_t damaged_segments;
    uint64_t damaged_topics;
    uint64_t lost_events; /* that are known of */
    uint64_t sequence;    /* the last event's number among all */
    bool is_clean;        /* it had been ended on purpose */
    /* The first segment that is damaged, or knows of a topic that is; 0: there
     * is none. */
    uint64_t first_damaged;
};

/* Fills in `found`, and the tally with the topics there are. 0, RT_ENOMEM,
 * RT_EUNENDED if a repair has not been ended, or what the disk said. */
RT_MUST_USE int rt_log_check(struct rt_disk *disk,
                             struct rt_log_tally *tally,
                             const struct rt_log_check_visitor *visitor,
                             struct rt_log_check_found *found);

/* Whether nothing of it is damaged. */
bool rt_log_check_is_sound(const struct rt_log_check_found *found);

#endif
