#include "bench/load_window.h"

#include <unistd.h>

#include "bench/load_clock.h"
#include "bench/load_report.h"

struct load_snapshot load_snapshot_take(const struct load *load)
{
    struct load_snapshot snapshot = {
        .private_bytes = load_server_private_bytes(load->options.pid),
        .at_us = load_clock_us(),
        .published = load->topics.published,
        .delivered = load->topics.delivered,
        .reads = load->subscribers.reads,
        .held = load->held,
        .spun_ns = load->spun_ns,
        .server = load_server_cpu(load->options.pid),
        .own = load_server_cpu(getpid()),
        .allocations = load_server_allocations(load->options.count_file),
    };
    for (uint32_t i = 0;
         load->publishers != NULL && i < load->options.publishers; i++) {
        snapshot.answer_bytes += load->publishers[i].answer_bytes;
    }
    return snapshot;
}

/* Near 1 it was the load generator that set the pace, and not the server. */
static void report_busy(const struct load_snapshot *from,
                        const struct load_snapshot *to,
                        double seconds)
{
    uint64_t run_ns = to->own.run_ns - from->own.run_ns;
    uint64_t spun_ns = to->spun_ns - from->spun_ns;
    uint64_t busy_ns = run_ns > spun_ns ? run_ns - spun_ns : 0;
    load_report_u64("load_cpu_ns", run_ns);
    load_report_u64("load_wait_ns", to->own.wait_ns - from->own.wait_ns);
    load_report_double("load_busy", (double)busy_ns / 1e9 / seconds);
}

void load_window_report(const struct load_snapshot *from,
                        const struct load_snapshot *to)
{
    double seconds = (double)(to->at_us - from->at_us) / 1e6;
    uint64_t events = to->published - from->published;
    load_report_double("seconds", seconds);
    load_report_u64("events", events);
    load_report_double("rate", (double)events / seconds);
    load_report_u64("deliveries", to->delivered - from->delivered);
    load_report_u64("reads", to->reads - from->reads);
    load_report_u64("held", to->held - from->held);
    load_report_u64("answer_bytes", to->answer_bytes - from->answer_bytes);
    load_report_u64("server_cpu_ns", to->server.run_ns - from->server.run_ns);
    load_report_u64("server_wait_ns",
                    to->server.wait_ns - from->server.wait_ns);
    report_busy(from, to, seconds);
    load_report_u64("allocations", to->allocations - from->allocations);
    load_report_u64("private_bytes", to->private_bytes);
}
