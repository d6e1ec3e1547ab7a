#include "bench/attack_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/attack_peer.h"
#include "bench/load_report.h"
#include "bench/wire.h"

#define REQUEST_MAX 2048

void attack_say(struct attack *attack,
                struct attack_peer *peer,
                const char *text)
{
    (void)attack_peer_send(attack, peer, text, strlen(text));
}

void attack_subscribe(struct attack *attack,
                      struct attack_peer *peer,
                      const char *topic)
{
    char head[512];
    (void)snprintf(head, sizeof(head),
                   WIRE_SUBSCRIBE "%s HTTP/1.1\r\n"
                                  "Host: 127.0.0.1\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: " WIRE_KEY "\r\n"
                                  "\r\n",
                   topic);
    attack_say(attack, peer, head);
}

/* Writes a POST whose payload is `payload_len` spaces. */
static size_t write_post(char *at, const char *topic, int payload_len)
{
    return (size_t)snprintf(at, REQUEST_MAX,
                            WIRE_PRODUCE "%s HTTP/1.1\r\n"
                                         "Host: 127.0.0.1\r\n"
                                         "Prefer: return=minimal\r\n"
                                         "Content-Length: %d\r\n"
                                         "\r\n"
                                         "%*s",
                            topic, payload_len, payload_len, "");
}

/* The socket is empty: all that came before has been answered. */
static void send_batch(struct attack *attack,
                       struct attack_peer *peer,
                       const char *batch,
                       size_t len)
{
    size_t sent = attack_peer_send(attack, peer, batch, len);
    if (sent == 0) {
        return; /* the connection is gone */
    }
    if (sent < len) {
        load_fail("only %zu bytes of a batch were taken", sent);
    }
    peer->unanswered = ATTACK_BATCH;
    attack->counters.requests += ATTACK_BATCH;
}

void attack_publish(struct attack *attack,
                    struct attack_peer *peer,
                    const char *topic,
                    int payload_len)
{
    static char batch[ATTACK_BATCH * REQUEST_MAX];
    size_t len = 0;
    for (int i = 0; i < ATTACK_BATCH; i++) {
        len += write_post(batch + len, topic, payload_len);
    }
    send_batch(attack, peer, batch, len);
}

void attack_publish_apart(struct attack *attack, struct attack_peer *peer)
{
    static char batch[ATTACK_BATCH * REQUEST_MAX];
    size_t len = 0;
    for (int i = 0; i < ATTACK_BATCH; i++) {
        char topic[64];
        (void)snprintf(topic, sizeof(topic), "attack.topic.%" PRIu64,
                       attack->named++);
        len += write_post(batch + len, topic, 16);
    }
    send_batch(attack, peer, batch, len);
}
