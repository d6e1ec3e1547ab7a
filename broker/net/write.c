#include "broker/net/write.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/error.h"

/* --- at once --- */

/* What sendmsg takes, so that ranges need not be put into another form. */
_Static_assert(sizeof(struct rt_bytes) == sizeof(struct iovec) &&
                   offsetof(struct rt_bytes, data) ==
                       offsetof(struct iovec, iov_base) &&
                   offsetof(struct rt_bytes, len) ==
                       offsetof(struct iovec, iov_len),
               "a range is an iovec");

/* A single range spares the kernel from copying an iovec in. */
static ssize_t
send_ranges(int fd, const struct rt_bytes *ranges, unsigned count)
{
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (count == 1) {
        return send(fd, ranges->data, ranges->len, flags);
    }
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)ranges,
                             .msg_iovlen = count};
    return sendmsg(fd, &message, flags);
}

ssize_t rt_write_now(const uv_stream_t *stream,
                     const struct rt_bytes *ranges,
                     unsigned count)
{
    uv_os_fd_t fd = -1;
    ssize_t taken;
    if (uv_stream_get_write_queue_size(stream) > 0) {
        return 0;
    }
    int err = uv_fileno((const uv_handle_t *)stream, &fd);
    if (err < 0) {
        return err;
    }
    do {
        taken = send_ranges(fd, ranges, count);
    } while (taken < 0 && errno == EINTR);
    if (taken >= 0) {
        return taken;
    }
    return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

/* --- later --- */

struct write {
    uv_write_t request;
    struct rt_connection *connection;
    struct rt_segment *segment; /* held until the write is done, or NULL */
    char *memory;               /* of its own, or NULL */
    size_t memory_size;
    char copy[RT_WRITE_COPY_MAX];
};

size_t rt_write_size(void)
{
    return sizeof(struct write);
}

static void write_release(struct rt_server *server, struct write *write)
{
    rt_segment_unref(&server->core.store, write->segment);
    rt_heap_free(&server->heap, write->memory, write->memory_size);
    rt_pool_give(&server->writes, write);
}

/* Also called, with an error, for what a closed connection never wrote. */
static void on_written(uv_write_t *request, int status)
{
    struct write *write = RT_CONTAINER(request, struct write, request);
    struct rt_connection *connection = write->connection;
    rt_connection_server(connection)->queued_writes--;
    write_release(rt_connection_server(connection), write);
    if (connection->state == RT_CONNECTION_CLOSED) {
        return;
    }
    if (status < 0) {
        rt_connection_close(connection);
        return;
    }
    if (!rt_connection_is_blocked(connection)) {
        struct rt_server *server = rt_connection_server(connection);
        rt_server_update_time(server); /* whoever stalls again does so now */
        rt_connection_drained(connection);
        /* A write that was done at once is reported before the loop waits. */
        rt_server_wake(server);
    }
}

static struct write *write_take(struct rt_connection *connection)
{
    struct write *write =
        rt_pool_take(&rt_connection_server(connection)->writes);
    if (write != NULL) {
        write->connection = connection;
        write->segment = NULL;
        write->memory = NULL;
        write->memory_size = 0;
    }
    return write;
}

static int submit(struct write *write, const char *data, size_t len)
{
    struct rt_connection *connection = write->connection;
    struct rt_server *server = rt_connection_server(connection);
    uv_buf_t buffer = {.base = (char *)(uintptr_t)data, .len = len};
    rt_sigpipe_enter(&server->sigpipe);
    int err =
        uv_write(&write->request, &connection->stream, &buffer, 1, on_written);
    rt_sigpipe_leave(&server->sigpipe);
    if (err < 0) {
        write_release(server, write);
        return err;
    }
    server->queued_writes++;
    return 0;
}

int rt_write_queue_copy(struct rt_connection *connection, struct rt_bytes bytes)
{
    struct rt_heap *heap = &rt_connection_server(connection)->heap;
    struct write *write = write_take(connection);
    if (write == NULL) {
        return RT_ENOMEM;
    }
    char *memory = write->copy;
    if (bytes.len > sizeof(write->copy)) {
        memory = rt_heap_alloc(heap, bytes.len);
        if (memory == NULL) {
            write_release(rt_connection_server(connection), write);
            return RT_ENOMEM;
        }
        write->memory = memory;
        write->memory_size = bytes.len;
    }
    memcpy(memory, bytes.data, bytes.len);
    return submit(write, memory, bytes.len);
}

int rt_write_queue_segment(struct rt_connection *connection,
                           struct rt_segment *segment,
                           struct rt_bytes bytes)
{
    if (bytes.len <= RT_WRITE_COPY_MAX) {
        return rt_write_queue_copy(connection, bytes);
    }
    struct write *write = write_take(connection);
    if (write == NULL) {
        return RT_ENOMEM;
    }
    rt_segment_ref(segment);
    write->segment = segment;
    return submit(write, bytes.data, bytes.len);
}
