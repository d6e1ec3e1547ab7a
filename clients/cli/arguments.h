/* The words of a command line, understood by the table of commands. */
#ifndef CLIENTS_CLI_ARGUMENTS_H
#define CLIENTS_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/cli/command.h"

#define WORDS_MAX 2 /* of any command, without its options */

struct arguments {
    const struct command *command;
    const char *values[OPTIONS_MAX]; /* as given; NULL: not given */
    const char *words[WORDS_MAX];
    unsigned word_count;
    bool wants_help;
};

/*
 * Reads what stands behind a command's name; the words are borrowed. On
 * failure says on standard error what is wrong and returns -1.
 */
int arguments_parse(struct arguments *arguments,
                    const struct command *command,
                    int count,
                    char **words);

/* The value of an option of the command, or its default, or NULL. */
const char *argument_text(const struct arguments *arguments, const char *name);

/* Whether an option was given. */
bool argument_given(const struct arguments *arguments, const char *name);

/* The value of an OPTION_COUNT; 0 without one. */
uint64_t argument_count(const struct arguments *arguments, const char *name);

/* The broker: --url, else RINGTAIL_URL, else the default. */
const char *argument_url(const struct arguments *arguments);

/* Says what is wrong with an argument and where to read more; returns -1. */
int argument_complain(const struct command *command,
                      const char *argument,
                      const char *what);

#endif
