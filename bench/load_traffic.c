#include "bench/load_traffic.h"

#include <errno.h>
#include <sys/epoll.h>

#include "bench/load_clock.h"
#include "bench/load_open.h"
#include "bench/load_report.h"

#define EVENTS   8         /* per turn: the probe waits for them */
#define PAUSE_NS 100000000 /* longest turn in which nothing happens */
#define SPIN_NS  200000    /* before an event is due nobody goes to sleep */
#define STUCK_US 10000000  /* without progress: the run has failed */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- publishing --- */

/* Publishes what depth and lag allow, at most so many; returns how many. */
static uint64_t publish_from(struct load *load,
                             struct load_publisher *publisher,
                             uint64_t count_max)
{
    struct load_schedule *schedule = &load->schedule;
    uint64_t want = least(load_publisher_room(publisher), count_max);
    uint64_t count = 0;
    while (count < want && load_topic_room(load_publisher_topic(publisher),
                                           load->options.lag_max) > 0) {
        uint64_t intended_ns =
            schedule->rate > 0 ? load_schedule_next_ns(schedule) : 0;
        load_publisher_add(publisher, intended_ns);
        schedule->issued++;
        count++;
    }
    load->held += count < want ? 1 : 0;
    load_publisher_push(publisher);
    return count;
}

static uint64_t may_publish(const struct load *load)
{
    if (load->schedule.rate == 0 || load->to_publish == 0) {
        return load->to_publish;
    }
    return least(load_schedule_due(&load->schedule, load_clock_ns()),
                 load->to_publish);
}

/* Publishers take turns at being the first. */
static void publish(struct load *load)
{
    uint32_t count = load->options.publishers;
    uint64_t left = may_publish(load);
    for (uint32_t i = 0; i < count && left > 0; i++) {
        uint32_t number = (load->first_publisher + i) % count;
        uint64_t published =
            publish_from(load, &load->publishers[number], left);
        left -= published;
        load->to_publish -= published;
    }
    load->first_publisher = (load->first_publisher + 1) % count;
}

/* --- turns --- */

/* The late have much to read; who is there in time does not wait for them. */
static void handle_late(struct load *load, uint64_t index)
{
    load_late_handle(load->late, (uint32_t)index);
    for (uint32_t i = 0; i < load->options.subscribers; i++) {
        (void)load_subscribers_read(&load->subscribers, i);
    }
    publish(load);
}

/* The probe has its turn after every few events anyway. */
static void handle(struct load *load, uint64_t tag)
{
    if (tag == LOAD_TAG_PROBE) {
        return;
    }
    if (tag < load_tag_of_publishers(load)) {
        (void)load_subscribers_read(&load->subscribers, (uint32_t)tag);
    } else if (tag < load_tag_of_late(load)) {
        uint64_t number = tag - load_tag_of_publishers(load);
        (void)load_publisher_read(&load->publishers[number]);
        load_publisher_flush(&load->publishers[number]);
    } else {
        handle_late(load, tag - load_tag_of_late(load));
    }
}

/*
 * How long nothing will have to be done, if nothing comes. Waking up takes
 * long: on a schedule nobody sleeps while events are on their way or soon due.
 */
static uint64_t pause_ns(const struct load *load, uint64_t now_ns)
{
    uint64_t until_ns = now_ns + PAUSE_NS;
    if (load->probe != NULL && load->probe->due_us != 0) {
        until_ns = least(until_ns, load->probe->due_us * 1000);
    }
    if (load->schedule.rate > 0 && load->to_publish > 0) {
        uint64_t due_ns = load_schedule_next_ns(&load->schedule) - SPIN_NS;
        bool is_quiet = load_topics_are_quiet(&load->topics);
        until_ns = is_quiet ? least(until_ns, due_ns) : now_ns;
    }
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

/* Handles what comes within the pause; returns how much it was. */
static int handle_some(struct load *load, uint64_t length_ns)
{
    struct epoll_event events[EVENTS];
    struct timespec pause = {
        .tv_sec = (time_t)(length_ns / LOAD_SECOND_NS),
        .tv_nsec = (long)(length_ns % LOAD_SECOND_NS),
    };
    int count = epoll_pwait2(load->poller, events, EVENTS, &pause, NULL);
    if (count < 0 && errno != EINTR) {
        load_fail_errno("epoll_pwait2");
    }
    for (int i = 0; i < count; i++) {
        handle(load, events[i].data.u64);
    }
    return count;
}

static void turn(struct load *load)
{
    uint64_t begun_ns = load_clock_ns();
    uint64_t published = load->topics.published;
    uint64_t length_ns = pause_ns(load, begun_ns);
    int count = handle_some(load, length_ns);
    publish(load);
    if (load->probe != NULL) {
        load_probe_turn(load->probe);
    }
    if (count == 0 && length_ns == 0 && load->topics.published == published) {
        load->spun_ns += load_clock_ns() - begun_ns;
    }
}

/* --- phases --- */

static bool is_quiet(const struct load *load)
{
    for (uint32_t i = 0; i < load->options.publishers; i++) {
        if (!load_publisher_is_quiet(&load->publishers[i])) {
            return false;
        }
    }
    return load_topics_are_quiet(&load->topics) &&
           (load->probe == NULL || load_probe_is_quiet(load->probe)) &&
           (load->late == NULL || load_late_is_quiet(load->late));
}

/* A number that grows while the server does anything for us. */
static uint64_t progress(const struct load *load)
{
    uint64_t sum = load->topics.delivered;
    for (uint32_t i = 0; i < load->options.publishers; i++) {
        sum += load->publishers[i].answer_bytes;
    }
    return sum + (load->late != NULL ? load->late->subscribers.bytes : 0);
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
        } else if (now_us - seen_us > STUCK_US) {
            load_fail("stuck: %llu published, %llu of %llu arrived",
                      (unsigned long long)load->topics.published,
                      (unsigned long long)load->topics.delivered,
                      (unsigned long long)load->topics.owed);
        }
    }
}

static void run_phase(struct load *load, uint64_t events, uint64_t end_us)
{
    load->to_publish = events;
    load->schedule.begun_ns = load_clock_ns();
    load->schedule.issued = 0;
    if (load->probe != NULL) {
        load_probe_start(load->probe);
    }
    run_until(load, end_us);
    load->to_publish = 0;
    if (load->probe != NULL) {
        load_probe_stop(load->probe);
    }
    if (load->late != NULL) {
        load_late_stop(load->late);
    }
    run_until(load, UINT64_MAX);
}

void load_traffic_run(struct load *load, double seconds, uint64_t events)
{
    uint64_t length_us = (uint64_t)(seconds * 1e6);
    load->schedule.rate = load->options.rate;
    run_phase(load, events > 0 ? events : UINT64_MAX,
              events > 0 ? UINT64_MAX : load_clock_us() + length_us);
}

void load_traffic_fill(struct load *load, uint64_t events)
{
    load->schedule.rate = 0;
    run_phase(load, events, UINT64_MAX);
}

void load_traffic_reset(struct load *load)
{
    load_histogram_reset(&load->delays);
    load_histogram_reset(&load->last);
    if (load->probe != NULL) {
        load_probe_reset(load->probe);
    }
}
