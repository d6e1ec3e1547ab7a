/* The exit codes of all commands: value, and what it means. Code 1 and 2 are
 * those of `serve` as well. */
#ifndef CLIENTS_CLI_EXIT_CODE_H
#define CLIENTS_CLI_EXIT_CODE_H

#define EXIT_CODE_MAP(X)                                                       \
    X(DONE, 0, "done: all that was asked for")                                 \
    X(FAILED, 1, "it could not start, or a file could not be read or written") \
    X(USAGE, 2, "the command line is not understood")                          \
    X(UNAVAILABLE, 3, "no connection to the broker, or none any more")         \
    X(REFUSED, 4, "the broker refused: an event, or the subscription")         \
    X(LOSS, 5, "events were missed (sub), or may be lost or not (pub)")        \
    X(DAMAGED, 6,                                                              \
      "the log is damaged (log verify), or events are lost (repair)")          \
    X(INTERRUPTED, 130, "pub: a signal ended it")

enum exit_code {
#define X(name, value, text) CODE_##name = (value),
    EXIT_CODE_MAP(X)
#undef X
};

#endif
