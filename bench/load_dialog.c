#include "bench/load_dialog.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load_report.h"

#define ANSWER_MAX 2048
#define WAIT_MS    10000

struct load_step *
load_dialog_step(struct load_dialog *dialog, const char *ends, size_t len)
{
    struct load_step *step = &dialog->steps[dialog->count++];
    *step = (struct load_step){.ends = ends, .ends_len = len};
    return step;
}

void load_step_add(struct load_step *step, const void *bytes, size_t len)
{
    if (len > sizeof(step->bytes) - step->len) {
        load_fail("a name is too long");
    }
    memcpy(step->bytes + step->len, bytes, len);
    step->len += len;
}

void load_step_print(struct load_step *step, const char *format, ...)
{
    char words[LOAD_STEP_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    load_step_add(step, words, (size_t)len);
}

void load_step_send(const struct load_step *step, int fd)
{
    if (send(fd, step->bytes, step->len, MSG_NOSIGNAL) != (ssize_t)step->len) {
        load_fail_errno("a connection could not introduce itself");
    }
}

static void check(const struct load_step *step, const char *answer)
{
    if ((step->begins != NULL &&
         strncmp(answer, step->begins, strlen(step->begins)) != 0) ||
        (step->holds != NULL && strstr(answer, step->holds) == NULL)) {
        load_fail("a connection was refused: %.60s", answer);
    }
}

bool load_step_answered(const struct load_step *step, int fd)
{
    char answer[ANSWER_MAX + 1];
    ssize_t got = recv(fd, answer, ANSWER_MAX, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        load_fail("no answer to a new connection: %s",
                  got == 0 ? "closed" : strerror(errno));
    }
    answer[got] = '\0';
    const char *end = memmem(answer, (size_t)got, step->ends, step->ends_len);
    if (end != NULL) {
        check(step, answer);
        (void)recv(fd, answer, (size_t)(end - answer) + step->ends_len, 0);
    }
    return end != NULL;
}

void load_dialog_hold(const struct load_dialog *dialog, int fd)
{
    for (uint32_t i = 0; i < dialog->count; i++) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        load_step_send(&dialog->steps[i], fd);
        while (!load_step_answered(&dialog->steps[i], fd)) {
            if (poll(&readable, 1, WAIT_MS) == 0) {
                load_fail("no answer to a new connection in time");
            }
        }
    }
}
