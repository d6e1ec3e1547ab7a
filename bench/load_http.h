/* How all protocols of ringtail publish: a POST for each event. */
#ifndef BENCH_LOAD_HTTP_H
#define BENCH_LOAD_HTTP_H

#include <stddef.h>

#include "bench/load_protocol.h"

/* A protocol's wrap_published, and its take_answer. */
void load_http_wrap(struct load_wrapping *wrapping,
                    const char *topic,
                    size_t payload_len);
size_t
load_http_take(struct load_answers *answers, const char *data, size_t len);

#endif
