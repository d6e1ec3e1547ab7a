#include "broker/net/address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/support/test.h"

#define PATH_LEN_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static struct rt_address parsed(const char *text)
{
    struct rt_address address;
    memset(&address, 0xee, sizeof(address));
    if (rt_address_parse(text, &address) < 0) {
        test_fail(__FILE__, __LINE__, "refused: %s", text);
    }
    return address;
}

static void refuse(const char *text)
{
    struct rt_address address;
    struct rt_address before;
    memset(&address, 0xee, sizeof(address));
    memset(&before, 0xee, sizeof(before));
    if (rt_address_parse(text, &address) != RT_EINVAL) {
        test_fail(__FILE__, __LINE__, "accepted: %s", text);
    }
    EXPECT(memcmp(&address, &before, sizeof(address)) == 0);
}

/* The address as the system would say it. */
static void expect_ip(const char *text, const char *host, uint16_t port)
{
    struct rt_address address = parsed(text);
    char shown[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;
    const struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.storage;
    EXPECT(!address.is_unix);
    if (in->sin_family == AF_INET) {
        EXPECT_INT(ntohs(in->sin_port), port);
        (void)inet_ntop(AF_INET, &in->sin_addr, shown, sizeof(shown));
    } else {
        EXPECT_INT(in6->sin6_family, AF_INET6);
        EXPECT_INT(ntohs(in6->sin6_port), port);
        EXPECT_INT(in6->sin6_flowinfo, 0);
        EXPECT_INT(in6->sin6_scope_id, 0);
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, shown, sizeof(shown));
    }
    EXPECT_TEXT(rt_bytes_of(shown), host);
}

TEST("an address is a host and a port")
{
    expect_ip("127.0.0.1:3030", "127.0.0.1", 3030);
    expect_ip("0.0.0.0:80", "0.0.0.0", 80);
    expect_ip("192.0.2.1:65535", "192.0.2.1", 65535);
    expect_ip("[::1]:8080", "::1", 8080);
    expect_ip("[2001:db8::1]:1", "2001:db8::1", 1);
    expect_ip("[::]:80", "::", 80);
}

TEST("without a port it is the usual one")
{
    expect_ip("127.0.0.1", "127.0.0.1", RT_ADDRESS_PORT);
    expect_ip("[::1]", "::1", RT_ADDRESS_PORT);
    expect_ip("localhost", "127.0.0.1", RT_ADDRESS_PORT);
}

TEST("the only name is localhost")
{
    expect_ip("localhost:1", "127.0.0.1", 1);
    refuse("example.com:80");
    refuse("localhost.:80");
    refuse("LOCALHOST.example:80");
    refuse("ip6-localhost");
    refuse("localhos:80");
}

TEST("a port may be 0, for whichever is free")
{
    expect_ip("127.0.0.1:0", "127.0.0.1", 0);
    expect_ip("[::1]:0", "::1", 0);
}

TEST("a port is a decimal number of 16 bits")
{
    refuse("127.0.0.1:");
    refuse("127.0.0.1:65536");
    refuse("127.0.0.1:18446744073709551616");
    refuse("127.0.0.1:+80");
    refuse("127.0.0.1:-1");
    refuse("127.0.0.1: 80");
    refuse("127.0.0.1:80 ");
    refuse("127.0.0.1:0x50");
    refuse("127.0.0.1:http");
    refuse("127.0.0.1:80:80");
    refuse("[::1]:");
    refuse("[::1]:65536");
    refuse("localhost:");
}

TEST("a host is there, and in full")
{
    refuse("");
    refuse(":80");
    refuse("[]:80");
    refuse("80");
    refuse("127.1:80");
    refuse("127.0.0:80");
    refuse("127.0.0.256:80");
    refuse("127.0.0.1.:80");
    refuse("127.0.0.01:80");
    refuse(" 127.0.0.1:80");
    refuse("127.0.0.1 :80");
    refuse("*:80");
    refuse("http://127.0.0.1:80");
    refuse("127.0.0.1/8");
}

TEST("an IPv6 address is in brackets, and they are closed")
{
    refuse("::1");
    refuse("::1:80");
    refuse("2001:db8::1");
    refuse("[::1");
    refuse("[::1:80");
    refuse("::1]:80");
    refuse("[::1]80");
    refuse("[::1]x:80");
    refuse("[[::1]]:80");
    refuse("[::1%lo]:80");
    refuse("[:::1]:80");
    refuse("[0:0:0:0:0:0:0:0:1]:80");
}

TEST("the longest address is taken, and nothing longer")
{
    expect_ip("[0000:0000:0000:0000:0000:ffff:192.100.200.255]:80",
              "::ffff:192.100.200.255", 80);
    refuse("[0000:0000:0000:0000:0000:ffff:0192.100.200.255]:80");
    refuse("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80");
}

TEST("local is what only this machine reaches")
{
    EXPECT(parsed("127.0.0.1:80").is_local);
    EXPECT(parsed("127.255.255.254:80").is_local);
    EXPECT(parsed("[::1]:80").is_local);
    EXPECT(parsed("localhost").is_local);
    EXPECT(parsed("unix:/run/a").is_local);
    EXPECT(!parsed("0.0.0.0:80").is_local);
    EXPECT(!parsed("128.0.0.1:80").is_local);
    EXPECT(!parsed("126.255.255.255:80").is_local);
    EXPECT(!parsed("10.0.0.127:80").is_local);
    EXPECT(!parsed("[::]:80").is_local);
    EXPECT(!parsed("[::2]:80").is_local);
    EXPECT(!parsed("[2001:db8::1]:80").is_local);
    EXPECT(!parsed("[fe80::1]:80").is_local);
}

TEST("a path is taken as it is")
{
    struct rt_address address = parsed("unix:/run/ringtail.sock");
    EXPECT(address.is_unix);
    EXPECT_TEXT(rt_bytes_of(address.path), "/run/ringtail.sock");
    EXPECT_TEXT(rt_bytes_of(parsed("unix:a").path), "a");
    EXPECT_TEXT(rt_bytes_of(parsed("unix:a:80").path), "a:80");
    EXPECT_TEXT(rt_bytes_of(parsed("unix:[a").path), "[a");
}

TEST("a path is not empty and fits the system's address, with its NUL")
{
    char text[sizeof("unix:") + PATH_LEN_MAX + 1];
    size_t prefix = (size_t)snprintf(text, sizeof(text), "unix:");
    memset(text + prefix, 'a', PATH_LEN_MAX + 1);
    text[prefix + PATH_LEN_MAX + 1] = '\0';
    refuse(text);
    text[prefix + PATH_LEN_MAX] = '\0';
    EXPECT_INT(strlen(parsed(text).path), PATH_LEN_MAX);
    refuse("unix:");
    refuse("unix");
    refuse("UNIX:/run/a");
}

TEST("a descriptor is a number, and nothing else is known of it yet")
{
    struct rt_address address = parsed("fd:3");
    EXPECT_INT(address.fd, 3);
    EXPECT(!address.is_unix);
    EXPECT(!address.is_local);
    EXPECT_INT(parsed("fd:0").fd, 0);
    EXPECT_INT(parsed("fd:2147483647").fd, 2147483647);
    EXPECT_INT(parsed("127.0.0.1").fd, -1);
    EXPECT_INT(parsed("unix:fd:3").fd, -1);
    refuse("fd:");
    refuse("fd");
    refuse("fd:x");
    refuse("fd:-1");
    refuse("fd:+1");
    refuse("fd: 3");
    refuse("fd:3 ");
    refuse("fd:2147483648");
    refuse("fd:18446744073709551616");
}

/* What a socket of a family says of itself, bound to the address if any. */
static int inspect(int family,
                   int type,
                   const struct rt_address *bound,
                   struct rt_address *address)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    EXPECT(fd >= 0);
    if (bound != NULL) {
        EXPECT_INT(bind(fd, (const struct sockaddr *)&bound->storage,
                        sizeof(bound->storage)),
                   0);
    }
    int err = rt_address_of_socket(fd, address);
    EXPECT(err < 0 || address->fd == fd);
    EXPECT_INT(close(fd), 0);
    return err;
}

TEST("a socket says whether it is local")
{
    struct rt_address local = parsed("127.0.0.1:0");
    struct rt_address any = parsed("0.0.0.0:0");
    struct rt_address address;
    EXPECT_INT(inspect(AF_INET, SOCK_STREAM, &local, &address), 0);
    EXPECT(address.is_local);
    EXPECT(!address.is_unix);
    EXPECT_INT(inspect(AF_INET, SOCK_STREAM, &any, &address), 0);
    EXPECT(!address.is_local);
    EXPECT_INT(inspect(AF_UNIX, SOCK_STREAM, NULL, &address), 0);
    EXPECT(address.is_local);
    EXPECT(address.is_unix);
}

TEST("a socket of IPv6 says whether it is local")
{
    struct rt_address local = parsed("[::1]:0");
    struct rt_address any = parsed("[::]:0");
    struct rt_address address;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has_ipv6 = fd >= 0 && bind(fd, (const struct sockaddr *)&local.storage,
                                    sizeof(struct sockaddr_in6)) == 0;
    (void)close(fd);
    if (has_ipv6) {
        EXPECT_INT(inspect(AF_INET6, SOCK_STREAM, &local, &address), 0);
        EXPECT(address.is_local);
        EXPECT_INT(inspect(AF_INET6, SOCK_STREAM, &any, &address), 0);
        EXPECT(!address.is_local);
    }
}

TEST("what is no stream socket is refused, and nothing is written")
{
    struct rt_address address = {.fd = -7};
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    EXPECT(file >= 0);
    EXPECT_INT(rt_address_of_socket(file, &address), RT_EINVAL);
    EXPECT_INT(close(file), 0);
    EXPECT_INT(rt_address_of_socket(file, &address), RT_EINVAL);
    EXPECT_INT(rt_address_of_socket(-1, &address), RT_EINVAL);
    EXPECT_INT(inspect(AF_INET, SOCK_DGRAM, NULL, &address), RT_EINVAL);
    EXPECT_INT(inspect(AF_UNIX, SOCK_SEQPACKET, NULL, &address), RT_EINVAL);
    EXPECT_INT(address.fd, -7);
}
