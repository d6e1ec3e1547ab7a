#include "clients/cli/help.h"

#include <string.h>

#include "clients/cli/exit_code.h"

/* Where the explanations begin, and where their lines end. */
#define NAME_COLUMN 28
#define LAST_COLUMN 79

/* Prints words from a column on, where the output is now, in lines that fit. */
static void print_words(FILE *out, size_t first, const char *text)
{
    size_t column = first;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column > first && column + 1 + len > LAST_COLUMN) {
            (void)fprintf(out, "\n%*s", (int)first, "");
            column = first;
        } else if (column > first) {
            column += (size_t)fprintf(out, " ");
        }
        column += (size_t)fprintf(out, "%.*s", (int)len, text);
        text += len + strspn(text + len, " ");
    }
    (void)fprintf(out, "\n");
}

static void print_option(FILE *out, const struct option *option)
{
    int width = fprintf(out, "  --%s", option->name);
    if (option->form != NULL) {
        width += fprintf(out, " %s", option->form);
    }
    if (option->letter != '\0') {
        width += fprintf(out, ", -%c", option->letter);
    }
    (void)fprintf(out, "%*s", width < NAME_COLUMN ? NAME_COLUMN - width : 1,
                  "");
    print_words(out, NAME_COLUMN, option->help);
    if (option->value != NULL) {
        (void)fprintf(out, "%*s(default %s)\n", NAME_COLUMN, "", option->value);
    }
}

static void print_exit_codes(FILE *out)
{
    (void)fprintf(out, "\nExit codes:\n");
#define X(name, value, text) (void)fprintf(out, "  %-8d%s\n", (value), (text));
    EXIT_CODE_MAP(X)
#undef X
}

void help_print(FILE *out)
{
    const struct command *command = NULL;
    (void)fprintf(out, "Usage: ringtail COMMAND [ARGUMENT]...\n\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        (void)fprintf(out, "  %-12s%s\n", command->name, command->summary);
    }
    (void)fprintf(out, "\n`ringtail COMMAND --help` says more of each.\n");
    print_exit_codes(out);
}

void help_print_command(FILE *out, const struct command *command)
{
    const struct option *option = command->options;
    (void)fprintf(out, "Usage: ringtail %s%s%s%s\n\n", command->name,
                  option->name != NULL ? " [OPTION]..." : "",
                  command->words[0] != '\0' ? " " : "", command->words);
    print_words(out, 0, command->about);
    (void)fprintf(out, "\n");
    for (; option->name != NULL; option++) {
        print_option(out, option);
    }
    print_exit_codes(out);
    (void)fprintf(out, "\nExamples:\n%s", command->examples);
}

int help_run(const struct arguments *arguments)
{
    static char *help[] = {"--help"};
    if (arguments->word_count == 0) {
        help_print(stdout);
        return CODE_DONE;
    }
    const struct command *command = command_find(arguments->words[0]);
    if (command == NULL) {
        (void)argument_complain(arguments->command, arguments->words[0],
                                "there is no such command");
        return CODE_USAGE;
    }
    if (command->run_raw != NULL) {
        return command->run_raw(1, help);
    }
    help_print_command(stdout, command);
    return CODE_DONE;
}
