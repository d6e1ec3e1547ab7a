#include "clients/cli/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int argument_complain(const struct command *command,
                      const char *argument,
                      const char *what)
{
    (void)fprintf(stderr, "ringtail: %s: %s (try ringtail %s --help)\n",
                  argument, what, command->name);
    return -1;
}

static const struct option *
option_of(const struct command *command, const char *name, size_t len)
{
    const struct option *option = command->options;
    for (; option->name != NULL; option++) {
        if (strlen(option->name) == len &&
            memcmp(option->name, name, len) == 0) {
            return option;
        }
    }
    return NULL;
}

static const struct option *option_of_letter(const struct command *command,
                                             const char *text)
{
    const struct option *option = command->options;
    for (; option->name != NULL; option++) {
        if (option->letter != '\0' && option->letter == text[0] &&
            text[1] == '\0') {
            return option;
        }
    }
    return NULL;
}

static bool is_count(const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
           value > 0;
}

/* Whether the text is one of `a|b|c`. */
static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    while (strncmp(choices, text, len) != 0 || strcspn(choices, "|") != len) {
        choices += strcspn(choices, "|");
        if (*choices == '\0') {
            return false;
        }
        choices++;
    }
    return true;
}

/* What a value should have been; NULL if it is that. */
static const char *fault_of(const struct option *option, const char *value)
{
    if (option->kind == OPTION_COUNT && !is_count(value)) {
        return "it takes a number, more than 0";
    }
    if (option->kind == OPTION_CHOICE && !is_choice(option->form, value)) {
        return option->form;
    }
    return NULL;
}

static int take_value(struct arguments *arguments,
                      const struct option *option,
                      const char *value)
{
    char argument[128];
    const char *fault = fault_of(option, value);
    if (fault != NULL) {
        (void)snprintf(argument, sizeof(argument), "--%s %s", option->name,
                       value);
        return argument_complain(arguments->command, argument, fault);
    }
    arguments->values[option - arguments->command->options] = value;
    return 0;
}

static int take_word(struct arguments *arguments, const char *word)
{
    if (arguments->word_count == arguments->command->words_max) {
        return argument_complain(arguments->command, word,
                                 "one argument too many");
    }
    arguments->words[arguments->word_count++] = word;
    return 0;
}

/* What is left to read. */
struct words {
    int count;
    char **at;
};

static const char *next_word(struct words *words)
{
    if (words->count == 0) {
        return NULL;
    }
    words->count--;
    return *words->at++;
}

/* `--name value` and `--name=value` are the same. */
static int
take_option(struct arguments *arguments, const char *text, struct words *words)
{
    const struct command *command = arguments->command;
    bool is_long = text[1] == '-';
    const char *equals = is_long ? strchr(text, '=') : NULL;
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const struct option *option = is_long
                                      ? option_of(command, text + 2, len - 2)
                                      : option_of_letter(command, text + 1);
    if (option == NULL) {
        return argument_complain(command, text, "there is no such option");
    }
    if (option->kind == OPTION_FLAG) {
        return equals != NULL
                   ? argument_complain(command, text, "it takes no value")
                   : take_value(arguments, option, "1");
    }
    const char *value = equals != NULL ? equals + 1 : next_word(words);
    if (value == NULL) {
        return argument_complain(command, text, "a value is missing");
    }
    return take_value(arguments, option, value);
}

static int check_words(const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    if (arguments->wants_help || arguments->word_count >= command->words_min) {
        return 0;
    }
    return argument_complain(command, command->words, "it is missing");
}

int arguments_parse(struct arguments *arguments,
                    const struct command *command,
                    int count,
                    char **words)
{
    struct words rest = {count, words};
    const char *word = NULL;
    bool has_options = true;
    *arguments = (struct arguments){.command = command};
    while ((word = next_word(&rest)) != NULL) {
        int err = 0;
        if (has_options && strcmp(word, "--") == 0) {
            has_options = false;
        } else if (has_options && word[0] == '-' && word[1] != '\0') {
            err = take_option(arguments, word, &rest);
        } else {
            err = take_word(arguments, word);
        }
        if (err < 0) {
            return err;
        }
    }
    arguments->wants_help = argument_given(arguments, "help");
    return check_words(arguments);
}

bool argument_given(const struct arguments *arguments, const char *name)
{
    const struct option *option =
        option_of(arguments->command, name, strlen(name));
    return option != NULL &&
           arguments->values[option - arguments->command->options] != NULL;
}

const char *argument_text(const struct arguments *arguments, const char *name)
{
    const struct option *option =
        option_of(arguments->command, name, strlen(name));
    if (option == NULL) {
        return NULL;
    }
    const char *value = arguments->values[option - arguments->command->options];
    return value != NULL ? value : option->value;
}

uint64_t argument_count(const struct arguments *arguments, const char *name)
{
    const char *value = argument_text(arguments, name);
    return value != NULL ? strtoull(value, NULL, 10) : 0;
}

const char *argument_url(const struct arguments *arguments)
{
    const char *named = getenv("RINGTAIL_URL");
    if (argument_given(arguments, "url") || named == NULL || *named == '\0') {
        return argument_text(arguments, "url");
    }
    return named;
}
