/* `ringtail sub`. */
#ifndef CLIENTS_CLI_SUB_H
#define CLIENTS_CLI_SUB_H

#include "clients/cli/arguments.h"

/* Runs the command; returns the exit code. */
int sub_run(const struct arguments *arguments);

#endif
