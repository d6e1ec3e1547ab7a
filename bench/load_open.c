#include "bench/load_open.h"

#include "bench/load_connection.h"
#include "bench/load_crowd.h"
#include "bench/load_report.h"

uint64_t load_tag_of_publishers(const struct load *load)
{
    return load->options.subscribers;
}

uint64_t load_tag_of_late(const struct load *load)
{
    return load_tag_of_publishers(load) + load->options.publishers;
}

static void open_stopped(struct load *load)
{
    const struct load_options *options = &load->options;
    struct load_dialog dialog = {0};
    load_protocols[options->protocol]->subscribe(&dialog,
                                                 load->topics.list[0].name);
    load->stopped = load_allocate(options->stopped, sizeof(int));
    for (uint32_t i = 0; i < options->stopped; i++) {
        load->stopped[i] = load_connect(options->port, options->subscribers);
        load_dialog_hold(&dialog, load->stopped[i]);
    }
}

static void
describe_subscriber(void *context, uint64_t number, struct load_dialog *dialog)
{
    struct load *load = context;
    load_subscribers_describe(&load->subscribers, (uint32_t)number, dialog);
}

static void admit_subscriber(void *context, uint64_t number, int fd)
{
    struct load *load = context;
    load_subscribers_join(&load->subscribers, (uint32_t)number, fd);
    load_watch(load->poller, fd, number);
}

void load_open_subscribers(struct load *load)
{
    const struct load_options *options = &load->options;
    struct load_crowd crowd = {.port = options->port,
                               .count = options->subscribers,
                               .context = load,
                               .describe = describe_subscriber,
                               .admit = admit_subscriber};
    load_subscribers_init(&load->subscribers, options, &load->topics,
                          options->subscribers, options->publishers);
    load_crowd_gather(&crowd);
    open_stopped(load);
}

static void
describe_publisher(void *context, uint64_t number, struct load_dialog *dialog)
{
    struct load *load = context;
    load_publisher_describe(&load->publishers[number], dialog);
}

static void admit_publisher(void *context, uint64_t number, int fd)
{
    struct load *load = context;
    load_publisher_open(&load->publishers[number], fd, load->poller,
                        load_tag_of_publishers(load) + number);
}

static void open_publishers(struct load *load)
{
    const struct load_options *options = &load->options;
    struct load_crowd crowd = {.port = options->port,
                               .source = options->subscribers,
                               .count = options->publishers,
                               .context = load,
                               .describe = describe_publisher,
                               .admit = admit_publisher};
    load->publishers =
        load_allocate(options->publishers, sizeof(*load->publishers));
    for (uint32_t i = 0; i < options->publishers; i++) {
        load_publisher_init(&load->publishers[i], options, &load->topics, i,
                            options->depth);
    }
    load_crowd_gather(&crowd);
}

void load_open(struct load *load)
{
    const struct load_options *options = &load->options;
    load_open_subscribers(load);
    open_publishers(load);
    load->subscribers.delays = options->rate > 0 ? &load->delays : NULL;
    load->topics.last = options->lag_max == 1 ? &load->last : NULL;
    if (options->probe_hz > 0) {
        load->probe = load_allocate(1, sizeof(*load->probe));
        load_probe_open(load->probe, options, load->poller, LOAD_TAG_PROBE);
    }
    if (options->late > 0) {
        load->late = load_allocate(1, sizeof(*load->late));
        load_late_init(load->late, options, &load->topics, load->poller,
                       load_tag_of_late(load));
    }
}
