#include "broker/net/address.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

#define HOST_MAX INET6_ADDRSTRLEN

static int parse_unix(struct rt_bytes path, struct rt_address *address)
{
    if (path.len == 0 || path.len >= sizeof(address->path)) {
        return RT_EINVAL;
    }
    memcpy(address->path, path.data, path.len);
    address->is_unix = true;
    address->is_local = true;
    return 0;
}

static bool is_loopback4(const struct sockaddr_in *in)
{
    return (ntohl(in->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

static bool is_loopback6(const struct sockaddr_in6 *in6)
{
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int
parse_ip(struct rt_bytes host, uint16_t port, struct rt_address *address)
{
    char text[HOST_MAX];
    if (host.len >= sizeof(text)) {
        return RT_EINVAL;
    }
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        address->is_local = is_loopback4(in);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        address->is_local = is_loopback6(in6);
        return 0;
    }
    return RT_EINVAL;
}

/* Splits `host:port`, `[host]:port`, or either without the port. */
static int split_port(struct rt_bytes *host, struct rt_bytes *port)
{
    struct rt_bytes rest = *host;
    *port = (struct rt_bytes){NULL, 0};
    if (host->len > 0 && host->data[0] == '[') {
        rest.data++;
        rest.len--;
        *host = rt_bytes_split(&rest, ']');
        if (rest.data == NULL || (rest.len > 0 && rest.data[0] != ':')) {
            return RT_EINVAL;
        }
        if (rest.len > 0) {
            *port = (struct rt_bytes){rest.data + 1, rest.len - 1};
        }
        return 0;
    }
    *host = rt_bytes_split(&rest, ':');
    *port = rest;
    return 0;
}

static int parse_host(struct rt_bytes host, struct rt_address *address)
{
    struct rt_bytes port_text;
    uint64_t port = RT_ADDRESS_PORT;
    if (split_port(&host, &port_text) < 0 ||
        (port_text.data != NULL && rt_bytes_to_u64(port_text, &port) < 0) ||
        port > UINT16_MAX) {
        return RT_EINVAL;
    }
    if (rt_bytes_equal(host, RT_BYTES("localhost"))) {
        host = RT_BYTES("127.0.0.1");
    }
    return parse_ip(host, (uint16_t)port, address);
}

static int parse_descriptor(struct rt_bytes text, struct rt_address *address)
{
    uint64_t fd;
    if (rt_bytes_to_u64(text, &fd) < 0 || fd > INT_MAX) {
        return RT_EINVAL;
    }
    address->fd = (int)fd;
    return 0;
}

int rt_address_of_socket(int fd, struct rt_address *address)
{
    struct rt_address found = {.fd = fd};
    socklen_t len = sizeof(found.storage);
    int type = 0;
    socklen_t type_len = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 ||
        type != SOCK_STREAM ||
        getsockname(fd, (struct sockaddr *)&found.storage, &len) < 0) {
        return RT_EINVAL;
    }
    switch (found.storage.ss_family) {
    case AF_UNIX:
        found.is_unix = true;
        found.is_local = true;
        break;
    case AF_INET:
        found.is_local = is_loopback4((struct sockaddr_in *)&found.storage);
        break;
    case AF_INET6:
        found.is_local = is_loopback6((struct sockaddr_in6 *)&found.storage);
        break;
    default:
        return RT_EINVAL;
    }
    *address = found;
    return 0;
}

int rt_address_parse(const char *text, struct rt_address *address)
{
    static const struct rt_bytes unix_prefix = {"unix:", 5};
    static const struct rt_bytes fd_prefix = {"fd:", 3};
    struct rt_address parsed = {.fd = -1};
    struct rt_bytes whole = rt_bytes_of(text);
    int err = rt_bytes_starts_with(whole, unix_prefix)
                  ? parse_unix(rt_bytes_of(text + unix_prefix.len), &parsed)
              : rt_bytes_starts_with(whole, fd_prefix)
                  ? parse_descriptor(rt_bytes_of(text + fd_prefix.len), &parsed)
                  : parse_host(whole, &parsed);
    if (err == 0) {
        *address = parsed;
    }
    return err;
}
