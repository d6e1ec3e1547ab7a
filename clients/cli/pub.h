/* `ringtail pub`. */
#ifndef CLIENTS_CLI_PUB_H
#define CLIENTS_CLI_PUB_H

#include "clients/cli/arguments.h"

/* Runs the command; returns the exit code. */
int pub_run(const struct arguments *arguments);

#endif
