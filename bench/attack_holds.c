/* Kinds that hold a connection and give as little for it as they can. */
#include "bench/attack.h"
#include "bench/attack_peer.h"
#include "bench/attack_request.h"
#include "bench/wire.h"

/* A head that does not end: after this come letters. */
static void tick_head(struct attack *attack, struct attack_peer *peer)
{
    static const char head[] = "GET /subscribe/attack HTTP/1.1\r\nHost: ";
    size_t len = sizeof(head) - 1;
    const char *byte = peer->sent < len ? head + peer->sent : "a";
    peer->sent += attack_peer_send(attack, peer, byte, 1);
}

static void open_body(struct attack *attack, struct attack_peer *peer)
{
    attack_say(attack, peer,
               WIRE_PRODUCE "attack.body HTTP/1.1\r\n"
                            "Host: 127.0.0.1\r\n"
                            "Content-Length: 16777216\r\n"
                            "\r\n");
}

static void tick_body(struct attack *attack, struct attack_peer *peer)
{
    attack_say(attack, peer, "sixteen bytes...");
}

#define FULL_BYTES 262144
#define FULL_PARTS 5

/* A body of the usual limit. */
static void open_full(struct attack *attack, struct attack_peer *peer)
{
    attack_say(attack, peer,
               WIRE_PRODUCE "attack.full HTTP/1.1\r\n"
                            "Host: 127.0.0.1\r\n"
                            "Content-Length: 262144\r\n"
                            "\r\n");
    if (peer->state == ATTACK_OPEN) {
        attack_peer_flood(attack, peer);
    }
}

/* All of it but the last byte; or a part, that fits where no more does. */
static void send_full(struct attack *attack, struct attack_peer *peer)
{
    static char bytes[FULL_BYTES - 1];
    size_t len = sizeof(bytes) >> (2 * (peer->number % FULL_PARTS));
    size_t at = (size_t)peer->sent;
    peer->sent += attack_peer_send(attack, peer, bytes + at, len - at);
    if (peer->sent == len) {
        attack->counters.done++;
        attack_peer_wait(attack, peer);
    }
}

/* The first peer publishes as fast as it is answered; all others subscribe and
 * never read, not even whether they may. */
static void open_stalled(struct attack *attack, struct attack_peer *peer)
{
    if (peer->number == 0) {
        attack_publish(attack, peer, "attack.stalled", 1024);
    } else {
        attack_subscribe(attack, peer, "attack.stalled");
    }
    if (peer->number != 0 && peer->state == ATTACK_OPEN) {
        attack_peer_stall(attack, peer);
    }
}

static void publish_more(struct attack *attack, struct attack_peer *peer)
{
    attack->counters.done++;
    if (peer->unanswered == 0) {
        attack_publish(attack, peer, "attack.stalled", 1024);
    }
}

const struct attack_kind attack_holds[] = {
    {.name = "silence"},
    {.name = "slow-head", .tick = tick_head},
    {.name = "body", .opened = open_body},
    {.name = "slow-body", .opened = open_body, .tick = tick_body},
    {.name = "full-body", .opened = open_full, .writable = send_full},
    {.name = "stalled", .opened = open_stalled, .answered = publish_more},
};

const size_t attack_holds_count = sizeof(attack_holds) / sizeof(*attack_holds);
