#include "clients/cli/command.h"

#include <stdio.h>
#include <string.h>

#include <ringtail/client.h>

#include "broker/daemon/serve.h"
#include "clients/cli/completion.h"
#include "clients/cli/help.h"
#include "clients/cli/log.h"
#include "clients/cli/ping.h"
#include "clients/cli/pub.h"
#include "clients/cli/sub.h"
#include "clients/cli/version.h"

#define HELP                                                              \
    {                                                                     \
        .name = "help", .letter = 'h', .kind = OPTION_FLAG, .form = NULL, \
        .help = "this text"                                               \
    }
#define URL                                                              \
    {                                                                    \
        .name = "url", .kind = OPTION_TEXT, .form = "URL",               \
        .value = RINGTAIL_CLIENT_URL,                                    \
        .help = "the broker: http://HOST:PORT, HOST:PORT or unix:PATH; " \
                "the environment's RINGTAIL_URL if it is not given"      \
    }
#define QUIET                                                \
    {                                                        \
        .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, \
        .help = "say nothing on standard error but errors"   \
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
        .name = "pub",
        .words = "TOPIC [TEXT]",
        .summary = "publish events to a topic",
        .about =
            "Publishes TEXT as it is, as one event, and prints its cursor. "
            "`-` stands for all of standard input, `@FILE` for what is in a "
            "file. Without TEXT each line of standard input is an event, "
            "without the newline that ends it; an empty line is an event of "
            "no bytes.",
        .examples = "  ringtail pub news hello\n"
                    "  ringtail pub news @photo.jpg --content-type image/jpeg\n"
                    "  date | ringtail pub news -\n"
                    "  tail -f access.log | ringtail pub log\n",
        .words_min = 1,
        .words_max = 2,
        .options =
            {
                {.name = "file",
                 .letter = 'f',
                 .kind = OPTION_FILE,
                 .form = "FILE",
                 .help = "publish what is in a file, as one "
                         "event; `-`: standard input"},
                {.name = "lines",
                 .letter = 'l',
                 .kind = OPTION_FLAG,
                 .help = "publish each line of standard input: what happens "
                         "without TEXT as well"},
                {.name = "content-type",
                 .letter = 't',
                 .kind = OPTION_TEXT,
                 .form = "TYPE",
                 .help = "of the payload; without it an event "
                         "is text if it is UTF-8"},
                URL,
                JSON("print a receipt, or for lines a summary, as JSON"),
                QUIET,
                HELP,
            },
        .run = pub_run,
    },
    {
        .name = "sub",
        .words = "TOPIC",
        .summary = "print the events of a topic",
        .about =
            "Prints events as they come, a line each, until a signal ends it. "
            "When the connection breaks it connects again and goes on where it "
            "was. It says on standard error when that happens, and which "
            "events are lost when the broker does not have them any more.",
        .examples = "  ringtail sub news\n"
                    "  ringtail sub news --since earliest --exit-after 10\n"
                    "  ringtail sub news --since 10m --format json\n",
        .words_min = 1,
        .words_max = 1,
        .options =
            {
                {.name = "since",
                 .letter = 's',
                 .kind = OPTION_TEXT,
                 .form = "WHERE",
                 .value = "now",
                 .help = "where to begin: now, earliest, after a cursor, at a "
                         "time such as 2026-11-21T08:00:00Z, so long ago "
                         "(10m), or with the last N events (-N)"},
                {.name = "exit-after",
                 .letter = 'n',
                 .kind = OPTION_COUNT,
                 .form = "N",
                 .help = "end after so many events"},
                {.name = "format",
                 .kind = OPTION_CHOICE,
                 .form = "raw|json",
                 .value = "raw",
                 .help = "payloads alone, or JSON objects that "
                         "tell events and gaps"},
                URL,
                JSON("the same as --format json"),
                QUIET,
                HELP,
            },
        .run = sub_run,
    },
    {
        .name = "ping",
        .words = "",
        .summary = "ask the broker whether it lives",
        .about = "Asks for /livez and prints how long the answer took.",
        .examples = "  ringtail ping\n"
                    "  ringtail ping --count 10 --url broker.example:3030\n",
        .options =
            {
                {.name = "count",
                 .letter = 'c',
                 .kind = OPTION_COUNT,
                 .form = "N",
                 .value = "1",
                 .help = "ask so often, once a second"},
                URL,
                JSON("print an object for each answer"),
                HELP,
            },
        .run = ping_run,
    },
    {
        .name = "log",
        .words = "verify|repair DIR",
        .summary = "check or mend a broker's log on disk",
        .about =
            "Reads all of the log that a broker keeps in a directory (serve "
            "--data), while no broker has it, and tells what is not what was "
            "written. `repair` mends it then: what can be read is written "
            "anew, from the first damaged segment on, and the old files are "
            "kept beside, as *.damaged. What is lost stays lost; subscribers "
            "are told of it as of every gap.",
        .examples = "  ringtail log verify /var/lib/ringtail\n"
                    "  ringtail log repair /var/lib/ringtail --json\n",
        .words_min = 2,
        .words_max = 2,
        .options =
            {
                JSON("print an object for each segment, for each topic, and "
                     "for all"),
                {.name = "quiet",
                 .letter = 'q',
                 .kind = OPTION_FLAG,
                 .help = "show no progress on a terminal"},
                HELP,
            },
        .run = log_run,
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
    bool is_path = known->kind == RINGTAIL_OPTION_TEXT;
    bool is_ack = known->kind == RINGTAIL_OPTION_ACK;
    *option = (struct option){
        .name = name,
        .kind = is_flag   ? OPTION_FLAG
                : is_path ? OPTION_FILE
                : is_ack  ? OPTION_CHOICE
                          : OPTION_TEXT,
        .form = is_flag  ? NULL
                : is_ack ? "auto|memory|disk"
                         : "VALUE",
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
