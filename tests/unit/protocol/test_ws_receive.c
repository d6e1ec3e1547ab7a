#include "protocol/ws_receive.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/writer.h"
#include "tests/support/test.h"

#define STREAM_MAX ((size_t)80 * 1024)
#define FRAMES_MAX 16
#define LOG_MAX    4096

#define FINAL  0x80
#define MASKED 0x80

/* What a peer sends, and where its frames end. */
struct stream {
    size_t len;
    size_t frame_count;
    size_t ends[FRAMES_MAX];
    char data[STREAM_MAX];
};

static const uint8_t mask[RT_FRAME_MASK_BYTES] = {0x37, 0xfa, 0x21, 0x3d};

static void put(struct stream *stream, struct rt_bytes bytes)
{
    RT_CHECK(bytes.len <= sizeof(stream->data) - stream->len);
    memcpy(stream->data + stream->len, bytes.data, bytes.len);
    stream->len += bytes.len;
}

static void put_payload(struct stream *stream, struct rt_bytes payload)
{
    put(stream, (struct rt_bytes){(const char *)mask, sizeof(mask)});
    size_t begin = stream->len;
    put(stream, payload);
    for (size_t i = 0; i < payload.len; i++) {
        stream->data[begin + i] ^= (char)mask[i % sizeof(mask)];
    }
}

/* A client's frame: the server's form of the header, but masked. */
static void
put_frame(struct stream *stream, uint8_t opcode, struct rt_bytes payload)
{
    uint8_t header[RT_FRAME_HEADER_MAX];
    size_t size = rt_frame_header(header, opcode, payload.len);
    header[1] |= MASKED;
    put(stream, (struct rt_bytes){(const char *)header, size});
    put_payload(stream, payload);
    RT_CHECK(stream->frame_count < FRAMES_MAX);
    stream->ends[stream->frame_count++] = stream->len;
}

static const struct rt_ws_limits no_messages = {0};

/* What a receiver made of a stream: a line a result. */
struct record {
    struct rt_heap heap;
    struct rt_ws_receiver *receiver;
    enum rt_ws_result last;
    struct rt_writer log;
    char memory[LOG_MAX];
};

static void record_begin(struct record *record)
{
    rt_heap_init(&record->heap, SIZE_MAX);
    record->receiver = rt_ws_receiver_create(&record->heap, no_messages);
    EXPECT(record->receiver != NULL);
    rt_writer_init(&record->log, record->memory, sizeof(record->memory));
}

static void record_end(struct record *record)
{
    rt_ws_receiver_destroy(record->receiver);
    EXPECT_INT(record->heap.used, 0);
    EXPECT(!record->log.overflowed);
}

static void write_result(struct rt_writer *log,
                         enum rt_ws_result result,
                         const struct rt_ws_frame *frame)
{
    switch (result) {
    case RT_WS_CONTROL:
        RT_WRITE(log, "control ");
        rt_write_u64(log, frame->opcode);
        RT_WRITE(log, " ");
        rt_write_u64(log, frame->close_code);
        RT_WRITE(log, " ");
        rt_write_json_escaped(log, frame->payload);
        break;
    case RT_WS_DATA:
        RT_WRITE(log, "data ");
        rt_write_u64(log, frame->opcode);
        RT_WRITE(log, " ");
        rt_write_u64(log, frame->declared_bytes);
        break;
    case RT_WS_PROTOCOL:
        RT_WRITE(log, "protocol");
        break;
    default:
        RT_WRITE(log, "utf8");
    }
    RT_WRITE(log, "\n");
}

static bool is_used_up(enum rt_ws_result result)
{
    return result == RT_WS_MORE || result == RT_WS_BOUNDARY;
}

static bool is_error(enum rt_ws_result result)
{
    return result == RT_WS_PROTOCOL || result == RT_WS_BAD_UTF8;
}

/* Bytes in memory that ends with them and is gone afterwards. */
static void feed(struct record *record, struct rt_bytes bytes)
{
    struct rt_ws_frame frame;
    char *memory = malloc(bytes.len + 1);
    RT_CHECK(memory != NULL);
    memcpy(memory + 1, bytes.data, bytes.len);
    struct rt_bytes rest = {memory + 1, bytes.len};
    do {
        record->last = rt_ws_receive(record->receiver, &rest, &frame);
        if (!is_used_up(record->last)) {
            write_result(&record->log, record->last, &frame);
        }
    } while (!is_used_up(record->last) && !is_error(record->last));
    EXPECT(rest.data + rest.len == memory + 1 + bytes.len);
    EXPECT(!is_used_up(record->last) || rest.len == 0);
    free(memory);
}

static bool is_end(const struct stream *stream, size_t at)
{
    for (size_t i = 0; i < stream->frame_count; i++) {
        if (stream->ends[i] == at) {
            return true;
        }
    }
    return at == 0;
}

/* The stream in a first piece and then in pieces of `step` bytes. */
static void run(struct record *record,
                const struct stream *stream,
                size_t first,
                size_t step)
{
    record_begin(record);
    record->last = RT_WS_BOUNDARY;
    for (size_t at = 0; at < stream->len && !is_error(record->last);) {
        size_t len = at == 0 ? first : step;
        len = len < stream->len - at ? len : stream->len - at;
        feed(record, (struct rt_bytes){stream->data + at, len});
        at += len;
        EXPECT(is_error(record->last) ||
               (record->last == RT_WS_BOUNDARY) == is_end(stream, at));
    }
    record_end(record);
}

/* Whole, byte by byte, and in two parts, split at every position. */
static void expect_log(const struct stream *stream, const char *expected)
{
    static struct record record;
    run(&record, stream, stream->len, 1);
    EXPECT_TEXT(rt_writer_bytes(&record.log), expected);
    run(&record, stream, 1, 1);
    EXPECT_TEXT(rt_writer_bytes(&record.log), expected);
    for (size_t split = 1; split < stream->len && split < 1024; split++) {
        run(&record, stream, split, stream->len);
        EXPECT_TEXT(rt_writer_bytes(&record.log), expected);
    }
}

static void expect_log_of(struct rt_bytes bytes, const char *expected)
{
    static struct stream stream;
    stream.len = 0;
    put(&stream, bytes);
    stream.ends[0] = stream.len;
    stream.frame_count = 1;
    expect_log(&stream, expected);
}

static void
expect_frame(uint8_t opcode, struct rt_bytes payload, const char *expected)
{
    static struct stream stream;
    stream.len = 0;
    stream.frame_count = 0;
    put_frame(&stream, opcode, payload);
    expect_log(&stream, expected);
}

/* --- frames --- */

TEST("the masked text of the RFC is a data frame")
{
    expect_log_of(RT_BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
                  "data 1 5\n");
}

TEST("control frames are unmasked and come whole")
{
    expect_frame(RT_OPCODE_PING, RT_BYTES("Hello"), "control 9 0 Hello\n");
    expect_frame(RT_OPCODE_PONG, RT_BYTES("a"), "control 10 0 a\n");
    expect_frame(RT_OPCODE_PING, RT_BYTES(""), "control 9 0 \n");
    expect_frame(RT_OPCODE_PONG, RT_BYTES(""), "control 10 0 \n");
}

TEST("the longest control frame comes whole")
{
    char payload[RT_FRAME_CONTROL_MAX];
    char expected[LOG_MAX];
    struct rt_writer log;
    memset(payload, 'x', sizeof(payload));
    rt_writer_init(&log, expected, sizeof(expected));
    RT_WRITE(&log, "control 9 0 ");
    rt_write_bytes(&log, (struct rt_bytes){payload, sizeof(payload)});
    RT_WRITE(&log, "\n\0"); /* as a C string */
    expect_frame(RT_OPCODE_PING, (struct rt_bytes){payload, sizeof(payload)},
                 expected);
}

TEST("a data frame is told by its beginning, whatever its length")
{
    static char payload[65536];
    expect_frame(RT_OPCODE_TEXT, RT_BYTES(""), "data 1 0\n");
    expect_frame(RT_OPCODE_BINARY, RT_BYTES("a"), "data 2 1\n");
    expect_frame(RT_OPCODE_CONTINUATION, RT_BYTES("ab"), "data 0 2\n");
    expect_frame(RT_OPCODE_TEXT, (struct rt_bytes){payload, 125},
                 "data 1 125\n");
    expect_frame(RT_OPCODE_TEXT, (struct rt_bytes){payload, 126},
                 "data 1 126\n");
    expect_frame(RT_OPCODE_TEXT, (struct rt_bytes){payload, 65535},
                 "data 1 65535\n");
    expect_frame(RT_OPCODE_TEXT, (struct rt_bytes){payload, 65536},
                 "data 1 65536\n");
}

TEST("a data frame may be a part of a whole that is sent in parts")
{
    expect_log_of(RT_BYTES("\x01\x81"
                           "\0\0\0\0"
                           "a"),
                  "data 1 1\n");
    expect_log_of(RT_BYTES("\x00\x81"
                           "\0\0\0\0"
                           "a"),
                  "data 0 1\n");
}

TEST("frames follow each other at once, their payloads skipped or not")
{
    static struct stream stream;
    static char payload[5000]; /* more than wslay reads at a time */
    put_frame(&stream, RT_OPCODE_PING, RT_BYTES("a"));
    put_frame(&stream, RT_OPCODE_PING, RT_BYTES(""));
    put_frame(&stream, RT_OPCODE_TEXT, RT_BYTES(""));
    put_frame(&stream, RT_OPCODE_TEXT, RT_BYTES(""));
    put_frame(&stream, RT_OPCODE_TEXT, RT_BYTES("skipped"));
    put_frame(&stream, RT_OPCODE_PONG, RT_BYTES("b"));
    put_frame(&stream, RT_OPCODE_BINARY,
              (struct rt_bytes){payload, sizeof(payload)});
    put_frame(&stream, RT_OPCODE_PING, RT_BYTES(""));
    put_frame(&stream, RT_OPCODE_CLOSE,
              RT_BYTES("\x03\xe8"
                       "bye"));
    put_frame(&stream, RT_OPCODE_PONG, RT_BYTES(""));
    expect_log(&stream, "control 9 0 a\ncontrol 9 0 \ndata 1 0\ndata 1 0\n"
                        "data 1 7\ncontrol 10 0 b\ndata 2 5000\n"
                        "control 9 0 \ncontrol 8 1000 \\u0003\\u00e8bye\n"
                        "control 10 0 \n");
}

TEST("a receiver that was fed nothing is at a boundary")
{
    struct record record;
    record_begin(&record);
    feed(&record, RT_BYTES(""));
    EXPECT_INT(record.last, RT_WS_BOUNDARY);
    feed(&record, RT_BYTES("\x89"));
    EXPECT_INT(record.last, RT_WS_MORE);
    feed(&record, RT_BYTES(""));
    EXPECT_INT(record.last, RT_WS_MORE);
    record_end(&record);
}

/* --- what breaks the protocol --- */

/* RFC 6455, section 5.2, for frames whose length is in its shortest form. */
static bool is_allowed(int first, int second)
{
    int opcode = first & 0xf;
    bool is_control = opcode >= 8;
    bool is_known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    bool is_short = (second & 0x7f) <= RT_FRAME_CONTROL_MAX;
    return (first & 0x70) == 0 && is_known && (second & MASKED) != 0 &&
           (!is_control || ((first & FINAL) != 0 && is_short));
}

/* A header with these bytes, a length to match, and payload enough. */
static void
put_header(struct stream *stream, int first, int second, const char *payload)
{
    char header[2] = {(char)first, (char)second};
    put(stream, (struct rt_bytes){header, 2});
    if ((second & 0x7f) == 126) {
        put(stream, RT_BYTES("\x00\x7e"));
    } else if ((second & 0x7f) == 127) {
        put(stream, RT_BYTES("\0\0\0\0\0\x01\0\0"));
    }
    put(stream, (struct rt_bytes){payload, RT_FRAME_MASK_BYTES + 126});
}

static enum rt_ws_result first_result(const struct stream *stream, size_t step)
{
    struct rt_heap heap;
    struct rt_ws_frame frame;
    enum rt_ws_result result = RT_WS_MORE;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_ws_receiver *receiver = rt_ws_receiver_create(&heap, no_messages);
    for (size_t at = 0; at < stream->len && is_used_up(result); at += step) {
        size_t rest = stream->len - at;
        struct rt_bytes piece = {stream->data + at, step < rest ? step : rest};
        result = rt_ws_receive(receiver, &piece, &frame);
    }
    rt_ws_receiver_destroy(receiver);
    return result;
}

TEST("of all headers of two bytes only what the RFC allows is let pass")
{
    /* The payload of a close frame: code 1000 and text, under a mask of 0. */
    static char payload[RT_FRAME_MASK_BYTES + 126] = "\0\0\0\0\x03\xe8";
    static struct stream stream;
    memset(payload + 6, 'a', sizeof(payload) - 6);
    for (int first = 0; first < 256; first++) {
        for (int second = 0; second < 256; second++) {
            stream.len = 0;
            put_header(&stream, first, second, payload);
            bool is_whole = !is_error(first_result(&stream, stream.len));
            bool is_sane = (first & 0xf) != RT_OPCODE_CLOSE || second != 0x81;
            EXPECT_INT(is_whole, is_allowed(first, second) && is_sane);
            EXPECT_INT(!is_error(first_result(&stream, 1)), is_whole);
        }
    }
}

TEST("a length is in its shortest form and has no sign")
{
    expect_log_of(RT_BYTES("\x81\xfe\x00\x7d"
                           "\0\0\0\0"
                           "a"),
                  "protocol\n");
    expect_log_of(RT_BYTES("\x81\xfe\x00\x00"
                           "\0\0\0\0"
                           "a"),
                  "protocol\n");
    expect_log_of(RT_BYTES("\x81\xff\0\0\0\0\0\0\xff\xff"
                           "\0\0\0\0"
                           "a"),
                  "protocol\n");
    expect_log_of(RT_BYTES("\x81\xff\x80\0\0\0\0\0\0\0"
                           "\0\0\0\0"
                           "a"),
                  "protocol\n");
    expect_log_of(RT_BYTES("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                           "\0\0\0\0"
                           "a"),
                  "protocol\n");
}

TEST("what is good before an error is reported before it")
{
    static struct stream stream;
    put_frame(&stream, RT_OPCODE_PING, RT_BYTES("a"));
    put_frame(&stream, RT_OPCODE_TEXT, RT_BYTES("b"));
    put(&stream, RT_BYTES("\x83\x81\0\0\0\0a"));
    expect_log(&stream, "control 9 0 a\ndata 1 1\nprotocol\n");
}

TEST("a close frame has nothing, or a code that may be sent and a text")
{
    expect_frame(RT_OPCODE_CLOSE, RT_BYTES(""), "control 8 1005 \n");
    expect_frame(RT_OPCODE_CLOSE, RT_BYTES("\x03"), "protocol\n");
    expect_frame(RT_OPCODE_CLOSE, RT_BYTES("\x03\xe8"),
                 "control 8 1000 \\u0003\\u00e8\n");
    expect_frame(RT_OPCODE_CLOSE,
                 RT_BYTES("\x0f\xa0"
                          "\xc3\xa9"),
                 "control 8 4000 \\u000f\\u00a0\\u00c3\\u00a9\n");
    expect_frame(RT_OPCODE_CLOSE, RT_BYTES("\x03\xed"), "protocol\n");
}

TEST("a code of one byte is not made whole by what came before")
{
    static struct stream stream;
    put_frame(&stream, RT_OPCODE_PING, RT_BYTES("\x03\xe8"));
    put_frame(&stream, RT_OPCODE_CLOSE, RT_BYTES("\x03"));
    expect_log(&stream, "control 9 0 \\u0003\\u00e8\nprotocol\n");
}

TEST("each of all close codes is taken if it may be sent")
{
    static struct stream stream;
    for (uint32_t code = 0; code <= UINT16_MAX; code++) {
        char payload[2];
        rt_store_be16((uint8_t *)payload, (uint16_t)code);
        stream.len = 0;
        stream.frame_count = 0;
        put_frame(&stream, RT_OPCODE_CLOSE, (struct rt_bytes){payload, 2});
        EXPECT_INT(first_result(&stream, stream.len),
                   rt_close_code_is_valid((uint16_t)code) ? RT_WS_CONTROL
                                                          : RT_WS_PROTOCOL);
    }
}

TEST("the text of a close frame is UTF-8, that of a ping need not be")
{
    expect_frame(RT_OPCODE_CLOSE,
                 RT_BYTES("\x03\xe8"
                          "\xc3"),
                 "utf8\n");
    expect_frame(RT_OPCODE_CLOSE,
                 RT_BYTES("\x03\xe8"
                          "\xed\xa0\x80"),
                 "utf8\n");
    expect_frame(RT_OPCODE_PING, RT_BYTES("\xff\xfe"),
                 "control 9 0 \\u00ff\\u00fe\n");
}

/* --- memory --- */

TEST("nothing is allocated by the length that a frame declares")
{
    struct record record;
    record_begin(&record);
    size_t used = record.heap.used;
    uint64_t allocations = record.heap.allocations;
    feed(&record, RT_BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"));
    feed(&record, RT_BYTES("\0\0\0\0"));
    EXPECT_INT(record.last, RT_WS_MORE);
    feed(&record, RT_BYTES("abc"));
    EXPECT_INT(record.last, RT_WS_MORE);
    EXPECT_TEXT(rt_writer_bytes(&record.log), "data 2 9223372036854775807\n");
    EXPECT_INT(record.heap.used, used);
    EXPECT_INT(record.heap.allocations, allocations);
    record_end(&record);
}

TEST("a receiver that finds no memory is not created and leaves nothing")
{
    struct test_heap heap;
    test_heap_init(&heap, SIZE_MAX);
    uint64_t k = 1;
    for (;; k++) {
        test_heap_fail_at(&heap, k);
        struct rt_ws_receiver *receiver =
            rt_ws_receiver_create(&heap.heap, no_messages);
        if (receiver != NULL) {
            rt_ws_receiver_destroy(receiver);
            break;
        }
        EXPECT_INT(heap.heap.used, 0);
    }
    EXPECT(k > 1);
    EXPECT_INT(heap.heap.used, 0);
}

TEST("a receiver is charged to the budget with all that it takes")
{
    struct rt_heap heap;
    size_t limit = 0;
    for (;; limit++) {
        rt_heap_init(&heap, limit);
        struct rt_ws_receiver *receiver =
            rt_ws_receiver_create(&heap, no_messages);
        if (receiver != NULL) {
            EXPECT_INT(heap.used, limit);
            rt_ws_receiver_destroy(receiver);
            break;
        }
        EXPECT_INT(heap.used, 0);
    }
    EXPECT_INT(heap.used, 0);
    EXPECT(limit > 4096); /* wslay's own buffer */
    rt_ws_receiver_destroy(NULL);
}
