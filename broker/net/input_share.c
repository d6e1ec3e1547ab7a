#include "broker/net/input_share.h"

#include "broker/net/server.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void rt_input_share_renew(struct rt_input_share *share)
{
    *share = (struct rt_input_share){.bytes = RT_INPUT_TURN_BYTES,
                                     .parts_before = share->parts,
                                     .askers_before = share->askers,
                                     .turn = share->turn + 1};
}

/* All that is left of the turn may be less than a part. */
static size_t next_part(const struct rt_input_share *share)
{
    uint32_t parts = share->parts_before > 0 ? share->parts_before : 1;
    return least(RT_INPUT_TURN_BYTES / parts, share->bytes);
}

size_t rt_input_share_take(struct rt_input_share *share,
                           const void *reader,
                           size_t part_min)
{
    if (share->reader != reader) {
        size_t part = next_part(share);
        share->part = part < part_min ? part_min : part;
        share->parts++;
        share->reader = reader;
    }
    size_t bytes = least(share->part, RT_READ_BYTES);
    share->part -= bytes;
    share->bytes -= least(share->bytes, bytes);
    return bytes;
}

bool rt_input_share_take_request(struct rt_input_share *share,
                                 struct rt_request_share *requests)
{
    if (requests->turn != share->turn) {
        *requests = (struct rt_request_share){.turn = share->turn};
        share->askers++;
    }
    requests->count++;
    return requests->count <= RT_REQUESTS_PART_MIN ||
           (uint64_t)requests->count * share->askers_before <= RT_REQUESTS_TURN;
}
