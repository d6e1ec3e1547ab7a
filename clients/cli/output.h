/*
 * Standard output, in large writes. It waits for a slow reader: then the
 * program takes nothing from the broker, which keeps what is to come in the
 * topic's ring. After an error nothing more is written.
 */
#ifndef CLIENTS_CLI_OUTPUT_H
#define CLIENTS_CLI_OUTPUT_H

#include <stddef.h>

#define OUTPUT_BYTES 65536

struct output {
    int fd;
    int wake_fd; /* readable: wait no more; -1: none */
    int error; /* 0 or a negative errno; -EINTR: it was told to wait no more */
    size_t len;
    char data[OUTPUT_BYTES];
};

void output_init(struct output *output, int fd, int wake_fd);

/* Takes bytes to write, and writes them when there are many. */
void output_bytes(struct output *output, const char *data, size_t len);

void output_text(struct output *output, const char *text);

/* Text as JSON, with its quotes. Bytes from 0x80 on are left as they are, so
 * it must be UTF-8. */
void output_json(struct output *output, const char *text, size_t len);

/* Bytes in base 64 (RFC 4648, section 4), with quotes. */
void output_base64(struct output *output, const char *data, size_t len);

/* Writes what was taken. Returns the error. */
int output_flush(struct output *output);

#endif
