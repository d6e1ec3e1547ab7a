#include "bench/load_probe.h"

#include <stdlib.h>

#include "bench/load_clock.h"
#include "bench/load_connection.h"
#include "bench/load_report.h"

#define PROBE_DEPTH 1024
#define PROBE_TOPIC "bench.probe"

void load_probe_open(struct load_probe *probe,
                     const struct load_options *options,
                     int poller,
                     uint64_t tag)
{
    uint32_t number = options->subscribers + options->stopped;
    int fd = load_connect(options->port, number);
    double events_max =
        options->probe_hz * (options->warmup_s + options->seconds + 60);
    probe->period_us = 1000000 / options->probe_hz;
    probe->latencies.count_max = (uint64_t)events_max;
    probe->latencies.values_us =
        load_allocate(probe->latencies.count_max, sizeof(uint64_t));
    load_topic_init(&probe->topic, PROBE_TOPIC);
    load_subscribers_init(&probe->subscribers, &probe->topic, 1, 1,
                          options->payload_len);
    probe->subscribers.latencies = &probe->latencies;
    load_upgrade(fd, PROBE_TOPIC);
    load_subscribers_join(&probe->subscribers, 0, fd);
    load_watch(poller, fd, tag);
    load_publisher_init(&probe->publisher, &probe->topic, PROBE_DEPTH,
                        options->payload_len);
    load_publisher_open(&probe->publisher, load_connect(options->port, number),
                        poller, tag);
}

void load_probe_start(struct load_probe *probe)
{
    probe->due_us = load_clock_us();
}

void load_probe_reset(struct load_probe *probe)
{
    probe->latencies.count = 0;
}

void load_probe_turn(struct load_probe *probe)
{
    load_publisher_flush(&probe->publisher);
    while (probe->due_us != 0 && probe->due_us <= load_clock_us() &&
           load_publisher_room(&probe->publisher) > 0) {
        load_publisher_send(&probe->publisher, 1, probe->due_us);
        probe->due_us += probe->period_us;
    }
    (void)load_subscribers_read(&probe->subscribers, 0);
    (void)load_publisher_read(&probe->publisher);
}

void load_probe_stop(struct load_probe *probe)
{
    probe->due_us = 0;
}

bool load_probe_is_quiet(const struct load_probe *probe)
{
    return load_publisher_is_quiet(&probe->publisher) &&
           load_topic_is_quiet(&probe->topic);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* The smallest value that at least `percent` of all values do not exceed. */
static uint64_t percentile(const struct load_latencies *latencies,
                           uint64_t percent)
{
    uint64_t rank = (latencies->count * percent + 99) / 100;
    return latencies->values_us[rank > 0 ? rank - 1 : 0];
}

void load_probe_report(struct load_probe *probe)
{
    struct load_latencies *latencies = &probe->latencies;
    qsort(latencies->values_us, latencies->count, sizeof(uint64_t), compare);
    load_report_u64("probe_events", latencies->count);
    load_report_u64("probe_p50_us", percentile(latencies, 50));
    load_report_u64("probe_p99_us", percentile(latencies, 99));
    load_report_u64("probe_max_us", percentile(latencies, 100));
}
