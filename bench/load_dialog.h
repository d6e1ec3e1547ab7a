/*
 * What a connection says before it subscribes or publishes, and what it has to
 * hear: up to three steps, each of bytes sent and an answer. They are data, so
 * that a connection can wait for them or go on with something else meanwhile.
 */
#ifndef BENCH_LOAD_DIALOG_H
#define BENCH_LOAD_DIALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_STEP_MAX  768
#define LOAD_STEPS_MAX 3

struct load_step {
    size_t len;
    char bytes[LOAD_STEP_MAX];
    const char *begins; /* the answer, or NULL: with anything */
    const char *holds;  /* the answer, somewhere, or NULL */
    const char *ends;   /* the answer, which is over then */
    size_t ends_len;
};

struct load_dialog {
    uint32_t count;
    struct load_step steps[LOAD_STEPS_MAX];
};

/* A further step, whose answer ends with the words. */
struct load_step *
load_dialog_step(struct load_dialog *dialog, const char *ends, size_t len);

/* More bytes of what the step says. */
void load_step_add(struct load_step *step, const void *bytes, size_t len);
void load_step_print(struct load_step *step, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void load_step_send(const struct load_step *step, int fd);

/*
 * Takes the answer off the socket, and nothing behind it. False while it is not
 * whole; an answer that is not the one wanted ends the run.
 */
bool load_step_answered(const struct load_step *step, int fd);

/* Goes through all steps, waiting for each. */
void load_dialog_hold(const struct load_dialog *dialog, int fd);

#endif
