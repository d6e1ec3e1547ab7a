/*
 * The receiving side of a WebSocket. An input is a byte that says how it is cut
 * and whether messages are taken, and frames. What is made of the frames may
 * not depend on the cuts, and a message that was taken is taken again when it
 * comes in one frame; a second, much simpler decoder finds the same in it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "protocol/utf8.h"
#include "protocol/ws_receive.h"
#include "tests/fuzz/fuzz.h"

#define MESSAGE_BYTES_MAX 1024
#define FRAME_COUNT_MAX   8

struct reception {
    struct rt_heap *heap;
    struct rt_ws_receiver *receiver;
    struct rt_buffer log; /* all results but those that ask for more */
    enum rt_ws_result last;
};

static const uint8_t mask[RT_FRAME_MASK_BYTES] = {0x37, 0xfa, 0x21, 0x3d};

static struct rt_ws_limits limits_of(bool takes_messages)
{
    return takes_messages
               ? (struct rt_ws_limits){MESSAGE_BYTES_MAX, FRAME_COUNT_MAX}
               : (struct rt_ws_limits){0, 0};
}

static void
begin(struct reception *reception, struct rt_heap *heap, bool takes_messages)
{
    *reception = (struct reception){
        .heap = heap,
        .receiver = rt_ws_receiver_create(heap, limits_of(takes_messages)),
        .last = RT_WS_BOUNDARY};
    RT_CHECK(reception->receiver != NULL);
}

static void end(struct reception *reception)
{
    rt_ws_receiver_destroy(reception->receiver);
    rt_buffer_finish(&reception->log, reception->heap);
}

static void note_bytes(struct reception *reception, struct rt_bytes bytes)
{
    RT_CHECK(rt_buffer_append(&reception->log, reception->heap, bytes) == 0);
}

static void note_number(struct reception *reception, uint64_t number)
{
    note_bytes(reception,
               (struct rt_bytes){(const char *)&number, sizeof(number)});
}

static void check_frame(enum rt_ws_result result,
                        const struct rt_ws_frame *frame)
{
    bool is_text = result == RT_WS_MESSAGE && frame->opcode == RT_OPCODE_TEXT;
    RT_CHECK(!is_text || rt_utf8_is_valid(frame->payload));
    RT_CHECK(result != RT_WS_MESSAGE ||
             frame->payload.len <= MESSAGE_BYTES_MAX);
    RT_CHECK(result != RT_WS_CONTROL ||
             frame->payload.len <= RT_FRAME_CONTROL_MAX);
    RT_CHECK((result == RT_WS_CONTROL) == rt_opcode_is_control(frame->opcode));
}

static void note(struct reception *reception,
                 enum rt_ws_result result,
                 const struct rt_ws_frame *frame)
{
    note_number(reception, result);
    if (result == RT_WS_CONTROL || result == RT_WS_MESSAGE) {
        check_frame(result, frame);
        note_number(reception, frame->opcode);
        note_number(reception, frame->close_code);
        note_number(reception, frame->payload.len);
        note_bytes(reception, frame->payload);
    } else if (result == RT_WS_DATA) {
        note_number(reception, frame->declared_bytes);
    }
}

/* --- a second opinion --- */

struct plain_frame {
    uint8_t first; /* FIN and the opcode */
    struct rt_bytes payload;
};

/* A frame whose form has been found to be right, unmasked in its place. */
static struct plain_frame take_plain(struct fuzz_input *input)
{
    struct plain_frame frame = {.first = fuzz_take_byte(input)};
    size_t len = fuzz_take_byte(input) & 0x7f;
    size_t more = len == 126 ? 2 : len == 127 ? 8 : 0;
    len = more > 0 ? 0 : len;
    for (size_t i = 0; i < more; i++) {
        len = len << 8 | fuzz_take_byte(input);
    }
    struct rt_bytes key = fuzz_take(input, RT_FRAME_MASK_BYTES);
    frame.payload = fuzz_take(input, len);
    char *at = (char *)(uintptr_t)frame.payload.data;
    for (size_t i = 0; i < frame.payload.len; i++) {
        at[i] = (char)(at[i] ^ key.data[i % RT_FRAME_MASK_BYTES]);
    }
    return frame;
}

/* Finds what was taken in a copy of the frames. */
struct opinion {
    struct fuzz_input rest;
    struct rt_buffer message;
    uint8_t opcode;
};

/* Whether the next frame ends a message, or is a control frame. */
static bool take_opinion(struct opinion *opinion,
                         struct rt_heap *heap,
                         struct rt_ws_frame *frame)
{
    struct plain_frame plain = take_plain(&opinion->rest);
    uint8_t opcode = plain.first & 0xf;
    *frame = (struct rt_ws_frame){.opcode = opcode, .payload = plain.payload};
    if (rt_opcode_is_control(opcode)) {
        return true;
    }
    if (opcode != RT_OPCODE_CONTINUATION) {
        opinion->opcode = opcode;
        opinion->message.len = 0;
    }
    RT_CHECK(rt_buffer_append(&opinion->message, heap, plain.payload) == 0);
    frame->opcode = opinion->opcode;
    frame->payload =
        (struct rt_bytes){opinion->message.data, opinion->message.len};
    return (plain.first & 0x80) != 0;
}

static void check_opinion(struct opinion *opinion,
                          struct rt_heap *heap,
                          const struct rt_ws_frame *frame)
{
    struct rt_ws_frame expected = {0};
    while (!take_opinion(opinion, heap, &expected)) {
        RT_CHECK(opinion->rest.len > 0);
    }
    RT_CHECK(frame->opcode == expected.opcode);
    RT_CHECK(rt_bytes_equal(frame->payload, expected.payload));
}

/* Errors end it, and so does data where none is taken. */
static bool is_over(enum rt_ws_result result)
{
    return result != RT_WS_MORE && result != RT_WS_BOUNDARY &&
           result != RT_WS_CONTROL && result != RT_WS_MESSAGE;
}

/* --- one frame --- */

static void make_frame(struct rt_buffer *frame,
                       struct rt_heap *heap,
                       const struct rt_ws_frame *message)
{
    size_t len = message->payload.len;
    char *at = rt_buffer_reserve(
        frame, heap, RT_FRAME_HEADER_MAX + RT_FRAME_MASK_BYTES + len);
    RT_CHECK(at != NULL);
    size_t header_len = rt_frame_header((uint8_t *)at, message->opcode, len);
    at[1] = (char)(at[1] | '\x80');
    memcpy(at + header_len, mask, sizeof(mask));
    frame->len = header_len + sizeof(mask);
    for (size_t i = 0; i < len; i++) {
        frame->data[frame->len++] =
            (char)(message->payload.data[i] ^ mask[i % sizeof(mask)]);
    }
}

static void check_again(struct rt_heap *heap, const struct rt_ws_frame *message)
{
    struct rt_buffer bytes = {0};
    struct rt_ws_frame again;
    struct reception reception;
    begin(&reception, heap, true);
    make_frame(&bytes, heap, message);
    struct rt_bytes rest = {bytes.data, bytes.len};
    enum rt_ws_result result = rt_ws_receive(reception.receiver, &rest, &again);
    RT_CHECK(result == RT_WS_MESSAGE || result == RT_WS_CONTROL);
    RT_CHECK(again.opcode == message->opcode);
    RT_CHECK(rt_bytes_equal(again.payload, message->payload));
    result = rt_ws_receive(reception.receiver, &rest, &again);
    RT_CHECK(result == RT_WS_BOUNDARY && rest.len == 0);
    rt_buffer_finish(&bytes, heap);
    end(&reception);
}

/* --- whole, and in pieces --- */

static void feed(struct reception *reception,
                 struct rt_bytes bytes,
                 struct opinion *opinion)
{
    struct rt_ws_frame frame = {0};
    do {
        reception->last = rt_ws_receive(reception->receiver, &bytes, &frame);
        if (reception->last == RT_WS_MORE ||
            reception->last == RT_WS_BOUNDARY) {
            RT_CHECK(bytes.len == 0);
            return;
        }
        note(reception, reception->last, &frame);
        if (opinion != NULL && !is_over(reception->last)) {
            check_opinion(opinion, reception->heap, &frame);
            check_again(reception->heap, &frame);
        }
    } while (!is_over(reception->last));
}

/* All at once. The opinion has a copy, for it unmasks in place. */
static void feed_whole(struct reception *reception, struct rt_bytes frames)
{
    struct rt_buffer copy = {0};
    RT_CHECK(rt_buffer_append(&copy, reception->heap, frames) == 0);
    struct opinion opinion = {.rest = {copy.data, copy.len}};
    feed(reception, frames, &opinion);
    rt_buffer_finish(&opinion.message, reception->heap);
    rt_buffer_finish(&copy, reception->heap);
}

/* A copy of each piece, so that a read beyond its end is seen. */
static void
feed_pieces(struct reception *reception, struct rt_bytes bytes, size_t len_max)
{
    while (bytes.len > 0 && !is_over(reception->last)) {
        size_t len = bytes.len < len_max ? bytes.len : len_max;
        char *piece = malloc(len);
        RT_CHECK(piece != NULL);
        memcpy(piece, bytes.data, len);
        feed(reception, (struct rt_bytes){piece, len}, NULL);
        free(piece);
        bytes.data += len;
        bytes.len -= len;
    }
}

static void check_same(const struct reception *a, const struct reception *b)
{
    RT_CHECK(a->last == b->last);
    RT_CHECK(rt_bytes_equal((struct rt_bytes){a->log.data, a->log.len},
                            (struct rt_bytes){b->log.data, b->log.len}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct rt_heap heap;
    struct reception whole;
    struct reception pieces;
    uint8_t choice = fuzz_take_byte(&input);
    struct rt_bytes frames = fuzz_take(&input, SIZE_MAX);
    bool takes_messages = (choice & 1) != 0;
    rt_heap_init(&heap, SIZE_MAX);
    begin(&whole, &heap, takes_messages);
    begin(&pieces, &heap, takes_messages);
    if (frames.len > 0) {
        feed_whole(&whole, frames);
    }
    feed_pieces(&pieces, frames, 1 + (choice >> 1) % 16);
    check_same(&whole, &pieces);
    end(&whole);
    end(&pieces);
    RT_CHECK(heap.used == 0);
    return 0;
}
