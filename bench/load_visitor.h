/*
 * A connection that is being made while others are served: it connects, goes
 * through a dialog, and is then whatever it wanted to be.
 */
#ifndef BENCH_LOAD_VISITOR_H
#define BENCH_LOAD_VISITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load_dialog.h"

struct load_visitor {
    int fd;
    bool is_connected;
    uint32_t step; /* of the dialog */
};

/* Begins to connect; the poller tells under the tag when to go on. */
void load_visitor_open(struct load_visitor *visitor,
                       uint16_t port,
                       uint32_t number,
                       int poller,
                       uint64_t tag);

/* Goes on. True when the dialog is over. */
bool load_visitor_go_on(struct load_visitor *visitor,
                        const struct load_dialog *dialog,
                        int poller,
                        uint64_t tag);

/* Breaks off: see load_connect(). */
void load_visitor_close(struct load_visitor *visitor);

#endif
