/*
 * The attacker: one thread that is hostile to a broker in one way, for a while.
 * It measures nothing; bench/attacks.py watches the broker meanwhile.
 */
#include "bench/attack.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bench/attack_peer.h"
#include "bench/load_clock.h"
#include "bench/load_report.h"

#define EVENTS_MAX 256
#define OPENS_MAX  64 /* a turn: the others have theirs in between */
#define PAUSE_MS   5

/* --- kinds --- */

static const struct attack_kind *
find(const struct attack_kind *kinds, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

const struct attack_kind *attack_kind_find(const char *name)
{
    const struct attack_kind *kind =
        find(attack_holds, attack_holds_count, name);
    return kind != NULL ? kind : find(attack_floods, attack_floods_count, name);
}

/* --- events --- */

static void on_connected(struct attack *attack, struct attack_peer *peer)
{
    int err = 0;
    socklen_t len = sizeof(err);
    (void)getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err != 0) {
        attack->counters.unreachable++;
        attack_peer_reset(attack, peer);
        return;
    }
    attack->counters.opened++;
    attack_peer_wait(attack, peer);
    if (attack->kind->opened != NULL) {
        attack->kind->opened(attack, peer);
    }
}

static void
on_event(struct attack *attack, struct attack_peer *peer, uint32_t events)
{
    if (peer->state == ATTACK_CLOSED) {
        return; /* since the poller told of it */
    }
    if (peer->state == ATTACK_CONNECTING) {
        on_connected(attack, peer);
        return;
    }
    if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        attack_peer_read(attack, peer);
    }
    if ((events & EPOLLOUT) != 0 && peer->state == ATTACK_FLOODING) {
        attack->kind->writable(attack, peer);
    }
}

/* --- the loop --- */

static bool may_begin(const struct attack *attack)
{
    const struct attack_options *options = &attack->options;
    uint64_t begun = attack->kind->counts_requests ? attack->counters.requests
                                                   : attack->begun;
    return options->cycles == 0 || begun < options->cycles;
}

static void open_some(struct attack *attack)
{
    for (int i = 0; i < OPENS_MAX; i++) {
        if (attack->closed_count == 0 || !may_begin(attack)) {
            return;
        }
        uint32_t number = attack->closed[--attack->closed_count];
        attack_peer_open(attack, &attack->peers[number]);
    }
}

/* Every peer has a turn in `pace_ms`, one after the other. */
static void tick_some(struct attack *attack)
{
    const struct attack_options *options = &attack->options;
    uint64_t passed_us = load_clock_us() - attack->begun_us;
    uint64_t due = passed_us * options->peers / (options->pace_ms * 1000);
    for (; attack->kind->tick != NULL && attack->ticks < due; attack->ticks++) {
        struct attack_peer *peer =
            &attack->peers[attack->ticks % options->peers];
        if (peer->state == ATTACK_OPEN) {
            attack->kind->tick(attack, peer);
        }
    }
}

static void turn(struct attack *attack)
{
    struct epoll_event events[EVENTS_MAX];
    open_some(attack);
    tick_some(attack);
    int pause_ms = attack->closed_count > 0 && may_begin(attack) ? 0 : PAUSE_MS;
    int count = epoll_wait(attack->poller, events, EVENTS_MAX, pause_ms);
    if (count < 0 && errno != EINTR) {
        load_fail_errno("epoll_wait");
    }
    for (int i = 0; i < count; i++) {
        on_event(attack, &attack->peers[events[i].data.u64], events[i].events);
    }
}

static bool is_over(const struct attack *attack)
{
    uint64_t passed_us = load_clock_us() - attack->begun_us;
    return passed_us >= attack->options.seconds * 1000000 ||
           (attack->closed_count == attack->options.peers &&
            !may_begin(attack));
}

/* --- the program --- */

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void init(struct attack *attack)
{
    uint32_t count = attack->options.peers;
    attack->kind = attack_kind_find(attack->options.kind);
    if (attack->kind == NULL) {
        load_fail("there is no such attack: %s", attack->options.kind);
    }
    attack->peers = load_allocate(count, sizeof(*attack->peers));
    attack->closed = load_allocate(count, sizeof(*attack->closed));
    for (uint32_t i = 0; i < count; i++) {
        attack->peers[i].number = i;
        attack->closed[attack->closed_count++] = count - 1 - i;
    }
    attack->poller = epoll_create1(EPOLL_CLOEXEC);
    attack->begun_us = load_clock_us();
}

static void report(const struct attack *attack)
{
    static const char *const classes[ATTACK_STATUS_CLASSES] = {
        "0xx", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const struct attack_counters *counters = &attack->counters;
    load_report_begin();
    load_report_u64("opened", counters->opened);
    load_report_u64("unreachable", counters->unreachable);
    load_report_u64("ended", counters->ended);
    load_report_u64("requests", counters->requests);
    load_report_u64("done", counters->done);
    load_report_u64("bytes_sent", counters->bytes_sent);
    load_report_u64("bytes_received", counters->bytes_received);
    for (int i = 1; i < ATTACK_STATUS_CLASSES; i++) {
        load_report_u64(classes[i], counters->answers[i]);
    }
    load_report_u64("held", attack->options.peers - attack->closed_count);
    load_report_u64("ms", (load_clock_us() - attack->begun_us) / 1000);
    load_report_end();
}

/* Whoever measures must not take for harmless what has not happened. */
static void check_done(const struct attack *attack)
{
    const struct attack_counters *counters = &attack->counters;
    if (counters->done < attack->options.cycles) {
        load_fail("only %" PRIu64 " of %" PRIu64 " were done: %" PRIu64
                  " opened, %" PRIu64 " unreachable, %" PRIu64 " ended",
                  counters->done, attack->options.cycles, counters->opened,
                  counters->unreachable, counters->ended);
    }
}

int main(int argc, char **argv)
{
    struct attack attack = {.options = attack_options_parse(argc, argv)};
    raise_descriptors();
    init(&attack);
    while (!is_over(&attack)) {
        turn(&attack);
    }
    check_done(&attack);
    report(&attack);
    return 0;
}
