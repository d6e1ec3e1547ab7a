#include "protocol/ws_message.h"

#include "base/error.h"
#include "tests/support/test.h"

static const struct rt_ws_limits limits = {.message_bytes = 16,
                                           .frame_count = 4};

struct inbox {
    struct test_heap heap;
    struct rt_ws_message message;
};

static void begin(struct inbox *inbox)
{
    *inbox = (struct inbox){.message = {.opcode = 0}};
    test_heap_init(&inbox->heap, SIZE_MAX);
}

static void end(struct inbox *inbox)
{
    rt_ws_message_finish(&inbox->message, &inbox->heap.heap);
    EXPECT_INT(inbox->heap.heap.used, 0);
}

static enum rt_ws_result add(struct inbox *inbox, struct rt_ws_piece piece)
{
    return rt_ws_message_add(&inbox->message, &inbox->heap.heap, &limits,
                             &piece);
}

/* A whole frame in one piece. */
static enum rt_ws_result
frame(struct inbox *inbox, uint8_t opcode, const char *text, bool is_last)
{
    struct rt_bytes bytes = rt_bytes_of(text);
    return add(inbox, (struct rt_ws_piece){.opcode = opcode,
                                           .frame_bytes = bytes.len,
                                           .bytes = bytes,
                                           .is_first = true,
                                           .is_last = is_last});
}

static void expect_message(const struct inbox *inbox, const char *text)
{
    struct rt_bytes payload = {inbox->message.payload.data,
                               inbox->message.payload.len};
    EXPECT_TEXT(payload, text);
    EXPECT(!rt_ws_message_is_begun(&inbox->message));
}

TEST("a frame may be a message, one after the other")
{
    struct inbox inbox;
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "one", true), RT_WS_MESSAGE);
    expect_message(&inbox, "one");
    EXPECT_INT(frame(&inbox, RT_OPCODE_BINARY, "\xff", true), RT_WS_MESSAGE);
    EXPECT_INT(inbox.message.opcode, RT_OPCODE_BINARY);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "", true), RT_WS_MESSAGE);
    expect_message(&inbox, "");
    end(&inbox);
}

TEST("fragments are one message, also empty ones")
{
    struct inbox inbox;
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "", false), RT_WS_MORE);
    EXPECT(rt_ws_message_is_begun(&inbox.message));
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "o", false), RT_WS_MORE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "", false), RT_WS_MORE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "ne", true),
               RT_WS_MESSAGE);
    expect_message(&inbox, "one");
    EXPECT_INT(inbox.message.opcode, RT_OPCODE_TEXT);
    end(&inbox);
}

TEST("a frame may come in pieces")
{
    struct inbox inbox;
    struct rt_ws_piece piece = {.opcode = RT_OPCODE_BINARY,
                                .frame_bytes = 4,
                                .bytes = RT_BYTES("ab"),
                                .is_first = true};
    begin(&inbox);
    EXPECT_INT(add(&inbox, piece), RT_WS_MORE);
    piece = (struct rt_ws_piece){.opcode = RT_OPCODE_BINARY,
                                 .frame_bytes = 4,
                                 .bytes = RT_BYTES("cd"),
                                 .is_last = true};
    EXPECT_INT(add(&inbox, piece), RT_WS_MESSAGE);
    expect_message(&inbox, "abcd");
    end(&inbox);
}

TEST("a continuation of nothing and a message within a message are refused")
{
    struct inbox inbox;
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "x", true),
               RT_WS_PROTOCOL);
    end(&inbox);
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "x", true), RT_WS_MESSAGE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "x", true),
               RT_WS_PROTOCOL);
    end(&inbox);
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "x", false), RT_WS_MORE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "x", true), RT_WS_PROTOCOL);
    end(&inbox);
}

TEST("text is checked as it comes, and at its end")
{
    struct inbox inbox;
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "\xe2\x82", false), RT_WS_MORE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "\xac", true),
               RT_WS_MESSAGE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "a\xe2", false), RT_WS_MORE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "a", false),
               RT_WS_BAD_UTF8);
    end(&inbox);
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "a\xe2", true), RT_WS_BAD_UTF8);
    end(&inbox);
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "a\xe2", false), RT_WS_MORE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "", true), RT_WS_BAD_UTF8);
    end(&inbox);
}

TEST("what is too long is refused before it is there")
{
    struct inbox inbox;
    struct rt_ws_piece piece = {.opcode = RT_OPCODE_BINARY,
                                .frame_bytes = 17,
                                .bytes = RT_BYTES("a"),
                                .is_first = true};
    begin(&inbox);
    EXPECT_INT(add(&inbox, piece), RT_WS_TOO_BIG);
    EXPECT_INT(inbox.message.payload.len, 0);
    end(&inbox);
    begin(&inbox);
    piece.frame_bytes = UINT64_MAX;
    EXPECT_INT(add(&inbox, piece), RT_WS_TOO_BIG);
    end(&inbox);
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "0123456789abcdef", false),
               RT_WS_MORE);
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "x", true), RT_WS_TOO_BIG);
    end(&inbox);
}

TEST("too many fragments are too big, however small")
{
    struct inbox inbox;
    begin(&inbox);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "", false), RT_WS_MORE);
    for (int i = 1; i < 4; i++) {
        EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "", false),
                   RT_WS_MORE);
    }
    EXPECT_INT(frame(&inbox, RT_OPCODE_CONTINUATION, "", true), RT_WS_TOO_BIG);
    end(&inbox);
}

TEST("a message for which there is no memory is one that ends")
{
    struct inbox inbox;
    begin(&inbox);
    test_heap_fail_at(&inbox.heap, 1);
    EXPECT_INT(frame(&inbox, RT_OPCODE_TEXT, "x", true), RT_WS_NO_MEMORY);
    end(&inbox);
}

TEST("a receiver tells what a message takes that is not whole")
{
    static const char begun[] = "\x01\x83\0\0\0\0abc"; /* not the last frame */
    static const char rest[] = "\x80\x81\0\0\0\0d";
    struct rt_heap heap;
    struct rt_ws_frame frame;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_ws_receiver *receiver = rt_ws_receiver_create(&heap, limits);
    EXPECT_INT(rt_ws_receiver_begun_bytes(receiver), 0);
    struct rt_bytes input = {begun, sizeof(begun) - 1};
    EXPECT_INT(rt_ws_receive(receiver, &input, &frame), RT_WS_MORE);
    EXPECT(rt_ws_receiver_begun_bytes(receiver) >= 3);
    input = (struct rt_bytes){rest, sizeof(rest) - 1};
    EXPECT_INT(rt_ws_receive(receiver, &input, &frame), RT_WS_MESSAGE);
    EXPECT_INT(rt_ws_receiver_begun_bytes(receiver), 0);
    rt_ws_receiver_destroy(receiver);
}
