#include "protocol/ws_handshake.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>

#include "base/error.h"

/* A key is 16 bytes in base64: so many digits, then the padding. */
#define KEY_DIGITS  22
#define KEY_PADDING RT_BYTES("==")

static int refuse(struct rt_refusal *refusal,
                  enum rt_problem problem,
                  const char *header,
                  const char *detail)
{
    *refusal = (struct rt_refusal){
        .problem = problem, .subject = rt_bytes_of(header), .detail = detail};
    return RT_EINVAL;
}

static bool is_base64(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || c == '+' || c == '/';
}

/* Not decoded: the last digit has four bits to spare, and in the example of
 * RFC 6455, section 4.1, they are not zero, as decoders want them. */
bool rt_ws_is_key(struct rt_bytes key)
{
    if (key.len != RT_WS_KEY_BYTES) {
        return false;
    }
    for (size_t i = 0; i < KEY_DIGITS; i++) {
        if (!is_base64(key.data[i])) {
            return false;
        }
    }
    struct rt_bytes rest = {key.data + KEY_DIGITS, key.len - KEY_DIGITS};
    return rt_bytes_equal(rest, KEY_PADDING);
}

int rt_ws_handshake_check(const struct rt_http_request *request,
                          struct rt_refusal *refusal)
{
    struct rt_bytes version = request->fields[RT_HTTP_SEC_WEBSOCKET_VERSION];
    if (version.data == NULL || !rt_bytes_equal(version, RT_BYTES("13"))) {
        return refuse(refusal, RT_PROBLEM_UPGRADE_REQUIRED,
                      "Sec-WebSocket-Version", "the version is 13");
    }
    if (!rt_ws_is_key(request->fields[RT_HTTP_SEC_WEBSOCKET_KEY])) {
        return refuse(refusal, RT_PROBLEM_BAD_REQUEST, "Sec-WebSocket-Key",
                      "it is 16 bytes in base64");
    }
    if (request->is_chunked || request->content_length > 0) {
        return refuse(refusal, RT_PROBLEM_BAD_REQUEST, "Upgrade",
                      "a handshake has no body");
    }
    return 0;
}

void rt_ws_key_write(struct rt_writer *writer,
                     const uint8_t nonce[RT_WS_NONCE_BYTES])
{
    char key[BASE64_ENCODE_RAW_LENGTH(RT_WS_NONCE_BYTES)];
    _Static_assert(sizeof(key) == RT_WS_KEY_BYTES, "RFC 6455, 4.1");
    base64_encode_raw(key, RT_WS_NONCE_BYTES, nonce);
    rt_write_bytes(writer, (struct rt_bytes){key, sizeof(key)});
}

void rt_ws_accept_write(struct rt_writer *writer, struct rt_bytes key)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct sha1_ctx hash;
    uint8_t digest[SHA1_DIGEST_SIZE];
    char accept[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)];
    _Static_assert(sizeof(accept) == RT_WS_ACCEPT_BYTES, "RFC 6455, 4.2.2");
    sha1_init(&hash);
    sha1_update(&hash, key.len, (const uint8_t *)key.data);
    sha1_update(&hash, sizeof(magic) - 1, (const uint8_t *)magic);
    sha1_digest(&hash, sizeof(digest), digest);
    base64_encode_raw(accept, sizeof(digest), digest);
    rt_write_bytes(writer, (struct rt_bytes){accept, sizeof(accept)});
}
