/*
 * The load generator: one thread that publishes to a server, subscribes to it,
 * checks every event that arrives and reads what the server spent meanwhile.
 * A measured window begins and ends in quiet, when everything published has
 * arrived everywhere, so that what it counts is exactly what it paid for.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/load_clock.h"
#include "bench/load_connection.h"
#include "bench/load_options.h"
#include "bench/load_probe.h"
#include "bench/load_publisher.h"
#include "bench/load_report.h"
#include "bench/load_server.h"
#include "bench/load_subscriber.h"

#define LOAD_TOPIC     "bench.load"
#define LOAD_EVENTS    8        /* per turn: the probe waits for them */
#define LOAD_PAUSE_US  100000   /* longest turn in which nothing happens */
#define LOAD_STUCK_US  10000000 /* without progress: the run has failed */
#define LOAD_SETTLE_US 500000   /* before memory is read */
#define LOAD_TAG_PROBE UINT64_MAX

struct load {
    struct load_options options;
    int poller;
    struct load_topic topic;
    struct load_subscribers subscribers;
    int *stopped;
    struct load_publisher *publishers;
    struct load_probe *probe; /* or NULL */
    uint64_t to_publish;      /* events left in this phase */
    uint64_t held;            /* turns in which the lag held a publisher */
};

struct snapshot {
    uint64_t at_us;
    uint64_t published;
    uint64_t delivered;
    uint64_t reads;
    uint64_t held;
    uint64_t answer_bytes;
    struct load_cpu server;
    struct load_cpu own;
    uint64_t allocations;
    uint64_t private_bytes;
};

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void open_subscribers(struct load *load)
{
    const struct load_options *options = &load->options;
    load_subscribers_init(&load->subscribers, &load->topic,
                          options->subscribers, options->publishers,
                          options->payload_len);
    for (uint32_t i = 0; i < options->subscribers; i++) {
        int fd = load_connect(options->port, i);
        load_upgrade(fd, load->topic.name);
        load_subscribers_join(&load->subscribers, i, fd);
        load_watch(load->poller, fd, i);
    }
    load->stopped = load_allocate(options->stopped, sizeof(int));
    for (uint32_t i = 0; i < options->stopped; i++) {
        load->stopped[i] = load_connect(options->port, options->subscribers);
        load_upgrade(load->stopped[i], load->topic.name);
    }
}

static void open_publishers(struct load *load)
{
    const struct load_options *options = &load->options;
    uint32_t count = options->publishers;
    load->publishers = load_allocate(count, sizeof(*load->publishers));
    for (uint32_t i = 0; i < count; i++) {
        struct load_publisher *publisher = &load->publishers[i];
        load_publisher_init(publisher, &load->topic, options->depth,
                            options->payload_len);
        publisher->number = i;
        load_publisher_open(publisher,
                            load_connect(options->port, options->subscribers),
                            load->poller, options->subscribers + i);
    }
}

static void open_probe(struct load *load)
{
    if (load->options.probe_hz > 0) {
        load->probe = load_allocate(1, sizeof(*load->probe));
        load_probe_open(load->probe, &load->options, load->poller,
                        LOAD_TAG_PROBE);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Publishes what depth, lag and the phase allow. */
static void publish(struct load *load)
{
    for (uint32_t i = 0; i < load->options.publishers; i++) {
        struct load_publisher *publisher = &load->publishers[i];
        uint64_t want = least(load_publisher_room(publisher), load->to_publish);
        uint64_t count =
            least(want, load_topic_room(&load->topic, load->options.lag_max));
        load->held += count < want ? 1 : 0;
        if (count > 0) {
            load_publisher_send(publisher, (uint32_t)count, 0);
            load->to_publish -= count;
        }
    }
}

/* The probe has its turn after every few events anyway. */
static void handle(struct load *load, uint64_t tag)
{
    if (tag == LOAD_TAG_PROBE) {
        return;
    }
    if (tag < load->options.subscribers) {
        (void)load_subscribers_read(&load->subscribers, (uint32_t)tag);
    } else {
        uint64_t number = tag - load->options.subscribers;
        (void)load_publisher_read(&load->publishers[number]);
        load_publisher_flush(&load->publishers[number]);
    }
}

static struct timespec pause_of(const struct load *load)
{
    uint64_t pause_us = LOAD_PAUSE_US;
    if (load->probe != NULL && load->probe->due_us != 0) {
        uint64_t now_us = load_clock_us();
        uint64_t due_us = load->probe->due_us;
        pause_us = due_us > now_us ? due_us - now_us : 0;
    }
    return (struct timespec){
        .tv_sec = (time_t)(pause_us / 1000000),
        .tv_nsec = (long)(pause_us % 1000000) * 1000,
    };
}

static void turn(struct load *load)
{
    struct epoll_event events[LOAD_EVENTS];
    struct timespec pause = pause_of(load);
    int count = epoll_pwait2(load->poller, events, LOAD_EVENTS, &pause, NULL);
    if (count < 0 && errno != EINTR) {
        load_fail_errno("epoll_pwait2");
    }
    for (int i = 0; i < count; i++) {
        handle(load, events[i].data.u64);
    }
    publish(load);
    if (load->probe != NULL) {
        load_probe_turn(load->probe);
    }
}

static bool is_quiet(const struct load *load)
{
    for (uint32_t i = 0; i < load->options.publishers; i++) {
        if (!load_publisher_is_quiet(&load->publishers[i])) {
            return false;
        }
    }
    return load_topic_is_quiet(&load->topic) &&
           (load->probe == NULL || load_probe_is_quiet(load->probe));
}

/* A number that grows while the server does anything for us. */
static uint64_t progress(const struct load *load)
{
    uint64_t sum = load->topic.delivered;
    for (uint32_t i = 0; i < load->options.publishers; i++) {
        sum += load->publishers[i].answer_bytes;
    }
    return sum;
}

static void run_until(struct load *load, uint64_t end_us)
{
    uint64_t seen = progress(load);
    uint64_t seen_us = load_clock_us();
    uint64_t now_us = seen_us;
    while (now_us < end_us && (load->to_publish > 0 || !is_quiet(load))) {
        turn(load);
        now_us = load_clock_us();
        if (progress(load) != seen) {
            seen = progress(load);
            seen_us = now_us;
        } else if (now_us - seen_us > LOAD_STUCK_US) {
            load_fail("stuck: %llu published, the slowest reader has %llu",
                      (unsigned long long)load->topic.published,
                      (unsigned long long)load->topic.slowest);
        }
    }
}

/* Publishes for so long, or so many events, and waits for quiet. */
static void run_phase(struct load *load, double seconds, uint64_t events)
{
    uint64_t length_us = (uint64_t)(seconds * 1e6);
    load->to_publish = events > 0 ? events : UINT64_MAX;
    if (load->probe != NULL) {
        load_probe_start(load->probe);
    }
    run_until(load, events > 0 ? UINT64_MAX : load_clock_us() + length_us);
    load->to_publish = 0;
    if (load->probe != NULL) {
        load_probe_stop(load->probe);
    }
    run_until(load, UINT64_MAX);
}

static struct snapshot take_snapshot(const struct load *load)
{
    struct snapshot snapshot = {
        .private_bytes = load_server_private_bytes(load->options.pid),
        .at_us = load_clock_us(),
        .published = load->topic.published,
        .delivered = load->topic.delivered,
        .reads = load->subscribers.reads,
        .held = load->held,
        .server = load_server_cpu(load->options.pid),
        .own = load_server_cpu(getpid()),
        .allocations = load_server_allocations(load->options.count_file),
    };
    for (uint32_t i = 0; i < load->options.publishers; i++) {
        snapshot.answer_bytes += load->publishers[i].answer_bytes;
    }
    return snapshot;
}

static void report_window(const struct snapshot *from,
                          const struct snapshot *to)
{
    load_report_double("seconds", (double)(to->at_us - from->at_us) / 1e6);
    load_report_u64("events", to->published - from->published);
    load_report_u64("deliveries", to->delivered - from->delivered);
    load_report_u64("reads", to->reads - from->reads);
    load_report_u64("held", to->held - from->held);
    load_report_u64("answer_bytes", to->answer_bytes - from->answer_bytes);
    load_report_u64("server_cpu_ns", to->server.run_ns - from->server.run_ns);
    load_report_u64("server_wait_ns",
                    to->server.wait_ns - from->server.wait_ns);
    load_report_u64("load_cpu_ns", to->own.run_ns - from->own.run_ns);
    load_report_u64("load_wait_ns", to->own.wait_ns - from->own.wait_ns);
    load_report_u64("allocations", to->allocations - from->allocations);
    load_report_u64("private_bytes", to->private_bytes);
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

static void run_busy(struct load *load)
{
    open_subscribers(load);
    open_publishers(load);
    open_probe(load);
    run_phase(load, load->options.warmup_s, 0);
    if (load->probe != NULL) {
        load_probe_reset(load->probe);
    }
    struct snapshot from = take_snapshot(load);
    run_phase(load, load->options.seconds, load->options.events);
    struct snapshot to = take_snapshot(load);
    load_report_begin();
    report_window(&from, &to);
    report_stopped(load);
    if (load->probe != NULL) {
        load_probe_report(load->probe);
    }
}

/* The first subscriber has the server load and prepare what it needs once. */
static void run_idle(struct load *load)
{
    pid_t pid = load->options.pid;
    int first = load_connect(load->options.port, load->options.subscribers);
    load_upgrade(first, load->topic.name);
    uint64_t before = load_server_private_bytes(pid);
    open_subscribers(load);
    (void)usleep(LOAD_SETTLE_US);
    uint64_t after = load_server_private_bytes(pid);
    load_report_begin();
    load_report_u64("private_bytes_grown", after > before ? after - before : 0);
}

int main(int argc, char **argv)
{
    struct load load = {.options = load_options_parse(argc, argv)};
    raise_descriptor_limit();
    load.poller = epoll_create1(EPOLL_CLOEXEC);
    load_topic_init(&load.topic, LOAD_TOPIC);
    if (load.options.idle) {
        run_idle(&load);
    } else {
        run_busy(&load);
    }
    load_report_end();
    return 0;
}
