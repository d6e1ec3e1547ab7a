#include "clients/cli/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD_BYTES_MAX ((size_t)1 << 30)
#define PAYLOAD_FIRST     ((size_t)65536)

void payload_finish(struct payload *payload)
{
    free(payload->data);
    *payload = (struct payload){.data = NULL};
}

int payload_of_text(struct payload *payload, const char *text)
{
    char *data = strdup(text);
    if (data == NULL) {
        return -ENOMEM;
    }
    *payload = (struct payload){data, strlen(text)};
    return 0;
}

static int grow(struct payload *payload, size_t *capacity)
{
    if (payload->len < *capacity) {
        return 0;
    }
    if (payload->len > PAYLOAD_BYTES_MAX) {
        return -EFBIG;
    }
    size_t wanted = *capacity == 0 ? PAYLOAD_FIRST : 2 * *capacity;
    char *data = realloc(payload->data, wanted);
    if (data == NULL) {
        return -ENOMEM;
    }
    payload->data = data;
    *capacity = wanted;
    return 0;
}

static int read_all(struct payload *payload, int fd)
{
    size_t capacity = 0;
    int err = 0;
    while ((err = grow(payload, &capacity)) == 0) {
        ssize_t count =
            read(fd, payload->data + payload->len, capacity - payload->len);
        if (count == 0) {
            return 0;
        }
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        payload->len += count > 0 ? (size_t)count : 0;
    }
    return err;
}

int payload_of_file(struct payload *payload, const char *name)
{
    bool is_standard = strcmp(name, "-") == 0;
    *payload = (struct payload){.data = NULL};
    int fd = is_standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int err = read_all(payload, fd);
    if (!is_standard) {
        (void)close(fd);
    }
    if (err < 0) {
        payload_finish(payload);
    }
    return err;
}
