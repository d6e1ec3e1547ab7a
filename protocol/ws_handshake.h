/* The opening handshake of WebSocket (RFC 6455, section 4). */
#ifndef PROTOCOL_WS_HANDSHAKE_H
#define PROTOCOL_WS_HANDSHAKE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"
#include "protocol/http_request.h"
#include "protocol/problem.h"

/* Sec-WebSocket-Accept: 20 bytes of SHA-1 in base64. */
#define RT_WS_ACCEPT_BYTES 28

/* Whether the request asks for WebSocket in the right form: 0, or RT_EINVAL
 * with the refusal (426 for another version of the protocol). */
RT_MUST_USE int rt_ws_handshake_check(const struct rt_http_request *request,
                                      struct rt_refusal *refusal);

/* A key is 16 random bytes, and 24 in base64. */
#define RT_WS_NONCE_BYTES 16
#define RT_WS_KEY_BYTES   24

/* Writes a client's key. */
void rt_ws_key_write(struct rt_writer *writer,
                     const uint8_t nonce[RT_WS_NONCE_BYTES]);

/* Whether a client's key has the form it must have. */
bool rt_ws_is_key(struct rt_bytes key);

/* Writes the accept value for a key that was checked. */
void rt_ws_accept_write(struct rt_writer *writer, struct rt_bytes key);

#endif
