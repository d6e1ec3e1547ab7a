/* The command line of `ringtail serve`. */
#ifndef BROKER_DAEMON_OPTIONS_H
#define BROKER_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include <ringtail/ringtail.h>

#define LISTEN_MAX     16 /* --listen may be repeated so often */
#define EXIT_RUNTIME   1
#define EXIT_USAGE     2
#define LISTEN_DEFAULT "127.0.0.1:3030"

struct serve_options {
    struct ringtail_config config;
    const char *listen[LISTEN_MAX];
    unsigned listen_count;
    bool wants_help;
};

/* Reads the arguments after `serve`. On failure says on standard error what is
 * wrong and what would be right, and returns -1. */
int serve_options_parse(struct serve_options *options,
                        int count,
                        char **arguments);

/* What --help shows. */
void serve_options_print(FILE *out);

#endif
