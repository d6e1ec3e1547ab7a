#include "bench/load_crowd.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load_report.h"
#include "bench/load_visitor.h"

#define AT_A_TIME 256
#define STUCK_MS  10000
#define SOURCES   1000000 /* come again from the first address after these */

struct place {
    uint64_t number;
    struct load_visitor visitor;
    struct load_dialog dialog;
};

struct gathering {
    const struct load_crowd *crowd;
    int poller;
    uint64_t begun;
    uint64_t admitted;
    struct place places[AT_A_TIME];
};

static void come(struct gathering *gathering, uint64_t index)
{
    const struct load_crowd *crowd = gathering->crowd;
    struct place *place = &gathering->places[index];
    place->number = gathering->begun++;
    place->dialog.count = 0;
    crowd->describe(crowd->context, place->number, &place->dialog);
    load_visitor_open(&place->visitor, crowd->port,
                      crowd->source + (uint32_t)(place->number % SOURCES),
                      gathering->poller, index);
}

static void leave_poller(int poller, int fd)
{
    if (epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL) != 0) {
        load_fail_errno("epoll_ctl");
    }
}

static void handle(struct gathering *gathering, uint64_t index)
{
    const struct load_crowd *crowd = gathering->crowd;
    struct place *place = &gathering->places[index];
    if (!load_visitor_go_on(&place->visitor, &place->dialog, gathering->poller,
                            index)) {
        return;
    }
    leave_poller(gathering->poller, place->visitor.fd);
    crowd->admit(crowd->context, place->number, place->visitor.fd);
    gathering->admitted++;
    if (gathering->begun < crowd->count) {
        come(gathering, index);
    }
}

static void turn(struct gathering *gathering)
{
    struct epoll_event events[AT_A_TIME];
    int count = epoll_wait(gathering->poller, events, AT_A_TIME, STUCK_MS);
    if (count == 0 || (count < 0 && errno != EINTR)) {
        load_fail("stuck after %llu connections",
                  (unsigned long long)gathering->admitted);
    }
    for (int i = 0; i < count; i++) {
        handle(gathering, events[i].data.u64);
    }
}

void load_crowd_gather(const struct load_crowd *crowd)
{
    static struct gathering gathering;
    gathering.crowd = crowd;
    gathering.poller = epoll_create1(EPOLL_CLOEXEC);
    gathering.begun = 0;
    gathering.admitted = 0;
    while (gathering.begun < AT_A_TIME && gathering.begun < crowd->count) {
        come(&gathering, gathering.begun);
    }
    while (gathering.admitted < crowd->count) {
        turn(&gathering);
    }
    (void)close(gathering.poller);
}
