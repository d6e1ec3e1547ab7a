/*
 * A connection to the broker, from accept to close. An input is a script: what
 * the peer sends, cut where the script says so, and between that what happens
 * to the broker:
 *
 *     p, P     the host publishes an event to `news`, a small or a large one
 *     t        a second passes
 *     h, r     the peer stops reading, and reads again
 *     e, x     the peer sends no more, or closes
 *     a, f     the host allows what it was asked about before, or forbids it
 *     m, n     there is hardly any memory left, or enough again
 *     w        WebSocket messages are taken, and echoed
 *
 * Whatever comes, the answers are well formed, nothing is left of the
 * connection, and the next peers get what they ask for.
 */
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/answers.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/host.h"

#define SMALL_BYTES     20
#define LARGE_BYTES     ((size_t)12 * 1024)
#define MEMORY_BYTES    2048
#define CANARY_INTERVAL 64 /* inputs */

static struct fuzz_host host;
static struct fuzz_peer peer;
static struct fuzz_peer other;

static void hang_up(void)
{
    if (peer.fd >= 0) {
        (void)close(peer.fd);
        peer.fd = -1;
    }
}

/* Those that the host does. */
static void do_deed(char deed)
{
    switch (deed) {
    case 'p':
        fuzz_host_publish(&host, SMALL_BYTES);
        break;
    case 'P':
        fuzz_host_publish(&host, LARGE_BYTES);
        break;
    case 't':
        fuzz_host_tick(&host);
        break;
    case 'a':
        fuzz_host_answer(&host, RINGTAIL_ALLOW);
        break;
    case 'f':
        fuzz_host_answer(&host, RINGTAIL_FORBIDDEN);
        break;
    case 'm':
        fuzz_host_leave_memory(&host, MEMORY_BYTES);
        break;
    case 'n':
        fuzz_host_leave_memory(&host, SIZE_MAX);
        break;
    case 'w':
        fuzz_host_take_messages(&host);
        break;
    default:
        break; /* a cut */
    }
}

static void do_deed_of_peer(char deed)
{
    switch (deed) {
    case 'h':
        peer.is_holding = true;
        peer.has_held = true;
        break;
    case 'r':
        peer.is_holding = false;
        break;
    case 'e':
        fuzz_peer_finish(&peer);
        break;
    case 'x':
        hang_up();
        break;
    default:
        do_deed(deed);
    }
}

static bool asks_head(const uint8_t *data, size_t size)
{
    return size > 0 && memmem(data, size, "HEAD", 4) != NULL;
}

/* The next peers: one subscribes, one publishes. */
static void check_canary(void)
{
    static const char produce[] = "POST /produce/canary HTTP/1.1\r\nHost: a\r\n"
                                  "Content-Length: 4\r\n\r\ntick";
    static const char subscribe[] =
        "GET /subscribe/canary HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    static const char event[] = "\x81\x04tick";
    fuzz_peer_open(&peer, &host);
    fuzz_peer_open(&other, &host);
    fuzz_peer_send(&peer, RT_BYTES(subscribe));
    fuzz_peer_send(&other, RT_BYTES(produce));
    fuzz_peer_settle(&peer);
    RT_CHECK(memmem(other.received, other.len, "HTTP/1.1 200 ", 13) != NULL);
    RT_CHECK(memmem(peer.received, peer.len, event, sizeof(event) - 1) != NULL);
    fuzz_peer_close(&other);
    fuzz_peer_close(&peer);
    fuzz_host_end(&host);
}

static void run_script(struct fuzz_input *input)
{
    while (input->len > 0) {
        struct rt_bytes bytes;
        char deed = fuzz_take_step(input, &bytes);
        fuzz_peer_send(&peer, bytes);
        do_deed_of_peer(deed);
        fuzz_peer_settle(&peer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    fuzz_host_begin(&host);
    fuzz_peer_open(&peer, &host);
    run_script(&input);
    fuzz_host_answer(&host, RINGTAIL_FORBIDDEN);
    bool may_be_cut = peer.fd < 0 || peer.has_held;
    fuzz_peer_close(&peer);
    may_be_cut = may_be_cut || peer.has_lost;
    fuzz_check_answers((struct rt_bytes){peer.received, peer.len},
                       asks_head(data, size), may_be_cut);
    fuzz_host_end(&host);
    if (host.input_count % CANARY_INTERVAL == 0) {
        check_canary();
    }
    return 0;
}
