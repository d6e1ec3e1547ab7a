/*
 * The load generator: one thread that publishes to a server, subscribes to it,
 * checks every event that arrives and reads what the server spent meanwhile.
 */
#include "bench/load.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/load_clock.h"
#include "bench/load_connection.h"
#include "bench/load_crowd.h"
#include "bench/load_open.h"
#include "bench/load_replay.h"
#include "bench/load_report.h"
#include "bench/load_traffic.h"
#include "bench/load_window.h"

#define TOPIC        "bench.load"
#define SETTLE_US    500000 /* before memory is read */
#define CHURN_WARMUP 1000   /* connections, of which each touches new memory */

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* How many of the stopped subscribers are still there, and what they hold. */
static void report_stopped(const struct load *load)
{
    uint64_t present = 0;
    uint64_t kernel_bytes = 0;
    for (uint32_t i = 0; i < load->options.stopped; i++) {
        uint64_t bytes;
        if (load_server_socket_bytes(load->stopped[i], &bytes)) {
            present++;
            kernel_bytes += bytes;
        }
    }
    load_report_u64("stopped_present", present);
    load_report_u64("stopped_kernel_bytes", kernel_bytes);
}

static void report_delays(const struct load *load)
{
    if (load->subscribers.delays != NULL) {
        load_histogram_report(&load->delays, "latency");
    }
    if (load->topics.last != NULL) {
        load_histogram_report(&load->last, "last");
    }
    if (load->probe != NULL) {
        load_probe_report(load->probe);
    }
    if (load->late != NULL) {
        load_late_report(load->late);
    }
}

/* More than the ring holds: the first ones are evicted. */
static void fill_ring(struct load *load)
{
    uint64_t ring_events = LOAD_RING_BYTES / load->options.payload_len;
    load_traffic_fill(load, ring_events + ring_events / 2 + 1);
}

static void run_busy(struct load *load)
{
    load_open(load);
    load_traffic_run(load, load->options.warmup_s, 0);
    if (load->late != NULL) {
        fill_ring(load);
    }
    load_traffic_reset(load);
    struct load_snapshot from = load_snapshot_take(load);
    if (load->late != NULL) {
        load_late_start(load->late);
    }
    load_traffic_run(load, load->options.seconds, load->options.events);
    struct load_snapshot to = load_snapshot_take(load);
    load_report_begin();
    load_window_report(&from, &to);
    report_stopped(load);
    report_delays(load);
}

static void describe(void *context, uint64_t number, struct load_dialog *dialog)
{
    const struct load *load = context;
    (void)number;
    load_protocols[load->options.protocol]->subscribe(
        dialog, load->topics.list[0].name);
}

/* The first subscriber has the server load and prepare what it needs once. */
static void run_idle(struct load *load)
{
    pid_t pid = load->options.pid;
    struct load_dialog dialog = {0};
    int first = load_connect(load->options.port, load->options.subscribers);
    describe(load, 0, &dialog);
    load_dialog_hold(&dialog, first);
    uint64_t before = load_server_private_bytes(pid);
    load_open_subscribers(load);
    (void)usleep(SETTLE_US);
    uint64_t after = load_server_private_bytes(pid);
    load_report_begin();
    load_report_u64("private_bytes_grown", after > before ? after - before : 0);
}

/* Closing resets: see load_connect(). */
static void turn_away(void *context, uint64_t number, int fd)
{
    (void)context;
    (void)number;
    (void)close(fd);
}

/* What the server does for the last ones that left is not left out. */
static void run_churn(struct load *load)
{
    const struct load_options *options = &load->options;
    struct load_crowd crowd = {.port = options->port,
                               .count = CHURN_WARMUP,
                               .context = load,
                               .describe = describe,
                               .admit = turn_away};
    load_crowd_gather(&crowd);
    (void)usleep(SETTLE_US);
    struct load_snapshot from = load_snapshot_take(load);
    crowd.count = options->churn;
    load_crowd_gather(&crowd);
    uint64_t end_us = load_clock_us();
    (void)usleep(SETTLE_US);
    struct load_snapshot to = load_snapshot_take(load);
    to.at_us = end_us;
    load_report_begin();
    load_report_u64("cycles", options->churn);
    load_window_report(&from, &to);
}

int main(int argc, char **argv)
{
    static struct load load;
    load.options = load_options_parse(argc, argv);
    raise_descriptor_limit();
    load.poller = epoll_create1(EPOLL_CLOEXEC);
    load_topics_init(&load.topics, TOPIC, load.options.topics,
                     load.options.lag_max);
    if (load.options.idle) {
        run_idle(&load);
    } else if (load.options.replay > 0) {
        load_replay_run(&load);
    } else if (load.options.churn > 0) {
        run_churn(&load);
    } else {
        run_busy(&load);
    }
    load_report_end();
    return 0;
}
