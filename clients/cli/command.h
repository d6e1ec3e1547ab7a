/*
 * The table of commands and their options. It drives what is understood, what
 * --help shows and what shells complete.
 */
#ifndef CLIENTS_CLI_COMMAND_H
#define CLIENTS_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_MAX 16 /* of one command, but for the broker's own */

struct arguments;

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_FILE,
    OPTION_COUNT,  /* a number from 1 */
    OPTION_CHOICE, /* one of the words in `form`, which `|` separates */
};

struct option {
    const char *name; /* without dashes; NULL ends a table */
    char letter;      /* the short form; 0: none */
    enum option_kind kind;
    const char *form;  /* of the value, as --help shows it; NULL: a flag */
    const char *value; /* the default as it is written; NULL: none */
    const char *help;
};

struct command {
    const char *name;
    const char *words;    /* what follows the name, as --help shows it */
    const char *summary;  /* in a few words */
    const char *about;    /* sentences, for --help */
    const char *examples; /* lines */
    unsigned words_min;
    unsigned words_max;
    struct option options[OPTIONS_MAX];
    /* Runs and returns the exit code. One of the two: with the arguments that
     * the table describes, or with what stands behind the command's name. */
    int (*run)(const struct arguments *arguments);
    int (*run_raw)(int count, char **words);
};

/* The command number `index` from 0, or NULL beyond the last. */
const struct command *command_at(size_t index);

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

#define NAME_BYTES 64

/*
 * The option number `index` from 0 of a command, with those of the broker's
 * configuration if it runs the broker, whose names are written into `name`, of
 * NAME_BYTES. False beyond the last.
 */
bool command_option(const struct command *command,
                    size_t index,
                    char *name,
                    struct option *option);

#endif
