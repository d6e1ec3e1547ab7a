/* What the program says about itself. */
#ifndef CLIENTS_CLI_HELP_H
#define CLIENTS_CLI_HELP_H

#include <stdio.h>

#include "clients/cli/arguments.h"

/* The commands, the exit codes. */
void help_print(FILE *out);

/* What `ringtail COMMAND --help` shows. */
void help_print_command(FILE *out, const struct command *command);

/* `ringtail help [COMMAND]`: returns the exit code. */
int help_run(const struct arguments *arguments);

#endif
