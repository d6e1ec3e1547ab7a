/* What became of published events: counted, shown while it goes on, and summed
 * up in the end. */
#ifndef CLIENTS_CLI_REPORT_H
#define CLIENTS_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <ringtail/client.h>

#include "clients/cli/failure.h"

struct report {
    uint64_t start_ns;
    uint64_t confirmed;
    uint64_t confirmed_bytes;
    uint64_t refused;
    uint64_t unknown; /* may have arrived or not */
    uint64_t unsent;
    uint64_t shown;       /* of `confirmed`, with the last progress */
    uint64_t shown_ns;    /* when that was */
    uint64_t shown_bytes; /* of `confirmed_bytes` */
    bool is_shown;        /* there is a line of progress on the terminal */
    char first[FAILURE_BYTES + 32]; /* the first that was not confirmed */
};

void report_init(struct report *report);

/* Counts an outcome of the event in line `number` (0: it is the only one) of
 * `len` bytes. */
void report_count(struct report *report,
                  const struct ringtail_outcome *outcome,
                  uint64_t number,
                  uint64_t len);

/* Counts an event that was refused before it was sent. */
void report_refuse(struct report *report, uint64_t number, const char *why);

/* Shows how far it is, on a terminal's line that the next one overwrites. */
void report_progress(struct report *report);

/* Wipes that line. */
void report_wipe(struct report *report);

/* Sums up on standard error, for people. */
void report_print(struct report *report);

/* Sums up on standard output, as JSON: 0 or a negative errno. */
int report_print_json(const struct report *report);

#endif
