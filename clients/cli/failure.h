/* Failures of a session, in words for people, with what would mend them. */
#ifndef CLIENTS_CLI_FAILURE_H
#define CLIENTS_CLI_FAILURE_H

#include <stddef.h>

#include <ringtail/client.h>

#define FAILURE_BYTES 512

/* What went wrong: `413: the payload is too large`, `connection refused`. */
void failure_format(int error,
                    unsigned status,
                    const char *detail,
                    char text[FAILURE_BYTES]);

/* Says that there was no connection at all, and what to do about it. Returns
 * the exit code. */
int failure_no_connection(const char *url,
                          const struct ringtail_failure *failure);

/* Says that output could not be written. Returns the exit code. */
int failure_no_output(int error);

/* Says that a client could not even begin. Returns the exit code. */
int failure_no_client(const char *url, const char *topic, int error);

#endif
