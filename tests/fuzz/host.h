/*
 * A host for the broker under fuzz, and its peer: one broker for very many
 * inputs, with small limits so that each of them can be met. Time passes only
 * when it is told to.
 */
#ifndef TESTS_FUZZ_HOST_H
#define TESTS_FUZZ_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/bytes.h"
#include "broker/facade.h"

#define FUZZ_QUESTIONS_MAX 16
#define FUZZ_RECEIVED_MAX  ((size_t)1024 * 1024)
#define FUZZ_EVENT_BYTES   ((size_t)16 * 1024)
#define FUZZ_LARGE_MAX     24   /* large events for one input */
#define FUZZ_INPUTS_MAX    4096 /* of one broker */

struct fuzz_host {
    uv_loop_t loop;
    struct ringtail_broker *broker;
    struct ringtail_authorization *questions[FUZZ_QUESTIONS_MAX];
    size_t question_count;
    unsigned large_count;
    unsigned input_count;
};

/* Makes sure that there is a broker, and a new one after many inputs. */
void fuzz_host_begin(struct fuzz_host *host);

/* Expects that no connection is left; and that all memory comes back when the
 * topics have been idle for long enough. */
void fuzz_host_end(struct fuzz_host *host);

void fuzz_host_turn(struct fuzz_host *host);

/* A second passes. */
void fuzz_host_tick(struct fuzz_host *host);

/* Publishes an event to the topic `news`. */
void fuzz_host_publish(struct fuzz_host *host, size_t len);

/* Answers all questions that the authorizer was asked and has put off. */
void fuzz_host_answer(struct fuzz_host *host, enum ringtail_verdict verdict);

/* From now on, for this input, WebSocket messages are taken, and echoed. */
void fuzz_host_take_messages(struct fuzz_host *host);

/* Leaves so much memory, or, with SIZE_MAX, as much as at the beginning. */
void fuzz_host_leave_memory(struct fuzz_host *host, size_t len);

struct fuzz_peer {
    struct fuzz_host *host;
    int fd;          /* -1: closed */
    bool is_holding; /* does not read */
    bool has_held;
    bool has_lost; /* what was received did not fit */
    size_t len;
    char received[FUZZ_RECEIVED_MAX];
};

void fuzz_peer_open(struct fuzz_peer *peer, struct fuzz_host *host);

/* Sends, and reads what comes until there is nothing more to do. */
void fuzz_peer_send(struct fuzz_peer *peer, struct rt_bytes bytes);
void fuzz_peer_settle(struct fuzz_peer *peer);

/* Sends no more. */
void fuzz_peer_finish(struct fuzz_peer *peer);

/* Closes, and expects that the broker does so too. */
void fuzz_peer_close(struct fuzz_peer *peer);

#endif
