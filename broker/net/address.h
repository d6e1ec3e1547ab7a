/* Where to listen, from text, or of a socket that is there. No look-ups: names
 * other than localhost are the business of whoever configures. */
#ifndef BROKER_NET_ADDRESS_H
#define BROKER_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/check.h"

struct rt_address {
    struct sockaddr_storage storage;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of unix:PATH */
    int fd; /* of fd:N, of which nothing else is known then; or -1 */
    bool is_unix;
    bool is_local; /* reached from this machine alone */
};

/* Parses `127.0.0.1:3030`, `[::1]:3030`, `localhost:3030`, `unix:PATH`, `fd:N`;
 * without a port it is RT_ADDRESS_PORT. 0 or RT_EINVAL. */
RT_MUST_USE int rt_address_parse(const char *text, struct rt_address *address);

/* The address that a descriptor's socket has on this side. 0, or RT_EINVAL for
 * what is no stream socket of TCP or of this machine. */
RT_MUST_USE int rt_address_of_socket(int fd, struct rt_address *address);

#define RT_ADDRESS_PORT 3030

#endif
