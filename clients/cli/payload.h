/* The payload of one event: a text, a file, or all of standard input. */
#ifndef CLIENTS_CLI_PAYLOAD_H
#define CLIENTS_CLI_PAYLOAD_H

#include <stddef.h>

struct payload {
    char *data;
    size_t len;
};

/* Copies a text: 0 or a negative error. */
int payload_of_text(struct payload *payload, const char *text);

/* Reads a file, or standard input if its name is `-`, to its end: 0 or a
 * negative error; UV_EFBIG beyond the 1 GiB that no event may have. */
int payload_of_file(struct payload *payload, const char *name);

/* Frees the memory; harmless if all is zeroes. */
void payload_finish(struct payload *payload);

#endif
