/*
 * Preloaded into a server that is held against a program which sends nothing
 * (LD_PRELOAD). A system may spread in time what it sends (bbr), and does so
 * over loopback, where there is nothing to spare: what it then takes would be
 * taken for the server's. With reno it does not, which any process may choose.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* Whoever connects to the socket has what it has. */
EXPORT int listen(int fd, int backlog)
{
    static const char name[] = "reno";
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, sizeof(name) - 1);
    return (int)syscall(SYS_listen, fd, backlog);
}
