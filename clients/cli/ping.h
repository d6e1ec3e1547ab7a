/* `ringtail ping`. */
#ifndef CLIENTS_CLI_PING_H
#define CLIENTS_CLI_PING_H

#include "clients/cli/arguments.h"

/* Runs the command; returns the exit code. */
int ping_run(const struct arguments *arguments);

#endif
