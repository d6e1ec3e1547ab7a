#include "protocol/ws_handshake.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>

#include "base/error.h"

/* A key is 16 bytes in base64. */
#define NONCE_BYTES 16
#define KEY_BYTES   24

static int refuse(struct rt_refusal *refusal,
                  enum rt_problem problem,
                  const char *header,
                  const char *detail)
{
    *refusal = (struct rt_refusal){
        .problem = problem, .subject = rt_bytes_of(header), .detail = detail};
    return RT_EINVAL;
}

static bool is_key(struct rt_bytes key)
{
    struct base64_decode_ctx decoder;
    uint8_t nonce[BASE64_DECODE_LENGTH(KEY_BYTES)];
    size_t len = 0;
    if (key.len != KEY_BYTES) {
        return false;
    }
    base64_decode_init(&decoder);
    return base64_decode_update(&decoder, &len, nonce, key.len, key.data) &&
           base64_decode_final(&decoder) && len == NONCE_BYTES;
}

int rt_ws_handshake_check(const struct rt_http_request *request,
                          struct rt_refusal *refusal)
{
    struct rt_bytes version = request->fields[RT_HTTP_SEC_WEBSOCKET_VERSION];
    if (version.data == NULL || !rt_bytes_equal(version, RT_BYTES("13"))) {
        return refuse(refusal, RT_PROBLEM_UPGRADE_REQUIRED,
                      "Sec-WebSocket-Version", "the version is 13");
    }
    if (!is_key(request->fields[RT_HTTP_SEC_WEBSOCKET_KEY])) {
        return refuse(refusal, RT_PROBLEM_BAD_REQUEST, "Sec-WebSocket-Key",
                      "it is 16 bytes in base64");
    }
    if (request->is_chunked || request->content_length > 0) {
        return refuse(refusal, RT_PROBLEM_BAD_REQUEST, "Upgrade",
                      "a handshake has no body");
    }
    return 0;
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
