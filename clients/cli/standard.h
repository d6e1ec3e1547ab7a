/*
 * Standard input and output on a loop. Both may be files, pipes or terminals,
 * and are shared with other processes, so they stay as blocking as they were.
 */
#ifndef CLIENTS_CLI_STANDARD_H
#define CLIENTS_CLI_STANDARD_H

#include <stdbool.h>
#include <uv.h>

/* Opens what the program was started without, so that no socket becomes its
 * input or output: reading and writing there fails, as it would. */
void standard_open(void);

/* uv_poll_init without making the descriptor non-blocking. UV_EPERM: it is a
 * file, which is always ready. */
int standard_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd);

typedef void (*standard_input_fn)(void *context);

/* Tells when standard input can be read without waiting. */
struct standard_input {
    uv_poll_t poll;
    uv_idle_t idle; /* in its place for a file */
    bool is_file;
    standard_input_fn tell;
    void *context;
};

/* It begins paused. */
void standard_input_init(struct standard_input *input,
                         uv_loop_t *loop,
                         standard_input_fn tell,
                         void *context);

void standard_input_resume(struct standard_input *input);
void standard_input_pause(struct standard_input *input);

/* To be called once; the loop holds nothing of it afterwards. */
void standard_input_finish(struct standard_input *input);

#endif
