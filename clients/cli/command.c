#include "clients/cli/command.h"

#include <stdio.h>
#include <string.h>

#include <ringtail/ringtail.h>

#include "broker/daemon/serve.h"
#include "clients/cli/completion.h"
#include "clients/cli/help.h"
#include "clients/cli/version.h"

#define HELP                                                              \
    {                                                                     \
        .name = "help", .letter = 'h', .kind = OPTION_FLAG, .form = NULL, \
        .help = "this text"                                               \
    }
#define JSON(text)                                          \
    {                                                       \
        .name = "json", .kind = OPTION_FLAG, .help = (text) \
    }

static const struct command commands[] = {
    {
        .name = "serve",
        .words = "",
        .summary = "run the broker",
        .options =
            {
                {.name = "listen",
                 .kind = OPTION_TEXT,
                 .form = "ADDRESS",
                 .help = "where to listen"},
                HELP,
            },
        .run_raw = serve,
    },
    {
        .name = "version",
        .words = "",
        .summary = "print the version",
        .about = "Prints the version.",
        .examples = "  ringtail version --json\n",
        .options = {JSON("print an object"), HELP},
        .run = version_run,
    },
    {
        .name = "completion",
        .words = "bash|zsh",
        .summary = "print what completes words in a shell",
        .about = "Prints a script that makes the shell complete the words of "
                 "this command line.",
        .examples = "  source <(ringtail completion bash)\n",
        .words_min = 1,
        .words_max = 1,
        .options = {HELP},
        .run = completion_run,
    },
    {
        .name = "help",
        .words = "[COMMAND]",
        .summary = "print this text, or that of a command",
        .about = "Prints what the program, or one of its commands, is for.",
        .examples = "  ringtail help sub\n",
        .words_max = 1,
        .options = {HELP},
        .run = help_run,
    },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct command *command_at(size_t index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* An option of the broker's configuration, with dashes for underscores. */
static bool config_option(size_t index, char *name, struct option *option)
{
    const struct ringtail_option *known = ringtail_option_at(index);
    if (known == NULL) {
        return false;
    }
    (void)snprintf(name, NAME_BYTES, "%s", known->name);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : *at;
    }
    bool is_flag = known->kind == RINGTAIL_OPTION_FLAG;
    *option = (struct option){
        .name = name,
        .kind = is_flag ? OPTION_FLAG : OPTION_TEXT,
        .form = is_flag ? NULL : "VALUE",
        .value = known->value,
        .help = known->help,
    };
    return true;
}

bool command_option(const struct command *command,
                    size_t index,
                    char *name,
                    struct option *option)
{
    size_t count = 0;
    while (command->options[count].name != NULL) {
        count++;
    }
    if (index < count) {
        *option = command->options[index];
        return true;
    }
    return command->run_raw != NULL &&
           config_option(index - count, name, option);
}
