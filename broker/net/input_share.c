#include "broker/net/input_share.h"

#include "broker/net/server.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The least part of the next turn: such that one like this one has as many
 * requests as it should. It grows again when there is half as much to do. */
static size_t next_part_min(const struct rt_input_share *share)
{
    if (share->requests > RT_TURN_REQUESTS) {
        return most(share->part_min * RT_TURN_REQUESTS / share->requests,
                    RT_INPUT_PART_FLOOR);
    }
    return share->requests < RT_TURN_REQUESTS / 2
               ? least(share->part_min * 2, RT_INPUT_PART_MIN)
               : share->part_min;
}

void rt_input_share_init(struct rt_input_share *share)
{
    *share = (struct rt_input_share){.bytes = RT_INPUT_TURN_BYTES,
                                     .part_min = RT_INPUT_PART_MIN};
}

void rt_input_share_renew(struct rt_input_share *share)
{
    *share = (struct rt_input_share){.bytes = RT_INPUT_TURN_BYTES,
                                     .parts_before = share->parts,
                                     .part_min = next_part_min(share)};
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
        share->part = most(next_part(share), most(share->part_min, part_min));
        share->parts++;
        share->reader = reader;
    }
    size_t bytes = least(share->part, RT_READ_BYTES);
    share->part -= bytes;
    share->bytes -= least(share->bytes, bytes);
    return bytes;
}
