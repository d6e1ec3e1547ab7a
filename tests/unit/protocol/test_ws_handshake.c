#include "protocol/ws_handshake.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, section 1.3 */

static struct rt_http_request request_of(struct rt_bytes key)
{
    struct rt_http_request request = {.method = RT_HTTP_GET,
                                      .asks_upgrade = true};
    request.fields[RT_HTTP_SEC_WEBSOCKET_KEY] = key;
    request.fields[RT_HTTP_SEC_WEBSOCKET_VERSION] = RT_BYTES("13");
    return request;
}

static void expect_refusal(const struct rt_http_request *request,
                           enum rt_problem problem,
                           const char *subject)
{
    struct rt_refusal refusal = {0};
    EXPECT_INT(rt_ws_handshake_check(request, &refusal), RT_EINVAL);
    EXPECT_INT(refusal.problem, problem);
    EXPECT_TEXT(refusal.subject, subject);
    EXPECT(refusal.detail != NULL);
}

static bool is_key(struct rt_bytes key)
{
    struct rt_http_request request = request_of(key);
    struct rt_refusal refusal;
    return rt_ws_handshake_check(&request, &refusal) == 0;
}

static void expect_bad(const char *key)
{
    if (is_key(rt_bytes_of(key))) {
        test_fail(__FILE__, __LINE__, "accepted: %s", key);
    }
}

static void expect_accept(const char *key, const char *expected)
{
    char memory[RT_WS_ACCEPT_BYTES];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_ws_accept_write(&writer, rt_bytes_of(key));
    EXPECT(!writer.overflowed);
    EXPECT_TEXT(rt_writer_bytes(&writer), expected);
}

TEST("the answer to the key of the RFC is the one of the RFC")
{
    EXPECT(is_key(RT_BYTES(SAMPLE_KEY)));
    expect_accept(SAMPLE_KEY, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST("other keys have other answers")
{
    expect_accept("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI=");
    expect_accept("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g=");
}

/* Section 4.1 has an example whose last digit is not as a decoder wants it. */
TEST("the spare bits of a key's last digit do not matter")
{
    EXPECT(is_key(RT_BYTES("AQIDBAUGBwgJCgsMDQ4PEC==")));
    EXPECT(is_key(RT_BYTES("AQIDBAUGBwgJCgsMDQ4PEP==")));
    expect_accept("AQIDBAUGBwgJCgsMDQ4PEC==", "OfS0wDaT5NoxF2gqm7Zj2YtetzM=");
}

TEST("a key is 16 bytes")
{
    EXPECT(is_key(RT_BYTES("AAAAAAAAAAAAAAAAAAAAAA==")));
    EXPECT(is_key(RT_BYTES("/+/+/+/+/+/+/+/+/+/+/w==")));
    EXPECT(!is_key((struct rt_bytes){NULL, 0}));
    expect_bad("");
    expect_bad("A");
    expect_bad("==");
    expect_bad("AAAAAAAAAAAAAAAAAAAA");         /* 15 */
    expect_bad("AAAAAAAAAAAAAAAAAAAAAAA=");     /* 17 */
    expect_bad("AAAAAAAAAAAAAAAAAAAAAAAA");     /* 18 */
    expect_bad("AAAAAAAAAAAAAAAAAAAAAAAAAAA="); /* 20 */
}

TEST("a key has its padding, at its end")
{
    expect_bad("dGhlIHNhbXBsZSBub25jZQ");
    expect_bad("dGhlIHNhbXBsZSBub25jZQ=");
    expect_bad("dGhlIHNhbXBsZSBub25jZQ===");
    expect_bad("dGhlIHNhbXBsZSBub25j=Q==");
    expect_bad("=GhlIHNhbXBsZSBub25jZQ==");
    expect_bad("==hlIHNhbXBsZSBub25jZQAA");
    expect_bad("dGhlIHNhbXBsZSBub25jZ===");
    expect_bad("========================");
}

TEST("a key is base64, every byte of it")
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz"
                                   "0123456789+/";
    char key[] = SAMPLE_KEY;
    for (size_t at = 0; at < sizeof(SAMPLE_KEY) - 3; at++) {
        for (int byte = 0; byte < 256; byte++) {
            key[at] = (char)byte;
            EXPECT_INT(is_key((struct rt_bytes){key, sizeof(key) - 1}),
                       byte != 0 && strchr(alphabet, byte) != NULL);
        }
        key[at] = SAMPLE_KEY[at];
    }
}

/* RFC 6455, section 4.4. */
TEST("another version is told of the right one")
{
    static const char *const versions[] = {"", "8", "013", "13, 8", "14", "1"};
    struct rt_http_request request = request_of(RT_BYTES(SAMPLE_KEY));
    for (size_t i = 0; i < RT_ARRAY_LENGTH(versions); i++) {
        request.fields[RT_HTTP_SEC_WEBSOCKET_VERSION] =
            rt_bytes_of(versions[i]);
        expect_refusal(&request, RT_PROBLEM_UPGRADE_REQUIRED,
                       "Sec-WebSocket-Version");
    }
    request.fields[RT_HTTP_SEC_WEBSOCKET_VERSION] = (struct rt_bytes){NULL, 0};
    expect_refusal(&request, RT_PROBLEM_UPGRADE_REQUIRED,
                   "Sec-WebSocket-Version");
}

TEST("a bad key is the client's mistake")
{
    struct rt_http_request request = request_of(RT_BYTES("key"));
    expect_refusal(&request, RT_PROBLEM_BAD_REQUEST, "Sec-WebSocket-Key");
    request.fields[RT_HTTP_SEC_WEBSOCKET_KEY] = (struct rt_bytes){NULL, 0};
    expect_refusal(&request, RT_PROBLEM_BAD_REQUEST, "Sec-WebSocket-Key");
}

TEST("a handshake has no body")
{
    struct rt_http_request request = request_of(RT_BYTES(SAMPLE_KEY));
    request.has_content_length = true;
    struct rt_refusal refusal;
    EXPECT_INT(rt_ws_handshake_check(&request, &refusal), 0);
    request.content_length = 1;
    expect_refusal(&request, RT_PROBLEM_BAD_REQUEST, "Upgrade");
    request.content_length = 0;
    request.is_chunked = true;
    expect_refusal(&request, RT_PROBLEM_BAD_REQUEST, "Upgrade");
}

/* RFC 6455, section 4.1: the sample nonce. */
TEST("a client's key is its nonce in base64")
{
    char memory[RT_WS_KEY_BYTES];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_ws_key_write(&writer, (const uint8_t *)"the sample nonce");
    EXPECT_TEXT(rt_writer_bytes(&writer), "dGhlIHNhbXBsZSBub25jZQ==");
}
