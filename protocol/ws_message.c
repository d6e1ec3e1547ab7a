#include "protocol/ws_message.h"

#include "protocol/utf8.h"

bool rt_ws_message_is_begun(const struct rt_ws_message *message)
{
    return message->opcode != 0 && !message->is_whole;
}

void rt_ws_message_finish(struct rt_ws_message *message, struct rt_heap *heap)
{
    rt_buffer_finish(&message->payload, heap);
    *message = (struct rt_ws_message){.opcode = 0};
}

/* The first piece of a frame: is it one that may come now? */
static enum rt_ws_result begin_frame(struct rt_ws_message *message,
                                     const struct rt_ws_limits *limits,
                                     const struct rt_ws_piece *piece)
{
    bool is_continuation = piece->opcode == RT_OPCODE_CONTINUATION;
    if (is_continuation != rt_ws_message_is_begun(message)) {
        return RT_WS_PROTOCOL;
    }
    if (!is_continuation) {
        message->opcode = piece->opcode;
        message->is_whole = false;
        message->payload.len = 0;
        message->checked = 0;
        message->frame_count = 0;
    }
    uint64_t room = limits->message_bytes - message->payload.len;
    return ++message->frame_count > limits->frame_count ||
                   piece->frame_bytes > room
               ? RT_WS_TOO_BIG
               : RT_WS_MORE;
}

static enum rt_ws_result check_text(struct rt_ws_message *message, bool is_last)
{
    size_t whole = 0;
    if (message->checked == message->payload.len) {
        return RT_WS_MORE;
    }
    struct rt_bytes rest = {message->payload.data + message->checked,
                            message->payload.len - message->checked};
    if (!rt_utf8_is_prefix(rest, &whole) || (is_last && whole < rest.len)) {
        return RT_WS_BAD_UTF8;
    }
    message->checked += whole;
    return RT_WS_MORE;
}

enum rt_ws_result rt_ws_message_add(struct rt_ws_message *message,
                                    struct rt_heap *heap,
                                    const struct rt_ws_limits *limits,
                                    const struct rt_ws_piece *piece)
{
    enum rt_ws_result result = RT_WS_MORE;
    if (piece->is_first) {
        result = begin_frame(message, limits, piece);
    }
    if (result == RT_WS_MORE &&
        rt_buffer_append(&message->payload, heap, piece->bytes) < 0) {
        result = RT_WS_NO_MEMORY;
    }
    if (result == RT_WS_MORE && message->opcode == RT_OPCODE_TEXT) {
        result = check_text(message, piece->is_last);
    }
    if (result == RT_WS_MORE && piece->is_last) {
        message->is_whole = true;
        result = RT_WS_MESSAGE;
    }
    return result;
}
