/* The program: one name, a command, its arguments. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clients/cli/arguments.h"
#include "clients/cli/command.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/failure.h"
#include "clients/cli/help.h"
#include "clients/cli/standard.h"

/* What others call `COMMAND`, they may call `--COMMAND` here. */
static const struct command *command_of(const char *word)
{
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        word = "help";
    } else if (strcmp(word, "--version") == 0) {
        word = "version";
    }
    return command_find(word);
}

static int run(const struct command *command, int count, char **words)
{
    struct arguments arguments;
    if (command->run_raw != NULL) {
        return command->run_raw(count, words);
    }
    if (arguments_parse(&arguments, command, count, words) < 0) {
        return CODE_USAGE;
    }
    if (arguments.wants_help) {
        help_print_command(stdout, command);
        return CODE_DONE;
    }
    return command->run(&arguments);
}

/* What was printed and did not arrive is a failure. */
static int finish(int code)
{
    bool has_failed = ferror(stdout) != 0;
    errno = EIO; /* if it has failed before, nobody knows why */
    has_failed = fflush(stdout) != 0 || has_failed;
    return has_failed && code == CODE_DONE ? failure_no_output(-errno) : code;
}

int main(int count, char **words)
{
    standard_open();
    if (count < 2) {
        help_print(stderr);
        return CODE_USAGE;
    }
    const struct command *command = command_of(words[1]);
    if (command == NULL) {
        (void)fprintf(stderr, "ringtail: %s: there is no such command\n\n",
                      words[1]);
        help_print(stderr);
        return CODE_USAGE;
    }
    return finish(run(command, count - 2, words + 2));
}
