#include "bench/attack_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>

#define PEERS_MAX   15000 /* descriptors */
#define CYCLES_MAX  10000000
#define SECONDS_MAX 600

static const char usage[] =
    "usage: attack --port PORT --kind KIND [option...]\n"
    "\n"
    "Attacks the broker at 127.0.0.1:PORT and prints one JSON object.\n"
    "\n"
    "  --peers N    connections at a time (1000)\n"
    "  --cycles N   connections in all, or POSTs; then it ends\n"
    "  --seconds S  it ends in any case (10)\n"
    "  --pace MS    between two bytes of a slow peer (3000)\n";

noreturn static void refuse(void)
{
    (void)fputs(usage, stderr);
    exit(2);
}

static uint64_t number(const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > max) {
        (void)fprintf(stderr, "attack: %s is not in 1 to %llu\n", text,
                      (unsigned long long)max);
        refuse();
    }
    return value;
}

static void set(struct attack_options *options, int name, const char *value)
{
    switch (name) {
    case 'o':
        options->port = (uint16_t)number(value, UINT16_MAX);
        break;
    case 'k':
        options->kind = value;
        break;
    case 'n':
        options->peers = (uint32_t)number(value, PEERS_MAX);
        break;
    case 'c':
        options->cycles = number(value, CYCLES_MAX);
        break;
    case 's':
        options->seconds = number(value, SECONDS_MAX);
        break;
    case 'm':
        options->pace_ms = number(value, SECONDS_MAX * 1000);
        break;
    default:
        refuse();
    }
}

struct attack_options attack_options_parse(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'o'},
        {"kind", required_argument, NULL, 'k'},
        {"peers", required_argument, NULL, 'n'},
        {"cycles", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'},
        {"pace", required_argument, NULL, 'm'},
        {NULL, 0, NULL, 0},
    };
    struct attack_options options = {
        .peers = 1000, .seconds = 10, .pace_ms = 3000};
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        set(&options, name, optarg);
    }
    if (optind != argc || options.port == 0 || options.kind == NULL) {
        refuse();
    }
    return options;
}
