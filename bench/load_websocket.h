/*
 * WebSocket as far as it goes below a protocol: the upgrade, the heads of
 * frames, and a stream taken out of them (RFC 6455).
 */
#ifndef BENCH_LOAD_WEBSOCKET_H
#define BENCH_LOAD_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load_dialog.h"

#define LOAD_FRAME_TEXT   0x81
#define LOAD_FRAME_BINARY 0x82

/* Bytes of a head, at most, and of a whole control frame: section 5.5. */
#define LOAD_FRAME_HEAD_MAX 14
#define LOAD_CONTROL_MAX    (2 + 125)

/* A step that asks for the upgrade; no subprotocol is NULL. */
void load_upgrade(struct load_dialog *dialog,
                  const char *target,
                  const char *subprotocol);

/* The head of a server's frame, and of a client's; returns the length. */
size_t load_frame_head(char *head, unsigned kind, size_t payload_len);
size_t load_masked_head(char *head, unsigned kind, size_t payload_len);

/* Takes the head of a server's frame; its length, 0 while it is unfinished. */
size_t
load_frame_head_take(const char *data, size_t len, uint64_t *payload_len);

/* A step's bytes as one frame. */
void load_step_frame(struct load_step *step, const void *bytes, size_t len);

/* Whether a whole frame closes, and with that code. */
bool load_is_close(const char *data, size_t len, unsigned code);

/* Takes a control frame, as a protocol's take_other does. */
size_t load_control_take(int fd, const char *data, size_t len);

/* Where a stream is within the frames that hold it. */
struct load_frames {
    uint64_t left; /* bytes of the frame's payload still to come */
    size_t held;
    char bytes[LOAD_CONTROL_MAX]; /* of an unfinished head or control frame */
};

/* Puts back what is held; returns its length. */
size_t load_frames_resume(struct load_frames *frames, char *data);

/* Leaves only the payloads, and holds what is unfinished; their length. */
size_t
load_frames_strip(struct load_frames *frames, int fd, char *data, size_t len);

#endif
