#include "bench/load_replay.h"

#include <sys/epoll.h>

#include "bench/load_connection.h"
#include "bench/load_report.h"
#include "bench/load_window.h"

#define EVENTS  64
#define WAIT_MS 10000 /* for the next byte */

static void open_readers(struct load *load)
{
    const struct load_options *options = &load->options;
    struct load_subscribers *readers = &load->subscribers;
    load_subscribers_init(readers, options, &load->topics, options->subscribers,
                          1);
    readers->are_late = true;
    for (uint32_t i = 0; i < options->subscribers; i++) {
        struct load_dialog dialog = {0};
        int fd = load_connect(options->port, i);
        load_subscribers_describe(readers, i, &dialog);
        load_dialog_hold(&dialog, fd);
        load_subscribers_join(readers, i, fd);
        load_watch(load->poller, fd, i);
    }
}

/* Returns whether it has become the last event that it waits for. */
static bool read_some(struct load *load, uint32_t index)
{
    struct load_subscribers *readers = &load->subscribers;
    uint64_t before = readers->list[index].received;
    (void)load_subscribers_read(readers, index);
    if (readers->is_evicted) {
        load_fail("reader %u was told of a gap", index);
    }
    return before < load->options.replay &&
           readers->list[index].received >= load->options.replay;
}

static void read_all(struct load *load)
{
    uint32_t left = load->options.subscribers;
    while (left > 0) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(load->poller, events, EVENTS, WAIT_MS);
        if (count <= 0) {
            load_fail("a replay is stuck: %u readers wait", left);
        }
        for (int i = 0; i < count; i++) {
            left -= read_some(load, (uint32_t)events[i].data.u64);
        }
    }
}

void load_replay_run(struct load *load)
{
    struct load_snapshot from = load_snapshot_take(load);
    open_readers(load);
    read_all(load);
    struct load_snapshot to = load_snapshot_take(load);
    load_report_begin();
    load_report_u64("replay_bytes", load->subscribers.bytes);
    load_window_report(&from, &to);
}
