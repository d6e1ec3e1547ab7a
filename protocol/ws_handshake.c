#include "protocol/ws_handshake.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/error.h"

/* A key is 16 bytes in base64; OpenSSL decodes the padding as zeroes. */
#define KEY_BYTES   24
#define KEY_DECODED 18
#define SHA1_BYTES  20

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
    unsigned char decoded[KEY_DECODED];
    return key.len == KEY_BYTES && key.data[KEY_BYTES - 3] != '=' &&
           memcmp(key.data + KEY_BYTES - 2, "==", 2) == 0 &&
           EVP_DecodeBlock(decoded, (const unsigned char *)key.data,
                           KEY_BYTES) == KEY_DECODED;
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

int rt_ws_accept_write(struct rt_writer *writer, struct rt_bytes key)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_BYTES + sizeof(magic) - 1];
    unsigned char digest[SHA1_BYTES];
    unsigned char accept[RT_WS_ACCEPT_BYTES + 1]; /* OpenSSL adds a NUL */
    RT_CHECK(key.len == KEY_BYTES);
    memcpy(text, key.data, KEY_BYTES);
    memcpy(text + KEY_BYTES, magic, sizeof(magic) - 1);
    if (EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) != 1) {
        return RT_ENOMEM;
    }
    (void)EVP_EncodeBlock(accept, digest, SHA1_BYTES);
    rt_write_bytes(writer,
                   (struct rt_bytes){(const char *)accept, RT_WS_ACCEPT_BYTES});
    return 0;
}
