#include "clients/cli/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void output_init(struct output *output, int fd, int wake_fd)
{
    output->fd = fd;
    output->wake_fd = wake_fd;
    output->error = 0;
    output->len = 0;
}

/* What is written at a time: a pipe that is ready has room for PIPE_BUF, and
 * what waits for more than that cannot be woken. */
static size_t chunk_of(const struct output *output)
{
    struct stat status;
    bool is_file = fstat(output->fd, &status) == 0 && S_ISREG(status.st_mode);
    return is_file ? SIZE_MAX : PIPE_BUF;
}

/* Waits until something can be written: 0 or a negative errno. */
static int await(const struct output *output)
{
    struct pollfd waits[2] = {
        {.fd = output->fd, .events = POLLOUT},
        {.fd = output->wake_fd, .events = POLLIN},
    };
    while (poll(waits, 2, -1) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return waits[0].revents == 0 ? -EINTR : 0;
}

static ssize_t
write_some(const struct output *output, const char *data, size_t len)
{
    int err = await(output);
    if (err < 0) {
        return err;
    }
    ssize_t count = write(output->fd, data, len);
    bool is_again = count < 0 && (errno == EAGAIN || errno == EINTR);
    return count >= 0 ? count : is_again ? 0 : -errno;
}

int output_flush(struct output *output)
{
    size_t chunk = chunk_of(output);
    size_t at = 0;
    while (at < output->len && output->error == 0) {
        size_t left = output->len - at;
        ssize_t count =
            write_some(output, output->data + at, left < chunk ? left : chunk);
        if (count < 0) {
            output->error = (int)count;
        } else {
            at += (size_t)count;
        }
    }
    output->len = 0;
    return output->error;
}

void output_bytes(struct output *output, const char *data, size_t len)
{
    while (len > 0 && output->error == 0) {
        size_t room = OUTPUT_BYTES - output->len;
        size_t part = len < room ? len : room;
        memcpy(output->data + output->len, data, part);
        output->len += part;
        data += part;
        len -= part;
        if (output->len == OUTPUT_BYTES) {
            (void)output_flush(output);
        }
    }
}

void output_text(struct output *output, const char *text)
{
    output_bytes(output, text, strlen(text));
}

static void escape(struct output *output, char byte)
{
    char text[sizeof("\\u0000")];
    switch (byte) {
    case '"':
        output_text(output, "\\\"");
        break;
    case '\\':
        output_text(output, "\\\\");
        break;
    case '\n':
        output_text(output, "\\n");
        break;
    default:
        (void)snprintf(text, sizeof(text), "\\u%04x", (unsigned char)byte);
        output_text(output, text);
    }
}

/* RFC 8259, section 7; DEL is not for terminals either. */
static bool is_plain(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 0x20 && value != '"' && value != '\\' && value != 0x7f;
}

void output_json(struct output *output, const char *text, size_t len)
{
    size_t first = 0;
    output_text(output, "\"");
    for (size_t i = 0; i < len; i++) {
        if (!is_plain(text[i])) {
            output_bytes(output, text + first, i - first);
            escape(output, text[i]);
            first = i + 1;
        }
    }
    output_bytes(output, text + first, len - first);
    output_text(output, "\"");
}

/* Up to three bytes become four letters. */
static void encode(const unsigned char *data, size_t len, char letters[4])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)data[0] << 16;
    bits |= len > 1 ? (uint32_t)data[1] << 8 : 0;
    bits |= len > 2 ? data[2] : 0;
    for (size_t i = 0; i < 4; i++) {
        letters[i] = i > len ? '=' : alphabet[bits >> (18 - 6 * i) & 63];
    }
}

void output_base64(struct output *output, const char *data, size_t len)
{
    char letters[4];
    output_text(output, "\"");
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        encode((const unsigned char *)data + i, left < 3 ? left : 3, letters);
        output_bytes(output, letters, sizeof(letters));
    }
    output_text(output, "\"");
}
