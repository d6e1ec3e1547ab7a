/* Kinds that send as fast as they can, or come and go. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/attack.h"
#include "bench/attack_peer.h"
#include "bench/attack_request.h"
#include "bench/load_report.h"

#define FLOOD_BYTES ((size_t)64 * 1024)

/* --- floods --- */

/* Bytes back to back, all of one length, that are sent round and round. */
struct flood {
    char bytes[FLOOD_BYTES];
    size_t len;
};

static void fill(struct flood *flood, const char *frame, size_t len)
{
    while (flood->len + len <= FLOOD_BYTES) {
        memcpy(flood->bytes + flood->len, frame, len);
        flood->len += len;
    }
}

static void
send_flood(struct attack *attack, struct attack_peer *peer, struct flood *flood)
{
    size_t at = (size_t)(peer->sent % flood->len);
    peer->sent +=
        attack_peer_send(attack, peer, flood->bytes + at, flood->len - at);
}

/* Requests whose answers are many times as long as they are. */
static void send_requests(struct attack *attack, struct attack_peer *peer)
{
    static const char request[] = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n";
    static struct flood flood;
    if (flood.len == 0) {
        fill(&flood, request, sizeof(request) - 1);
    }
    send_flood(attack, peer, &flood);
}

static void open_unread(struct attack *attack, struct attack_peer *peer)
{
    attack->counters.done++;
    attack_peer_pour(attack, peer);
}

static void open_frames(struct attack *attack, struct attack_peer *peer)
{
    attack_subscribe(attack, peer, "attack.frames");
}

static void count_upgrade(struct attack *attack, const struct attack_peer *peer)
{
    attack->counters.done += peer->answer == 1 ? 1 : 0;
}

static void answered_frames(struct attack *attack, struct attack_peer *peer)
{
    if (peer->state == ATTACK_OPEN) {
        count_upgrade(attack, peer);
        attack_peer_flood(attack, peer);
    }
}

static void answered_deaf(struct attack *attack, struct attack_peer *peer)
{
    if (peer->state == ATTACK_OPEN) {
        count_upgrade(attack, peer);
        attack_peer_pour(attack, peer);
    }
}

/* A message of one-byte fragments that never ends. */
static void send_fragments(struct attack *attack, struct attack_peer *peer)
{
    static struct flood flood;
    if (flood.len == 0) {
        fill(&flood, "\x00\x81\x01\x02\x03\x04x", 7);
    }
    if (peer->sent == 0) {
        peer->sent +=
            attack_peer_send(attack, peer, "\x01\x81\x01\x02\x03\x04x", 7);
    } else {
        send_flood(attack, peer, &flood);
    }
}

/* Empty pings: the most work for a byte. */
static void send_pings(struct attack *attack, struct attack_peer *peer)
{
    static struct flood flood;
    if (flood.len == 0) {
        fill(&flood, "\x89\x80\x01\x02\x03\x04", 6);
    }
    send_flood(attack, peer, &flood);
}

/* --- topics --- */

static bool is_enough(const struct attack *attack)
{
    return attack->options.cycles > 0 &&
           attack->counters.requests >= attack->options.cycles;
}

static void open_topics(struct attack *attack, struct attack_peer *peer)
{
    attack_publish_apart(attack, peer);
}

static void answered_topics(struct attack *attack, struct attack_peer *peer)
{
    attack->counters.done++;
    if (peer->unanswered == 0 && is_enough(attack)) {
        attack_peer_reset(attack, peer);
    } else if (peer->unanswered == 0) {
        attack_publish_apart(attack, peer);
    }
}

static void open_subscription(struct attack *attack, struct attack_peer *peer)
{
    char topic[64];
    (void)snprintf(topic, sizeof(topic), "attack.topic.%" PRIu64, peer->cycle);
    attack_subscribe(attack, peer, topic);
}

/* --- coming and going --- */

static void finish(struct attack *attack, struct attack_peer *peer)
{
    attack->counters.done++;
    attack_peer_reset(attack, peer);
}

static void open_and_close(struct attack *attack, struct attack_peer *peer)
{
    attack->counters.done++;
    if (peer->cycle % 2 == 0) {
        attack_peer_reset(attack, peer);
    } else {
        attack_peer_leave(attack, peer);
    }
}

#define CHURN_TOPIC   "attack.churn"
#define CHURN_MANNERS 5

/* One connection in five ends in the middle of its handshake, and one
 * publishes; the others subscribe. */
static void open_churn(struct attack *attack, struct attack_peer *peer)
{
    switch (peer->cycle % CHURN_MANNERS) {
    case 0:
        attack_say(attack, peer, "GET /subscribe/attack.churn HTTP/1.1\r\nUp");
        if (peer->state == ATTACK_OPEN) {
            attack->counters.done++;
            attack_peer_leave(attack, peer);
        }
        break;
    case 1:
        attack_publish(attack, peer, CHURN_TOPIC, 64);
        break;
    default:
        attack_subscribe(attack, peer, CHURN_TOPIC);
        break;
    }
}

/* Of those who subscribe some say goodbye, some hang up, and some reset. */
static void answered_churn(struct attack *attack, struct attack_peer *peer)
{
    if (peer->unanswered > 0 || peer->state != ATTACK_OPEN) {
        return;
    }
    attack->counters.done += peer->answer == 1 || peer->answer == 2 ? 1 : 0;
    if (peer->cycle % CHURN_MANNERS == 2) {
        (void)attack_peer_send(attack, peer, "\x88\x80\x01\x02\x03\x04", 6);
    }
    if (peer->state == ATTACK_OPEN &&
        peer->cycle % CHURN_MANNERS == CHURN_MANNERS - 1) {
        attack_peer_reset(attack, peer);
    } else if (peer->state == ATTACK_OPEN) {
        attack_peer_leave(attack, peer);
    }
}

const struct attack_kind attack_floods[] = {
    {.name = "fragments",
     .opened = open_frames,
     .answered = answered_frames,
     .writable = send_fragments},
    {.name = "pings",
     .opened = open_frames,
     .answered = answered_frames,
     .writable = send_pings},
    {.name = "deaf-pings",
     .opened = open_frames,
     .answered = answered_deaf,
     .writable = send_pings},
    {.name = "unread", .opened = open_unread, .writable = send_requests},
    {.name = "topics",
     .counts_requests = true,
     .opened = open_topics,
     .answered = answered_topics},
    {.name = "subscriptions", .opened = open_subscription, .answered = finish},
    {.name = "connects", .opened = open_and_close},
    {.name = "churn", .opened = open_churn, .answered = answered_churn},
};

const size_t attack_floods_count =
    sizeof(attack_floods) / sizeof(*attack_floods);
