/* `ringtail log verify|repair DIR`: the log on disk, while no broker has it. */
#ifndef CLIENTS_CLI_LOG_H
#define CLIENTS_CLI_LOG_H

#include "clients/cli/arguments.h"

/* Runs the command: the exit code. */
int log_run(const struct arguments *arguments);

#endif
