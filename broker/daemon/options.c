#include "options.h"

#include <string.h>

/* Where the explanations begin, and where their lines end. */
#define NAME_COLUMN 28
#define LAST_COLUMN 79

static const char *form_of(enum ringtail_option_kind kind)
{
    switch (kind) {
    case RINGTAIL_OPTION_SIZE:
        return "SIZE";
    case RINGTAIL_OPTION_DURATION:
        return "TIME";
    case RINGTAIL_OPTION_COUNT:
        return "N";
    case RINGTAIL_OPTION_TEXT:
        return "DIR";
    case RINGTAIL_OPTION_ACK:
        return "LEVEL";
    case RINGTAIL_OPTION_FLAG:
        break;
    }
    return "";
}

static void print_name(FILE *out, const struct ringtail_option *option)
{
    int width = fprintf(out, "  --");
    for (const char *at = option->name; *at != '\0'; at++) {
        width += fprintf(out, "%c", *at == '_' ? '-' : *at);
    }
    width += fprintf(out, " %s", form_of(option->kind));
    (void)fprintf(out, "%*s", width < NAME_COLUMN ? NAME_COLUMN - width : 1,
                  "");
}

/* Prints words, from NAME_COLUMN on, in lines that fit. */
static void print_words(FILE *out, const char *text)
{
    size_t column = NAME_COLUMN;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column > NAME_COLUMN && column + 1 + len > LAST_COLUMN) {
            (void)fprintf(out, "\n%*s", NAME_COLUMN, "");
            column = NAME_COLUMN;
        } else if (column > NAME_COLUMN) {
            column += (size_t)fprintf(out, " ");
        }
        column += (size_t)fprintf(out, "%.*s", (int)len, text);
        text += len + strspn(text + len, " ");
    }
    (void)fprintf(out, "\n");
}

static void print_option(FILE *out, const struct ringtail_option *option)
{
    print_name(out, option);
    print_words(out, option->help);
    if (option->kind != RINGTAIL_OPTION_FLAG) {
        bool is_empty = option->value[0] == '\0';
        (void)fprintf(out, "%*s(default %s)\n", NAME_COLUMN, "",
                      is_empty ? "none" : option->value);
    }
}

void serve_options_print(FILE *out)
{
    (void)fprintf(
        out,
        "Usage: ringtail serve [OPTION]...\n"
        "\n"
        "Runs the broker until SIGINT or SIGTERM.\n"
        "\n"
        "  --listen ADDRESS[:PORT]   where to listen; also [IPV6]:PORT,\n"
        "                            unix:PATH and fd:N, a socket that is\n"
        "                            inherited; may be repeated\n"
        "                            (default " LISTEN_DEFAULT ")\n");
    const struct ringtail_option *option = NULL;
    for (size_t i = 0; (option = ringtail_option_at(i)) != NULL; i++) {
        print_option(out, option);
    }
    (void)fprintf(
        out,
        "  --help                    this text\n"
        "\n"
        "Sizes are written 64KiB, 1MiB, 2GiB; times 250ms, 30s, 10m, 1h, 7d.\n"
        "A limit may be `unlimited`; none may be 0. Waits are counted in "
        "seconds.\n"
        "\n"
        "Examples:\n"
        "  ringtail serve\n"
        "  ringtail serve --data /var/lib/ringtail\n"
        "  ringtail serve --listen 127.0.0.1:8080 --ring-bytes 16MiB\n"
        "  ringtail serve --listen unix:/run/ringtail.sock --max-age 10m\n");
}

static int complain(const char *argument, const char *what)
{
    (void)fprintf(stderr, "ringtail: %s: %s (try ringtail serve --help)\n",
                  argument, what);
    return -1;
}

static int take_listen(struct serve_options *options, const char *address)
{
    if (options->listen_count == LISTEN_MAX) {
        return complain("--listen", "too many addresses");
    }
    options->listen[options->listen_count++] = address;
    return 0;
}

/* `--name value` and `--name=value` are the same. */
struct argument {
    char name[64];
    const char *value; /* NULL: none yet */
};

static int split(const char *text, struct argument *argument)
{
    const char *equals = strchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    if (strncmp(text, "--", 2) != 0 || len - 2 >= sizeof(argument->name)) {
        return complain(text, "not an option");
    }
    memcpy(argument->name, text + 2, len - 2);
    argument->name[len - 2] = '\0';
    argument->value = equals != NULL ? equals + 1 : NULL;
    return 0;
}

static const char *expected_of(enum ringtail_option_kind kind)
{
    switch (kind) {
    case RINGTAIL_OPTION_SIZE:
        return "a size such as 64KiB or 1MiB, more than 0, or unlimited";
    case RINGTAIL_OPTION_DURATION:
        return "a time such as 250ms, 30s or 1h, more than 0, or unlimited";
    case RINGTAIL_OPTION_COUNT:
        return "a number, more than 0, or unlimited";
    case RINGTAIL_OPTION_TEXT:
        return "the name of a directory";
    case RINGTAIL_OPTION_ACK:
        return "auto, memory or disk";
    case RINGTAIL_OPTION_FLAG:
        break;
    }
    return "0 or 1";
}

static int take_option(struct serve_options *options,
                       const struct argument *argument)
{
    const struct ringtail_option *option = ringtail_option_find(argument->name);
    if (strcmp(argument->name, "listen") == 0) {
        return take_listen(options, argument->value);
    }
    /* An empty name is a mistake, as of a variable that is not set. */
    bool is_empty =
        option->kind == RINGTAIL_OPTION_TEXT && argument->value[0] == '\0';
    if (is_empty || ringtail_config_set(&options->config, argument->name,
                                        argument->value) < 0) {
        (void)fprintf(stderr, "ringtail: --%s %s: it takes %s\n",
                      argument->name, argument->value,
                      expected_of(option->kind));
        return -1;
    }
    return 0;
}

static bool is_known(const struct argument *argument)
{
    return strcmp(argument->name, "listen") == 0 ||
           ringtail_option_find(argument->name) != NULL;
}

static bool is_flag(const struct argument *argument)
{
    const struct ringtail_option *option = ringtail_option_find(argument->name);
    return option != NULL && option->kind == RINGTAIL_OPTION_FLAG;
}

int serve_options_parse(struct serve_options *options,
                        int count,
                        char **arguments)
{
    *options = (struct serve_options){.wants_help = false};
    ringtail_config_init(&options->config);
    for (int i = 0; i < count; i++) {
        const char *text = arguments[i];
        struct argument argument;
        if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
            options->wants_help = true;
            return 0;
        }
        if (split(text, &argument) < 0) {
            return -1;
        }
        if (!is_known(&argument)) {
            return complain(text, ringtail_strerror(RINGTAIL_ENAME));
        }
        if (argument.value == NULL && is_flag(&argument)) {
            argument.value = "1";
        } else if (argument.value == NULL && i + 1 < count) {
            argument.value = arguments[++i];
        }
        if (argument.value == NULL) {
            return complain(text, "a value is missing");
        }
        if (take_option(options, &argument) < 0) {
            return -1;
        }
    }
    if (options->listen_count == 0) {
        return take_listen(options, LISTEN_DEFAULT);
    }
    return 0;
}
