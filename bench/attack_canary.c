/*
 * The canary: a publisher and a subscriber among the hostile, who behave, and
 * time how late each event is. It sings until it is told to stop (SIGTERM) or
 * its time is over; an event that is refused or lost ends it with an error.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "bench/load_clock.h"
#include "bench/load_probe.h"
#include "bench/load_report.h"

#define HZ        100
#define SECONDS   600
#define PAUSE_US  1000
#define QUIET_US  20000000 /* for the last events to arrive */
#define BYTES     128
#define ARGUMENTS 2

static volatile sig_atomic_t is_told;

static void on_signal(int number)
{
    (void)number;
    is_told = 1;
}

static void turn(struct load_probe *probe, int poller)
{
    struct epoll_event events[2];
    struct timespec pause = {.tv_nsec = PAUSE_US * 1000};
    if (epoll_pwait2(poller, events, 2, &pause, NULL) < 0 && errno != EINTR) {
        load_fail_errno("epoll_pwait2");
    }
    load_probe_turn(probe);
}

static void sing(struct load_probe *probe, int poller)
{
    uint64_t end_us = load_clock_us() + (uint64_t)SECONDS * 1000000;
    load_probe_start(probe);
    while (!is_told && load_clock_us() < end_us) {
        turn(probe, poller);
    }
    load_probe_stop(probe);
    end_us = load_clock_us() + QUIET_US;
    while (!load_probe_is_quiet(probe)) {
        turn(probe, poller);
        if (load_clock_us() > end_us) {
            load_fail("the last events have not arrived");
        }
    }
}

int main(int argc, char **argv)
{
    static struct load_probe probe;
    unsigned long port =
        argc == ARGUMENTS ? strtoul(argv[1], NULL, 10) : UINT16_MAX + 1;
    if (port > UINT16_MAX) {
        load_fail("usage: attack_canary PORT");
    }
    struct load_options options = {.port = (uint16_t)port,
                                   .probe_hz = HZ,
                                   .seconds = SECONDS,
                                   .payload_len = BYTES};
    int poller = epoll_create1(EPOLL_CLOEXEC);
    (void)signal(SIGTERM, on_signal);
    load_probe_open(&probe, &options, poller, 0);
    sing(&probe, poller);
    load_report_begin();
    load_probe_report(&probe);
    load_report_end();
    return 0;
}
