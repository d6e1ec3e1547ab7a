/* `ringtail version`. */
#ifndef CLIENTS_CLI_VERSION_H
#define CLIENTS_CLI_VERSION_H

#include "clients/cli/arguments.h"

/* Prints the version; returns the exit code. */
int version_run(const struct arguments *arguments);

#endif
