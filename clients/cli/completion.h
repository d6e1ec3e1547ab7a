/* Completion for shells, written from the table of commands. */
#ifndef CLIENTS_CLI_COMPLETION_H
#define CLIENTS_CLI_COMPLETION_H

#include "clients/cli/arguments.h"

/* `ringtail completion bash|zsh`: returns the exit code. */
int completion_run(const struct arguments *arguments);

#endif
