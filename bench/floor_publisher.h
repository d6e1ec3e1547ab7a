/*
 * Publishers to the floor. It answers all whole requests of a read at once,
 * frames their payloads once, and sends the frames to every subscriber.
 */
#ifndef BENCH_FLOOR_PUBLISHER_H
#define BENCH_FLOOR_PUBLISHER_H

#include "bench/floor_connection.h"

/* As many answers of that length as one read can ask for. */
void floor_prepare_answers(size_t len);

/* Learns the shape of a publisher's requests from the head of the first. */
void floor_publish_from(int fd, struct floor_topic *topic, const char *head);

void floor_serve_publisher(int fd);

#endif
