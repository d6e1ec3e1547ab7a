#include "clients/cli/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lines_finish(struct lines *lines)
{
    free(lines->data);
    *lines = (struct lines){.data = NULL};
}

/* Moves what is left to the front and makes room for a block behind it. */
static int make_room(struct lines *lines)
{
    size_t left = lines->end - lines->start;
    if (left > 0) {
        memmove(lines->data, lines->data + lines->start, left);
    }
    lines->searched -= lines->start;
    lines->start = 0;
    lines->end = left;
    if (lines->capacity - left >= LINES_BLOCK_BYTES) {
        return 0;
    }
    size_t capacity = 2 * left + LINES_BLOCK_BYTES;
    char *data = realloc(lines->data, capacity);
    if (data == NULL) {
        return -ENOMEM;
    }
    lines->data = data;
    lines->capacity = capacity;
    return 0;
}

int lines_read(struct lines *lines, int fd)
{
    int err = make_room(lines);
    if (err < 0) {
        return err;
    }
    ssize_t count = read(fd, lines->data + lines->end, LINES_BLOCK_BYTES);
    if (count < 0) {
        return -errno;
    }
    lines->end += (size_t)count;
    lines->has_ended = count == 0;
    return (int)count;
}

/* The newline of the line at `start`, or NULL; no byte is looked at twice. */
static const char *find_newline(struct lines *lines)
{
    size_t left = lines->end - lines->searched;
    const char *newline =
        left > 0 ? memchr(lines->data + lines->searched, '\n', left) : NULL;
    if (newline == NULL) {
        lines->searched = lines->end;
    }
    return newline;
}

/* Drops what is left of a line that was too long. */
static void skip(struct lines *lines)
{
    const char *newline = find_newline(lines);
    lines->is_skipping = newline == NULL && !lines->has_ended;
    lines->start =
        newline != NULL ? (size_t)(newline - lines->data) + 1 : lines->end;
    lines->searched = lines->start;
}

/* What is left without a newline: a line if nothing follows. */
static enum lines_next
cut_rest(struct lines *lines, const char **line, size_t *len)
{
    size_t left = lines->end - lines->start;
    bool is_too_long = left > LINE_BYTES_MAX;
    if (left == 0 || !(lines->has_ended || is_too_long)) {
        return LINES_NONE;
    }
    *line = lines->data + lines->start;
    *len = left;
    lines->start = lines->end;
    lines->number++;
    lines->is_skipping = is_too_long;
    return is_too_long ? LINES_TOO_LONG : LINES_LINE;
}

enum lines_next lines_next(struct lines *lines, const char **line, size_t *len)
{
    if (lines->is_skipping) {
        skip(lines);
    }
    const char *newline = find_newline(lines);
    if (newline == NULL) {
        return cut_rest(lines, line, len);
    }
    *line = lines->data + lines->start;
    *len = (size_t)(newline - *line);
    lines->start = (size_t)(newline - lines->data) + 1;
    lines->searched = lines->start;
    lines->number++;
    return *len > LINE_BYTES_MAX ? LINES_TOO_LONG : LINES_LINE;
}
