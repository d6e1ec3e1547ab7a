/*
 * Subscribers of the floor. One that asks for the earliest event gets the log
 * first, as fast as it reads, and is live when it has all of it.
 */
#ifndef BENCH_FLOOR_SUBSCRIBER_H
#define BENCH_FLOOR_SUBSCRIBER_H

#include "bench/floor_connection.h"

#define FLOOR_HEAD 1024 /* bytes of the longest head it looks at */

/* Answers the head of a subscriber. */
void floor_upgrade(int fd, struct floor_topic *topic, const char *head);

/* It may be written to again, or is gone, or the log has passed it. */
void floor_go_on_replaying(int fd);

/* What a subscriber sends is ignored, but for its end. */
void floor_serve_subscriber(int fd);

#endif
