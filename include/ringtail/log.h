/*
 * The log on disk, while no broker has it: whether it is what was written, and
 * how it is mended. The calls read all of it and wait for the disk, so they are
 * not for a loop's thread.
 *
 * Functions return 0 or a negative error that ringtail_strerror knows; what
 * is damaged is no error of theirs, but told.
 */
#ifndef RINGTAIL_LOG_H
#define RINGTAIL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringtail/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ringtail_log_finding {
    RINGTAIL_LOG_SOUND,
    RINGTAIL_LOG_TORN,    /* ends with what a crash left, which is no damage */
    RINGTAIL_LOG_DAMAGED, /* something is not what was written */
    RINGTAIL_LOG_MISSING, /* there is no such file, or no such files */
};

/* A segment, which is a file; or the lack of some. */
struct ringtail_log_segment {
    enum ringtail_log_finding finding;
    uint64_t number; /* of the first one, if they are missing */
    uint64_t count;  /* 1, or how many are missing */
    uint64_t bytes;  /* of the file */
    uint64_t batches;
    uint64_t events;
    uint64_t damages; /* places */
    uint64_t damage;  /* the first one's position in the file */
    uint64_t torn_bytes;
};

/* A topic, as far as the log tells. */
struct ringtail_log_topic {
    const char *name;      /* NUL-terminated; "": not even that is known */
    uint64_t number;       /* of the topic in this log */
    uint64_t first_offset; /* of the oldest event there is */
    uint64_t next_offset;
    uint64_t events;
    uint64_t lost; /* events that there were */
    bool is_damaged;
};

struct ringtail_log_summary {
    bool is_sound;
    uint64_t segments;
    uint64_t topics;
    uint64_t batches;
    uint64_t events;
    uint64_t bytes;
    uint64_t torn_bytes;
    uint64_t damaged_segments;
    uint64_t damaged_topics;
    uint64_t lost_events;
    uint64_t first_damaged; /* segment; 0: none */
};

/* What is told, in this order; each may be NULL. Pointers are valid during the
 * call. `size` is the struct's, as the caller was compiled. */
struct ringtail_log_handlers {
    size_t size;
    void *context;
    /* Bytes that were read, of all; about every 16 MiB. */
    void (*on_progress)(void *context, uint64_t done, uint64_t all);
    void (*on_segment)(void *context,
                       const struct ringtail_log_segment *segment);
    void (*on_topic)(void *context, const struct ringtail_log_topic *topic);
    void (*on_summary)(void *context,
                       const struct ringtail_log_summary *summary);
};

/*
 * Reads a log and tells what is found; nothing is written, so a read-only copy
 * will do. Errors: libuv's UV_ENOENT, there is no such directory, or no log in
 * it; RINGTAIL_ELOCKED, a broker has it; RINGTAIL_EREPAIR, a repair of it was
 * interrupted: repair it; RINGTAIL_EDAMAGED, no broker has left what is there;
 * RINGTAIL_ENOFILE: ringtail_log_obstacle tells which; UV_ENOMEM, or another of
 * the file system's.
 */
RINGTAIL_EXPORT int
ringtail_log_verify(const char *directory,
                    const struct ringtail_log_handlers *handlers);

/*
 * The same, and mends what is damaged: segments from the first damaged one on
 * are written anew, with all events that are what was written; that takes as
 * much room as they do. Topics skip the offsets of those that are lost. The old
 * files stay beside, `N.rtl.damaged`, until somebody removes them. A repair
 * that was interrupted is ended first. Errors as above; UV_EEXIST: such files
 * of an earlier repair are in the way; UV_ENOSPC: there is not so much room.
 */
RINGTAIL_EXPORT int
ringtail_log_repair(const char *directory,
                    const struct ringtail_log_handlers *handlers);

/*
 * After RINGTAIL_ENOFILE: the name of a link, a directory or a pipe where the
 * log has a file, NUL-terminated and cut to `size` > 0 bytes. 0; UV_ENOENT if
 * there is none any more, or another of the file system's.
 */
RINGTAIL_EXPORT int
ringtail_log_obstacle(const char *directory, char *name, size_t size);

#ifdef __cplusplus
}
#endif

#endif
