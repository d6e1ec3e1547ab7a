#include "bench/load_late.h"

#include "bench/load_connection.h"
#include "bench/load_report.h"

void load_late_init(struct load_late *late,
                    const struct load_options *options,
                    struct load_topics *topics,
                    int poller,
                    uint64_t tag)
{
    *late = (struct load_late){.options = options,
                               .topic = &topics->list[0],
                               .poller = poller,
                               .tag = tag};
    load_subscribers_init(&late->subscribers, options, topics, options->late,
                          1);
    late->subscribers.are_late = true;
    load_subscribers_describe(&late->subscribers, 0, &late->dialog);
    late->readers = load_allocate(options->late, sizeof(*late->readers));
}

static void come(struct load_late *late, uint32_t index)
{
    struct load_reader *reader = &late->readers[index];
    *reader = (struct load_reader){.target = late->topic->published};
    load_subscribers_readmit(&late->subscribers, index);
    load_visitor_open(&reader->visitor, late->options->port,
                      late->options->subscribers, late->poller,
                      late->tag + index);
    late->present++;
}

void load_late_start(struct load_late *late)
{
    late->is_over = false;
    for (uint32_t i = 0; i < late->options->late; i++) {
        come(late, i);
    }
}

/* A server that forgets most of the ring would be fast. */
static void check_whole(const struct load_late *late, uint32_t index)
{
    uint64_t received = late->subscribers.list[index].received;
    if (received * late->options->payload_len < LOAD_RING_BYTES / 2) {
        load_fail("a late subscriber got but %llu events of the ring",
                  (unsigned long long)received);
    }
}

static void leave(struct load_late *late, uint32_t index)
{
    load_visitor_close(&late->readers[index].visitor);
    late->present--;
    if (!late->is_over) {
        come(late, index);
    }
}

static void read_some(struct load_late *late, uint32_t index)
{
    late->subscribers.is_evicted = false;
    (void)load_subscribers_read(&late->subscribers, index);
    uint64_t expected = late->subscribers.expected[index];
    if (late->subscribers.is_evicted) {
        late->evicted++;
        leave(late, index);
    } else if (expected != LOAD_SEQUENCE_ANY &&
               expected >= late->readers[index].target) {
        check_whole(late, index);
        late->replays++;
        leave(late, index);
    }
}

void load_late_handle(struct load_late *late, uint32_t index)
{
    struct load_reader *reader = &late->readers[index];
    if (!reader->is_in) {
        reader->is_in = load_visitor_go_on(&reader->visitor, &late->dialog,
                                           late->poller, late->tag + index);
        late->subscribers.list[index].fd = reader->visitor.fd;
        return;
    }
    read_some(late, index);
}

void load_late_stop(struct load_late *late)
{
    late->is_over = true;
}

bool load_late_is_quiet(const struct load_late *late)
{
    return late->present == 0;
}

void load_late_report(const struct load_late *late)
{
    load_report_u64("replays", late->replays);
    load_report_u64("replays_evicted", late->evicted);
    load_report_u64("replay_bytes", late->subscribers.bytes);
}
