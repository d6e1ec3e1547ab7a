#include "protocol/wrap.h"

#include "base/check.h"
#include "protocol/ws_frame.h"

/* Both into memory, so that sizes cannot differ from what is written. */
struct head {
    char memory[RT_WRAP_BYTES_MAX];
    struct rt_bytes bytes;
};

static void init_chunk_head(struct head *head, size_t len)
{
    char *end = head->memory + sizeof(head->memory);
    char *at = end;
    RT_CHECK(len > 0);
    *--at = '\n';
    *--at = '\r';
    for (; len > 0; len >>= 4) {
        *--at = "0123456789abcdef"[len & 15];
    }
    head->bytes = (struct rt_bytes){at, (size_t)(end - at)};
}

static void init_head(struct head *head, enum rt_wrap wrap, size_t len)
{
    if (wrap == RT_WRAP_CHUNK) {
        init_chunk_head(head, len);
        return;
    }
    enum rt_opcode opcode =
        wrap == RT_WRAP_TEXT ? RT_OPCODE_TEXT : RT_OPCODE_BINARY;
    size_t head_len = rt_frame_header((uint8_t *)head->memory, opcode, len);
    head->bytes = (struct rt_bytes){head->memory, head_len};
}

static struct rt_bytes tail_of(enum rt_wrap wrap)
{
    return wrap == RT_WRAP_CHUNK ? RT_BYTES("\r\n")
                                 : (struct rt_bytes){NULL, 0};
}

size_t rt_wrap_size(enum rt_wrap wrap, size_t len)
{
    struct head head;
    init_head(&head, wrap, len);
    return head.bytes.len + len + tail_of(wrap).len;
}

void rt_wrap_begin(struct rt_writer *writer, enum rt_wrap wrap, size_t len)
{
    struct head head;
    init_head(&head, wrap, len);
    rt_write_bytes(writer, head.bytes);
}

void rt_wrap_end(struct rt_writer *writer, enum rt_wrap wrap)
{
    rt_write_bytes(writer, tail_of(wrap));
}
