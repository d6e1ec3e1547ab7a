#include "bench/load_probe.h"

#include "bench/load_clock.h"
#include "bench/load_connection.h"
#include "bench/load_report.h"

#define PROBE_DEPTH 1024
#define PROBE_TOPIC "bench.probe"

static void open_subscriber(struct load_probe *probe, int fd)
{
    struct load_dialog dialog = {0};
    load_subscribers_describe(&probe->subscribers, 0, &dialog);
    load_dialog_hold(&dialog, fd);
    load_subscribers_join(&probe->subscribers, 0, fd);
    load_watch(probe->poller, fd, probe->tag);
}

static void open_publisher(struct load_probe *probe, int fd)
{
    struct load_dialog dialog = {0};
    load_publisher_describe(&probe->publisher, &dialog);
    load_dialog_hold(&dialog, fd);
    load_publisher_open(&probe->publisher, fd, probe->poller, probe->tag);
}

void load_probe_open(struct load_probe *probe,
                     const struct load_options *options,
                     int poller,
                     uint64_t tag)
{
    uint32_t number = options->subscribers + options->stopped;
    probe->poller = poller;
    probe->tag = tag;
    probe->period_us = 1000000 / options->probe_hz;
    load_topics_init(&probe->topics, PROBE_TOPIC, 1, LOAD_LAG_MAX - 1);
    load_subscribers_init(&probe->subscribers, options, &probe->topics, 1, 1);
    probe->subscribers.delays = &probe->delays;
    load_publisher_init(&probe->publisher, options, &probe->topics, 0,
                        PROBE_DEPTH);
    open_subscriber(probe, load_connect(options->port, number));
    open_publisher(probe, load_connect(options->port, number));
}

void load_probe_start(struct load_probe *probe)
{
    probe->due_us = load_clock_us();
}

void load_probe_reset(struct load_probe *probe)
{
    load_histogram_reset(&probe->delays);
}

void load_probe_turn(struct load_probe *probe)
{
    load_publisher_flush(&probe->publisher);
    while (probe->due_us != 0 && probe->due_us <= load_clock_us() &&
           load_publisher_room(&probe->publisher) > 0) {
        load_publisher_add(&probe->publisher, probe->due_us * 1000);
        load_publisher_push(&probe->publisher);
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
           load_topics_are_quiet(&probe->topics);
}

void load_probe_report(const struct load_probe *probe)
{
    load_report_u64("probe_events", probe->delays.count);
    load_histogram_report(&probe->delays, "probe");
}
