/* The program: one name, a command, its arguments. */
#include <stdio.h>
#include <string.h>

#include <ringtail/ringtail.h>

#include "options.h"
#include "serve.h"

static void print_usage(FILE *out)
{
    (void)fprintf(out, "Usage: ringtail COMMAND [ARGUMENT]...\n"
                       "\n"
                       "  serve     run the broker (ringtail serve --help)\n"
                       "  version   print the version\n"
                       "  help      this text\n");
}

int main(int count, char **arguments)
{
    const char *command = count > 1 ? arguments[1] : "";
    if (strcmp(command, "serve") == 0) {
        return serve(count - 2, arguments + 2);
    }
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        (void)printf("ringtail %s\n", ringtail_version());
        return 0;
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    print_usage(stderr);
    return EXIT_USAGE;
}
