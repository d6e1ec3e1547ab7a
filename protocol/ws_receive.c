#include "protocol/ws_receive.h"

#include <string.h>
#include <wslay/wslay.h>

#include "base/error.h"
#include "protocol/utf8.h"
#include "protocol/ws_message.h"

/* What wslay takes for a frame context; measured, and only for the budget. */
#define WSLAY_CONTEXT_BYTES 4352

#define NO_CLOSE_CODE 1005 /* RFC 6455, section 7.4.1 */

struct rt_ws_receiver {
    struct rt_heap *heap;
    struct rt_ws_limits limits;
    struct rt_ws_message message; /* with limits that take any */
    struct wslay_frame_context *wslay;
    struct rt_bytes input; /* what wslay may still read */
    uint64_t fed_bytes;    /* handed to wslay so far */
    uint64_t frame_bytes;  /* of all frames that have begun, with headers */
    uint64_t missing;      /* of the payload of the frame under way */
    bool is_inside;        /* a frame has begun and is not whole */
    size_t payload_len;
    char payload[RT_FRAME_CONTROL_MAX];
};

static ssize_t read_input(uint8_t *memory, size_t len, int flags, void *context)
{
    (void)flags;
    struct rt_ws_receiver *receiver = context;
    struct rt_bytes *input = &receiver->input;
    if (input->len == 0) {
        return -1; /* wslay: nothing to read now */
    }
    len = input->len < len ? input->len : len;
    memcpy(memory, input->data, len);
    input->data += len;
    input->len -= len;
    receiver->fed_bytes += len;
    return (ssize_t)len;
}

struct rt_ws_receiver *rt_ws_receiver_create(struct rt_heap *heap,
                                             struct rt_ws_limits limits)
{
    static const struct wslay_frame_callbacks callbacks = {.recv_callback =
                                                               read_input};
    struct rt_ws_receiver *receiver = rt_heap_zalloc(heap, sizeof(*receiver));
    if (receiver == NULL || rt_heap_charge(heap, WSLAY_CONTEXT_BYTES) < 0) {
        goto fail;
    }
    if (wslay_frame_context_init(&receiver->wslay, &callbacks, receiver) != 0) {
        rt_heap_uncharge(heap, WSLAY_CONTEXT_BYTES);
        goto fail;
    }
    receiver->heap = heap;
    receiver->limits = limits;
    return receiver;
fail:
    rt_heap_free(heap, receiver, sizeof(*receiver));
    return NULL;
}

void rt_ws_receiver_destroy(struct rt_ws_receiver *receiver)
{
    if (receiver == NULL) {
        return;
    }
    struct rt_heap *heap = receiver->heap;
    rt_ws_message_finish(&receiver->message, heap);
    wslay_frame_context_free(receiver->wslay);
    rt_heap_uncharge(heap, WSLAY_CONTEXT_BYTES);
    rt_heap_free(heap, receiver, sizeof(*receiver));
}

size_t rt_ws_receiver_begun_bytes(const struct rt_ws_receiver *receiver)
{
    return rt_ws_message_is_begun(&receiver->message)
               ? receiver->message.payload.capacity
               : 0;
}

/* A client's frame: 2 bytes, an extended length, the mask (section 5.2). */
static uint64_t header_bytes(uint64_t payload_len)
{
    uint64_t extended = payload_len < 126 ? 0 : payload_len <= 0xffff ? 2 : 8;
    return 2 + extended + RT_FRAME_MASK_BYTES;
}

static bool is_opcode(uint8_t opcode)
{
    return opcode <= RT_OPCODE_BINARY ||
           (opcode >= RT_OPCODE_CLOSE && opcode <= RT_OPCODE_PONG);
}

/* Section 5.1: masked; 5.2: no reserved bit; 5.5: control frames are whole. */
static bool is_allowed(const struct wslay_frame_iocb *io)
{
    return io->mask != 0 && io->rsv == 0 && is_opcode(io->opcode) &&
           (!rt_opcode_is_control(io->opcode) ||
            (io->fin != 0 && io->payload_length <= RT_FRAME_CONTROL_MAX));
}

static enum rt_ws_result begin_frame(struct rt_ws_receiver *receiver,
                                     const struct wslay_frame_iocb *io)
{
    if (!is_allowed(io)) {
        return RT_WS_PROTOCOL;
    }
    receiver->is_inside = true;
    receiver->missing = io->payload_length;
    receiver->payload_len = 0;
    receiver->frame_bytes += header_bytes(io->payload_length);
    receiver->frame_bytes += io->payload_length;
    return RT_WS_MORE;
}

/* Section 5.5.1: nothing, or a valid code and UTF-8. */
static enum rt_ws_result check_close(struct rt_ws_frame *frame)
{
    struct rt_bytes payload = frame->payload;
    frame->close_code = NO_CLOSE_CODE;
    if (payload.len == 0) {
        return RT_WS_CONTROL;
    }
    if (payload.len == 1) {
        return RT_WS_PROTOCOL;
    }
    frame->close_code = rt_load_be16((const uint8_t *)payload.data);
    if (!rt_close_code_is_valid(frame->close_code)) {
        return RT_WS_PROTOCOL;
    }
    struct rt_bytes text = {payload.data + 2, payload.len - 2};
    return rt_utf8_is_valid(text) ? RT_WS_CONTROL : RT_WS_BAD_UTF8;
}

static enum rt_ws_result end_control(struct rt_ws_receiver *receiver,
                                     const struct wslay_frame_iocb *io,
                                     struct rt_ws_frame *frame)
{
    *frame = (struct rt_ws_frame){
        .opcode = io->opcode,
        .payload = {receiver->payload, receiver->payload_len}};
    return io->opcode == RT_OPCODE_CLOSE ? check_close(frame) : RT_WS_CONTROL;
}

static enum rt_ws_result take_data(struct rt_ws_receiver *receiver,
                                   const struct wslay_frame_iocb *io,
                                   bool is_first,
                                   struct rt_ws_frame *frame)
{
    struct rt_ws_piece piece = {
        .opcode = io->opcode,
        .frame_bytes = io->payload_length,
        .bytes = {(const char *)io->data, io->data_length},
        .is_first = is_first,
        .is_last = !receiver->is_inside && io->fin != 0};
    *frame = (struct rt_ws_frame){.opcode = io->opcode,
                                  .declared_bytes = io->payload_length};
    if (receiver->limits.message_bytes == 0) {
        return is_first ? RT_WS_DATA : RT_WS_MORE;
    }
    enum rt_ws_result result = rt_ws_message_add(
        &receiver->message, receiver->heap, &receiver->limits, &piece);
    if (result == RT_WS_MESSAGE) {
        frame->opcode = receiver->message.opcode;
        frame->payload = (struct rt_bytes){receiver->message.payload.data,
                                           receiver->message.payload.len};
    }
    return result;
}

/* Takes a piece of a frame, as wslay has it. */
static enum rt_ws_result take(struct rt_ws_receiver *receiver,
                              const struct wslay_frame_iocb *io,
                              struct rt_ws_frame *frame)
{
    bool is_first = !receiver->is_inside;
    if (is_first && begin_frame(receiver, io) != RT_WS_MORE) {
        return RT_WS_PROTOCOL;
    }
    RT_CHECK(io->data_length <= receiver->missing);
    receiver->missing -= io->data_length;
    receiver->is_inside = receiver->missing > 0;
    if (!rt_opcode_is_control(io->opcode)) {
        return take_data(receiver, io, is_first, frame);
    }
    if (io->data_length > 0) {
        memcpy(receiver->payload + receiver->payload_len, io->data,
               io->data_length);
        receiver->payload_len += io->data_length;
    }
    return receiver->is_inside ? RT_WS_MORE : end_control(receiver, io, frame);
}

enum rt_ws_result rt_ws_receive(struct rt_ws_receiver *receiver,
                                struct rt_bytes *bytes,
                                struct rt_ws_frame *frame)
{
    receiver->input = *bytes;
    enum rt_ws_result result = RT_WS_MORE;
    while (result == RT_WS_MORE) {
        struct wslay_frame_iocb io;
        ssize_t got = wslay_frame_recv(receiver->wslay, &io);
        *bytes = receiver->input;
        if (got == WSLAY_ERR_WANT_READ) {
            bool is_boundary = !receiver->is_inside &&
                               receiver->fed_bytes == receiver->frame_bytes &&
                               !rt_ws_message_is_begun(&receiver->message);
            return is_boundary ? RT_WS_BOUNDARY : RT_WS_MORE;
        }
        result = got < 0 ? RT_WS_PROTOCOL : take(receiver, &io, frame);
    }
    return result;
}
