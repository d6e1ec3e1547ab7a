/* Listening on sockets that the host has opened. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/test.h"

static struct test_host host;
static struct test_peer peer;

static int listen_on(int fd)
{
    char address[32];
    (void)snprintf(address, sizeof(address), "fd:%d", fd);
    return ringtail_broker_listen(host.broker, address, 0);
}

/* A socket, not inheritable by default, bound to a free port. */
static int bound_socket(uint32_t host_address)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_addr.s_addr = htonl(host_address);
    EXPECT(fd >= 0);
    EXPECT_INT(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void expect_served(void)
{
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, TEST_LIVEZ);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_close(&peer);
}

TEST("a bound socket is served, and closed in the end")
{
    test_host_start(&host, NULL);
    int fd = bound_socket(INADDR_LOOPBACK);
    EXPECT_INT(listen_on(fd), 0);
    EXPECT_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    expect_served();
    test_host_finish(&host);
    EXPECT(!is_open(fd));
}

TEST("a socket that listens already is served, with those who wait on it")
{
    test_host_start(&host, NULL);
    int fd = bound_socket(INADDR_LOOPBACK);
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    EXPECT_INT(listen(fd, 1), 0);
    EXPECT_INT(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    int early = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_INT(connect(early, (struct sockaddr *)&name, len), 0);
    EXPECT_INT(listen_on(fd), 0);
    EXPECT_INT(ringtail_broker_port(host.broker), ntohs(name.sin_port));
    test_peer_init(&peer, &host, early);
    test_peer_send(&peer, TEST_LIVEZ);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_close(&peer);
    test_host_finish(&host);
}

static void expect_refused(int fd, int err)
{
    EXPECT_INT(listen_on(fd), err);
    EXPECT(is_open(fd));
    EXPECT_INT(fcntl(fd, F_GETFD), 0);
    test_host_turns(&host, 2);
    EXPECT(is_open(fd));
    EXPECT_INT(close(fd), 0);
}

TEST("what cannot be listened on stays the caller's, as it was")
{
    int pair[2];
    test_host_start(&host, NULL);
    expect_refused(bound_socket(INADDR_ANY), RINGTAIL_EINSECURE);
    expect_refused(socket(AF_INET, SOCK_DGRAM, 0), RINGTAIL_EDESCRIPTOR);
    expect_refused(open("/dev/null", O_RDONLY), RINGTAIL_EDESCRIPTOR);
    expect_refused(socket(AF_UNIX, SOCK_STREAM, 0), UV_EINVAL);
    EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    expect_refused(pair[0], UV_EINVAL);
    EXPECT_INT(close(pair[1]), 0);
    EXPECT_INT(listen_on(pair[0]), RINGTAIL_EDESCRIPTOR);
    EXPECT_INT(ringtail_broker_listen(host.broker, "fd:x", 0),
               RINGTAIL_EADDRESS);
    expect_served();
    test_host_finish(&host);
}
