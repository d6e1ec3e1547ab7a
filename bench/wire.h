/*
 * What the floor and the load generator say to each other and to the broker,
 * kept in one place so that the two cannot drift apart.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

/*
 * Every upgrade asks with the sample key of RFC 6455, section 1.3, so that the
 * floor can answer a constant and the load generator can check one.
 */
#define WIRE_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define WIRE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define WIRE_SUBSCRIBE_PATH  "/subscribe/"
#define WIRE_PRODUCE_PATH    "/produce/"
#define WIRE_SUBSCRIBE       "GET " WIRE_SUBSCRIBE_PATH
#define WIRE_PRODUCE         "POST " WIRE_PRODUCE_PATH
#define WIRE_EARLIEST        "?since=earliest"
#define WIRE_HEAD_END        "\r\n\r\n"
#define WIRE_FRAME_HEAD_MAX  10 /* bytes before an unmasked payload, at most */
#define WIRE_PUBLISHER_READ  (64 * 1024)
#define WIRE_SUBSCRIBER_READ (256 * 1024)
#define WIRE_ANSWER_READ     (256 * 1024)

#endif
