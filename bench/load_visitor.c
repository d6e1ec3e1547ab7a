#include "bench/load_visitor.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load_connection.h"
#include "bench/load_report.h"

void load_visitor_open(struct load_visitor *visitor,
                       uint16_t port,
                       uint32_t number,
                       int poller,
                       uint64_t tag)
{
    *visitor = (struct load_visitor){.fd = load_connect_begin(port, number)};
    load_watch(poller, visitor->fd, tag);
    load_watch_writes(poller, visitor->fd, tag, 1);
}

static void check_connected(int fd)
{
    int err = 0;
    socklen_t len = sizeof(err);
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err != 0) {
        errno = err;
        load_fail_errno("connect");
    }
}

bool load_visitor_go_on(struct load_visitor *visitor,
                        const struct load_dialog *dialog,
                        int poller,
                        uint64_t tag)
{
    if (!visitor->is_connected) {
        check_connected(visitor->fd);
        visitor->is_connected = true;
        load_watch_writes(poller, visitor->fd, tag, 0);
    } else if (load_step_answered(&dialog->steps[visitor->step], visitor->fd)) {
        visitor->step++;
    } else {
        return false;
    }
    if (visitor->step == dialog->count) {
        return true;
    }
    load_step_send(&dialog->steps[visitor->step], visitor->fd);
    return false;
}

void load_visitor_close(struct load_visitor *visitor)
{
    (void)close(visitor->fd);
    visitor->fd = -1;
}
