#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load_report.h"
#include "bench/load_server.h"

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

/* Asks sock_diag(7) for the memory of the socket from `near` to `far`. */
static struct question question_about(const struct sockaddr_in *near,
                                      const struct sockaddr_in *far)
{
    struct question question = {
        .head = {.nlmsg_len = sizeof(question),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = AF_INET,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
                 .idiag_states = UINT32_MAX},
    };
    question.body.id.idiag_sport = near->sin_port;
    question.body.id.idiag_dport = far->sin_port;
    question.body.id.idiag_src[0] = near->sin_addr.s_addr;
    question.body.id.idiag_dst[0] = far->sin_addr.s_addr;
    question.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    question.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return question;
}

static uint64_t sum_of(const uint32_t *memory)
{
    return (uint64_t)memory[SK_MEMINFO_RMEM_ALLOC] +
           memory[SK_MEMINFO_FWD_ALLOC] + memory[SK_MEMINFO_WMEM_QUEUED] +
           memory[SK_MEMINFO_OPTMEM] + memory[SK_MEMINFO_BACKLOG];
}

/* Finds the memory among the attributes of the answer. */
static bool read_answer(struct nlmsghdr *head, uint64_t *bytes)
{
    size_t at = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
    while (at + sizeof(struct rtattr) <= head->nlmsg_len) {
        struct rtattr *attribute = (void *)((char *)head + at);
        if (attribute->rta_type == INET_DIAG_SKMEMINFO) {
            *bytes = sum_of(RTA_DATA(attribute));
            return true;
        }
        at += RTA_ALIGN(attribute->rta_len);
    }
    return false;
}

static bool memory_between(const struct sockaddr_in *near,
                           const struct sockaddr_in *far,
                           uint64_t *bytes)
{
    struct question question = question_about(near, far);
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ssize_t got = -1;
    if (send(fd, &question, sizeof(question), 0) == sizeof(question)) {
        got = recv(fd, &answer, sizeof(answer), 0);
    }
    if (got < (ssize_t)sizeof(answer.head)) {
        load_fail_errno("sock_diag");
    }
    (void)close(fd);
    return answer.head.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
           read_answer(&answer.head, bytes);
}

bool load_server_socket_bytes(int fd, uint64_t *bytes)
{
    struct sockaddr_in ours;
    struct sockaddr_in theirs;
    socklen_t ours_len = sizeof(ours);
    socklen_t theirs_len = sizeof(theirs);
    if (getsockname(fd, (struct sockaddr *)&ours, &ours_len) != 0 ||
        getpeername(fd, (struct sockaddr *)&theirs, &theirs_len) != 0) {
        return false;
    }
    uint64_t near_bytes;
    uint64_t far_bytes;
    if (!memory_between(&ours, &theirs, &near_bytes) ||
        !memory_between(&theirs, &ours, &far_bytes)) {
        return false;
    }
    *bytes = near_bytes + far_bytes;
    return true;
}
