#include "clients/cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "clients/cli/exit_code.h"

#define PRINT(...) (void)printf(__VA_ARGS__)

static void print_commands(const char *separator)
{
    const struct command *command = NULL;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        PRINT("%s%s", i > 0 ? separator : "", command->name);
    }
}

/* Choices, with spaces for the `|` between them, up to the next word. */
static void print_choices(const char *choices)
{
    for (; *choices != '\0' && *choices != ' '; choices++) {
        PRINT("%c", *choices == '|' ? ' ' : *choices);
    }
}

/* --- bash --- */

/* What follows an option that takes a value: a case of the script. */
static void bash_value(const struct command *command,
                       const struct option *option)
{
    PRINT("    %s:--%s)", command->name, option->name);
    if (option->kind == OPTION_CHOICE) {
        PRINT(" words='");
        print_choices(option->form);
        PRINT("' ;;\n");
    } else if (option->kind == OPTION_FILE) {
        PRINT(" return ;;\n");
    } else {
        PRINT(" compopt +o default; return ;;\n");
    }
}

static void bash_values(const struct command *command)
{
    struct option option;
    char name[NAME_BYTES];
    for (size_t i = 0; command_option(command, i, name, &option); i++) {
        if (option.kind != OPTION_FLAG) {
            bash_value(command, &option);
        }
    }
}

/* What the words of a command may be, if they are not free. */
static void print_words(const struct command *command)
{
    if (strcmp(command->name, "help") == 0) {
        print_commands(" ");
    } else if (strchr(command->words, '|') != NULL) {
        print_choices(command->words);
    }
}

static void bash_options(const struct command *command)
{
    struct option option;
    char name[NAME_BYTES];
    PRINT("    %s:*) words='", command->name);
    print_words(command);
    for (size_t i = 0; command_option(command, i, name, &option); i++) {
        PRINT(" --%s", option.name);
    }
    PRINT("' ;;\n");
}

/* The word to complete, and the one before; bash takes the `=` of
 * `--name=value` for a word. */
static void print_bash_start(void)
{
    PRINT("# Made by `ringtail completion bash`.\n"
          "_ringtail()\n"
          "{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    local before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    [ \"$word\" != = ] || word=\n"
          "    [ \"$before\" != = ] || before=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    [ \"$COMP_CWORD\" -gt 1 ] || before=\n");
}

static void print_bash(void)
{
    const struct command *command = NULL;
    print_bash_start();
    PRINT("    case ${before:+${COMP_WORDS[1]}}:$before in\n"
          "    :) words='");
    print_commands(" ");
    PRINT("' ;;\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        bash_values(command);
        bash_options(command);
    }
    PRINT("    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "}\n"
          "complete -o default -F _ringtail ringtail\n");
}

/* --- zsh --- */

/* Text inside single quotes and brackets. */
static void zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            PRINT("'\\''");
        } else if (strchr("[]\\:", *text) != NULL) {
            PRINT("\\%c", *text);
        } else {
            PRINT("%c", *text);
        }
    }
}

static void zsh_option(const struct option *option)
{
    PRINT("            '--%s%s[", option->name,
          option->kind == OPTION_FLAG ? "" : "=");
    zsh_text(option->help);
    PRINT("]");
    if (option->kind == OPTION_CHOICE) {
        PRINT(":value:(");
        print_choices(option->form);
        PRINT(")");
    } else if (option->kind != OPTION_FLAG) {
        PRINT(":%s:%s", option->form,
              option->kind == OPTION_FILE ? "_files" : "");
    }
    PRINT("' \\\n");
}

static void zsh_command(const struct command *command)
{
    struct option option;
    char name[NAME_BYTES];
    PRINT("    %s)\n        _arguments \\\n", command->name);
    for (size_t i = 0; command_option(command, i, name, &option); i++) {
        zsh_option(&option);
    }
    bool has_directory = strstr(command->words, " DIR") != NULL;
    PRINT("            '%c:argument:(", has_directory ? '1' : '*');
    print_words(command);
    PRINT(")'");
    if (has_directory) {
        PRINT(" \\\n            '2:directory:_files -/'");
    }
    PRINT("\n        ;;\n");
}

static void print_zsh(void)
{
    const struct command *command = NULL;
    PRINT("#compdef ringtail\n"
          "# Made by `ringtail completion zsh`.\n"
          "_ringtail()\n"
          "{\n"
          "    if ((CURRENT == 2)); then\n"
          "        compadd ");
    print_commands(" ");
    PRINT("\n        return\n"
          "    fi\n"
          "    local command=$words[2]\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $command in\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        zsh_command(command);
    }
    PRINT("    esac\n"
          "}\n"
          "if [ \"$funcstack[1]\" = _ringtail ]; then\n"
          "    _ringtail \"$@\"\n"
          "else\n"
          "    compdef _ringtail ringtail\n"
          "fi\n");
}

int completion_run(const struct arguments *arguments)
{
    const char *shell = arguments->words[0];
    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh();
    } else {
        (void)argument_complain(arguments->command, shell, "bash or zsh");
        return CODE_USAGE;
    }
    return CODE_DONE;
}
