/*
 * A stream cut into lines: read in large blocks, cut with memchr, nothing
 * copied. A line that is too long is told of and skipped, never cut in two.
 */
#ifndef CLIENTS_CLI_LINES_H
#define CLIENTS_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_BLOCK_BYTES 262144   /* read at a time */
#define LINE_BYTES_MAX    16777216 /* of a line without its newline */

struct lines {
    char *data;
    size_t capacity;
    size_t start;    /* of the line that is not yet cut off */
    size_t searched; /* no newline before here */
    size_t end;
    uint64_t number; /* of the last line, from 1 */
    bool is_skipping;
    bool has_ended;
};

enum lines_next {
    LINES_NONE, /* read more; or the end, if has_ended */
    LINES_LINE,
    LINES_TOO_LONG,
};

/* All zeroes is an empty one. Frees the memory. */
void lines_finish(struct lines *lines);

/* Reads a block: the bytes read, 0 at the end, or a negative errno. Lines
 * handed out before are gone. */
int lines_read(struct lines *lines, int fd);

/* The next line, without its newline; valid until lines_read. */
enum lines_next lines_next(struct lines *lines, const char **line, size_t *len);

#endif
