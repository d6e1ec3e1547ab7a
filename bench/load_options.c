#include "bench/load_options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>

#include "bench/load_payload.h"
#include "bench/load_protocol.h"
#include "bench/load_topic.h"
#include "bench/wire.h"

/* The floor reads no longer request; but it is not asked to take batches. */
#define PAYLOAD_MAX       (WIRE_PUBLISHER_READ - 1024)
#define PAYLOAD_MAX_BATCH (1024 * 1024)

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
    "                   nats-websocket, mqtt-websocket, ringtail-batch,\n"
    "                   ringtail-json, ringtail-sse, ringtail-memory,\n"
    "                   ringtail-disk, redis-stream or nats-stream (ringtail)\n"
    "  --subscribers N  subscribers of the topics (0)\n"
    "  --stopped N      more subscribers, who stop reading at once (0)\n"
    "  --publishers N   publishers to the topics (1)\n"
    "  --topics N       topics: subscribers are spread over them, and each\n"
    "                   event of a publisher goes to the next one (1)\n"
    "  --depth N        events in flight per publisher (1; 1024 with --rate)\n"
    "  --bytes N        payload of an event (128); of ringtail-batch the body\n"
    "                   of a POST, without two quotes, in lines of 128\n"
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
    "  --replay N       publish nothing: subscribers who want the topic from\n"
    "                   its first event on, until each has N events\n"
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

/* --- options that are a number, by their place in this table --- */

#define FIELD(member)                      \
    offsetof(struct load_options, member), \
        sizeof(((struct load_options *)NULL)->member)

static const struct number_option {
    const char *name;
    size_t at; /* of the field */
    size_t size;
    uint64_t min;
    uint64_t max;
} numbers[] = {
    {"port", FIELD(port), 1, UINT16_MAX},
    {"pid", FIELD(pid), 1, INT32_MAX},
    {"subscribers", FIELD(subscribers), 0, 100000},
    {"stopped", FIELD(stopped), 0, 1000},
    {"publishers", FIELD(publishers), 1, 1000},
    {"topics", FIELD(topics), 1, 99999},
    {"depth", FIELD(depth), 1, UINT16_MAX},
    {"bytes", FIELD(payload_len), LOAD_PAYLOAD_MIN, PAYLOAD_MAX_BATCH},
    {"lag", FIELD(lag_max), 1, LOAD_LAG_MAX - 1},
    {"events", FIELD(events), 1, UINT32_MAX},
    {"rate", FIELD(rate), 1, 1000000},
    {"probe", FIELD(probe_hz), 1, 100000},
    {"late", FIELD(late), 1, 10000},
    {"churn", FIELD(churn), 1, UINT32_MAX},
    {"replay", FIELD(replay), 1, UINT32_MAX},
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void set_number(struct load_options *options,
                       const struct number_option *option,
                       const char *text)
{
    void *field = (char *)options + option->at;
    uint64_t value = number(text, option->min, option->max);
    if (option->size == sizeof(uint16_t)) {
        *(uint16_t *)field = (uint16_t)value;
    } else if (option->size == sizeof(uint32_t)) {
        *(uint32_t *)field = (uint32_t)value;
    } else {
        *(uint64_t *)field = value;
    }
}

/* --- the others --- */

enum { PROTOCOL = NUMBERS, WARMUP, SECONDS, IDLE, COUNT, OPTIONS };

static const struct option others[] = {
    {"protocol", required_argument, NULL, PROTOCOL},
    {"warmup", required_argument, NULL, WARMUP},
    {"seconds", required_argument, NULL, SECONDS},
    {"idle", no_argument, NULL, IDLE},
    {"count", required_argument, NULL, COUNT},
};

static void set(struct load_options *options, int name, const char *value)
{
    switch (name) {
    case PROTOCOL:
        options->protocol = protocol(value);
        break;
    case WARMUP:
        options->warmup_s = duration(value);
        break;
    case SECONDS:
        options->seconds = duration(value);
        break;
    case IDLE:
        options->idle = true;
        break;
    case COUNT:
        options->count_file = value;
        break;
    default:
        refuse();
    }
}

/* Late readers check that the events of one publisher follow each other; what
 * a batch becomes is checked by nobody. */
static bool is_possible(const struct load_options *options)
{
    if (load_protocols[options->protocol]->fill != NULL) {
        return options->subscribers + options->stopped + options->late == 0;
    }
    return options->payload_len <= PAYLOAD_MAX &&
           (options->late == 0 ||
            (options->protocol == 0 && options->publishers == 1 &&
             options->topics == 1 && options->rate > 0));
}

static void complete(struct load_options *options)
{
    if (options->depth == 0) {
        options->depth = options->rate > 0 ? DEPTH_OF_RATE : 1;
    }
    if (options->lag_max == 0) {
        uint32_t half_a_ring = LOAD_RING_BYTES / 2 / options->payload_len;
        options->lag_max = half_a_ring < LAG ? half_a_ring : LAG;
        options->lag_max += options->lag_max == 0;
    }
    if (options->late > 0 && options->subscribers == 0) {
        options->subscribers = 1;
    }
}

static void parse(struct load_options *options, int argc, char **argv)
{
    struct option names[OPTIONS + 1] = {0};
    int name;
    for (size_t i = 0; i < NUMBERS; i++) {
        names[i] = (struct option){.name = numbers[i].name,
                                   .has_arg = required_argument,
                                   .val = (int)i};
    }
    memcpy(names + NUMBERS, others, sizeof(others));
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name < (int)NUMBERS) {
            set_number(options, &numbers[name], optarg);
        } else {
            set(options, name, optarg);
        }
    }
}

struct load_options load_options_parse(int argc, char **argv)
{
    struct load_options options = {
        .publishers = 1,
        .topics = 1,
        .payload_len = 128,
        .warmup_s = 1,
        .seconds = 3,
    };
    parse(&options, argc, argv);
    if (optind != argc || options.port == 0 || options.pid == 0 ||
        !is_possible(&options)) {
        refuse();
    }
    complete(&options);
    return options;
}
