#include "protocol/ack.h"

#include "base/error.h"

const char rt_ack_expected[] = "it is memory, disk or quorum";

static const struct rt_bytes names[RT_ACK_COUNT] = {
#define X(name, text) [RT_ACK_##name] = {text, sizeof(text) - 1},
    RT_ACK_MAP(X)
#undef X
};

int rt_ack_parse(struct rt_bytes text, enum rt_ack *ack)
{
    for (int i = RT_ACK_UNSAID + 1; i < RT_ACK_COUNT; i++) {
        if (rt_bytes_equal(names[i], text)) {
            *ack = (enum rt_ack)i;
            return 0;
        }
    }
    return RT_EINVAL;
}

struct rt_bytes rt_ack_name(enum rt_ack ack)
{
    RT_CHECK(ack > RT_ACK_UNSAID && ack < RT_ACK_COUNT);
    return names[ack];
}

void rt_ack_write(struct rt_writer *headers, enum rt_ack ack)
{
    if (ack != RT_ACK_UNSAID) {
        RT_WRITE(headers, "Ringtail-Ack: ");
        rt_write_bytes(headers, rt_ack_name(ack));
        RT_WRITE(headers, "\r\n");
    }
}
