#include "bench/load_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>

#include "bench/load_payload.h"
#include "bench/load_protocol.h"
#include "bench/load_topic.h"
#include "bench/wire.h"

/* The floor reads no longer request. */
#define PAYLOAD_MAX (WIRE_PUBLISHER_READ - 1024)

/* In flight on a schedule, when nothing else is said: enough never to wait. */
#define DEPTH_OF_RATE 1024

/* Events behind, when nothing else is said, unless a ring holds fewer. */
#define LAG 1024

static const char usage[] =
    "usage: load --port PORT --pid PID [option...]\n"
    "\n"
    "Drives the server at 127.0.0.1:PORT and prints one JSON object.\n"
    "\n"
    "  --protocol P     ringtail (the floor's too), nchan, redis, nats, mqtt,\n"
    "                   nats-websocket or mqtt-websocket (ringtail)\n"
    "  --subscribers N  subscribers of the topics (0)\n"
    "  --stopped N      more subscribers, who stop reading at once (0)\n"
    "  --publishers N   publishers to the topics (1)\n"
    "  --topics N       topics: subscribers are spread over them, and each\n"
    "                   event of a publisher goes to the next one (1)\n"
    "  --depth N        events in flight per publisher (1; 1024 with --rate)\n"
    "  --bytes N        payload of an event (128)\n"
    "  --lag N          hold publishers while the slowest reader is N events\n"
    "                   behind (1024, or what half a ring holds); 1 is one\n"
    "                   event at a time, and reports when the last reader\n"
    "                   had it: last_*_us\n"
    "  --rate R         R events a second on a fixed schedule; reports when\n"
    "                   readers had them: latency_*_us\n"
    "  --warmup S       seconds before the measured window (1)\n"
    "  --seconds S      length of the measured window (3)\n"
    "  --events N       measure exactly N events instead\n"
    "  --probe HZ       events a second on a topic of their own, timed (0)\n"
    "  --late N         fill the topic's ring; in the window N subscribers at\n"
    "                   a time join late, from the earliest event, again and\n"
    "                   again; ringtail only, with --rate\n"
    "  --churn N        connect, subscribe and close N times, 256 at a time\n"
    "  --idle           publish nothing: what do idle subscribers cost?\n"
    "  --count FILE     where count_allocations.so counts\n";

noreturn static void refuse(void)
{
    (void)fputs(usage, stderr);
    exit(2);
}

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min ||
        value > max) {
        (void)fprintf(stderr, "load: %s is not in %llu to %llu\n", text,
                      (unsigned long long)min, (unsigned long long)max);
        refuse();
    }
    return value;
}

static double duration(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 3600)) {
        (void)fprintf(stderr, "load: %s is not a number of seconds\n", text);
        refuse();
    }
    return value;
}

static uint32_t protocol(const char *name)
{
    uint32_t found = load_protocol_find(name);
    if (load_protocols[found] == NULL) {
        (void)fprintf(stderr, "load: %s is no protocol\n", name);
        refuse();
    }
    return found;
}

static void set(struct load_options *options, int name, const char *value)
{
    switch (name) {
    case 'o':
        options->port = (uint16_t)number(value, 1, UINT16_MAX);
        break;
    case 'p':
        options->pid = (pid_t)number(value, 1, INT32_MAX);
        break;
    case 'P':
        options->protocol = protocol(value);
        break;
    case 's':
        options->subscribers = (uint32_t)number(value, 0, 100000);
        break;
    case 'x':
        options->stopped = (uint32_t)number(value, 0, 1000);
        break;
    case 'u':
        options->publishers = (uint32_t)number(value, 1, 1000);
        break;
    case 'T':
        options->topics = (uint32_t)number(value, 1, 99999);
        break;
    case 'd':
        options->depth = (uint32_t)number(value, 1, UINT16_MAX);
        break;
    case 'b':
        options->payload_len =
            (uint32_t)number(value, LOAD_PAYLOAD_MIN, PAYLOAD_MAX);
        break;
    case 'l':
        options->lag_max = number(value, 1, LOAD_LAG_MAX - 1);
        break;
    case 'w':
        options->warmup_s = duration(value);
        break;
    case 't':
        options->seconds = duration(value);
        break;
    case 'e':
        options->events = number(value, 1, UINT32_MAX);
        break;
    case 'r':
        options->probe_hz = (uint32_t)number(value, 1, 100000);
        break;
    case 'R':
        options->rate = (uint32_t)number(value, 1, 1000000);
        break;
    case 'L':
        options->late = (uint32_t)number(value, 1, 10000);
        break;
    case 'C':
        options->churn = number(value, 1, UINT32_MAX);
        break;
    case 'i':
        options->idle = true;
        break;
    case 'c':
        options->count_file = value;
        break;
    default:
        refuse();
    }
}

/* Late readers check that the events of one publisher follow each other. */
static bool is_possible(const struct load_options *options)
{
    return options->late == 0 ||
           (options->protocol == 0 && options->publishers == 1 &&
            options->topics == 1 && options->rate > 0);
}

static void complete(struct load_options *options)
{
    if (options->depth == 0) {
        options->depth = options->rate > 0 ? DEPTH_OF_RATE : 1;
    }
    if (options->lag_max == 0) {
        uint32_t half_a_ring = LOAD_RING_BYTES / 2 / options->payload_len;
        options->lag_max = half_a_ring < LAG ? half_a_ring : LAG;
    }
    if (options->late > 0 && options->subscribers == 0) {
        options->subscribers = 1;
    }
}

struct load_options load_options_parse(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'o'},
        {"pid", required_argument, NULL, 'p'},
        {"protocol", required_argument, NULL, 'P'},
        {"subscribers", required_argument, NULL, 's'},
        {"stopped", required_argument, NULL, 'x'},
        {"publishers", required_argument, NULL, 'u'},
        {"topics", required_argument, NULL, 'T'},
        {"depth", required_argument, NULL, 'd'},
        {"bytes", required_argument, NULL, 'b'},
        {"lag", required_argument, NULL, 'l'},
        {"warmup", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 't'},
        {"events", required_argument, NULL, 'e'},
        {"rate", required_argument, NULL, 'R'},
        {"probe", required_argument, NULL, 'r'},
        {"late", required_argument, NULL, 'L'},
        {"churn", required_argument, NULL, 'C'},
        {"idle", no_argument, NULL, 'i'},
        {"count", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    struct load_options options = {
        .publishers = 1,
        .topics = 1,
        .payload_len = 128,
        .warmup_s = 1,
        .seconds = 3,
    };
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        set(&options, name, optarg);
    }
    if (optind != argc || options.port == 0 || options.pid == 0 ||
        !is_possible(&options)) {
        refuse();
    }
    complete(&options);
    return options;
}
