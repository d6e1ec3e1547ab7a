/*
 * The transport: a session on a libuv loop. The session says what it wants;
 * once a turn of the loop, before it waits, that is done: everything that was
 * published in the turn leaves in one write.
 *
 *     NONE -> LOOKING_UP -> CONNECTING -> CONNECTED    a name
 *     NONE -> CONNECTING -> CONNECTED                  an address, a path
 *     LOOKING_UP -> NONE                               no address
 *     CONNECTING, CONNECTED -> CLOSING -> NONE         lost, or not wanted
 */
#include <string.h>
#include <uv.h>

#include "clients/c/session.h"

#define READ_BYTES ((size_t)64 * 1024)

enum link_state {
    LINK_NONE,
    LINK_LOOKING_UP,
    LINK_CONNECTING,
    LINK_CONNECTED,
    LINK_CLOSING,
};

struct ringtail_client {
    uv_loop_t *loop;
    struct ringtail_session *session; /* NULL: stopping */
    uv_prepare_t prepare;
    uv_timer_t timer;
    uint64_t armed_ms; /* when the timer is due, while it is active */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } link;
    enum link_state link_state;
    int link_error;
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    uint8_t attempts; /* look-ups: each takes the next address */
    uv_write_t write;
    size_t writing_bytes; /* of the session's output; 0: no write is pending */
    unsigned held;        /* handles and requests that the loop has */
    ringtail_done_cb done;
    void *context;
    char input[READ_BYTES];
};

/* --- the end --- */

static void release(struct ringtail_client *client)
{
    RT_CHECK(client->held > 0);
    client->held--;
    if (client->held == 0 && client->done != NULL) {
        client->done(client->context);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void on_link_closed(uv_handle_t *handle)
{
    struct ringtail_client *client = handle->data;
    client->link_state = LINK_NONE;
    if (client->session != NULL) {
        ringtail_session_disconnected(client->session, client->link_error,
                                      uv_now(client->loop));
    }
    release(client);
}

/* Closes the link, if there is one; the session is told when it is closed. */
static void drop(struct ringtail_client *client, int error)
{
    if (client->link_state == LINK_LOOKING_UP) {
        (void)uv_cancel((uv_req_t *)&client->lookup);
    } else if (client->link_state == LINK_CONNECTING ||
               client->link_state == LINK_CONNECTED) {
        client->link_state = LINK_CLOSING;
        client->link_error = error;
        uv_close(&client->link.handle, on_link_closed);
    }
}

/* --- bytes --- */

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct ringtail_client *client = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(client->input, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct ringtail_client *client = stream->data;
    if (len < 0) {
        drop(client, (int)len);
    } else if (len > 0) {
        ringtail_session_received(client->session, buffer->base, (size_t)len,
                                  uv_now(client->loop));
    }
}

/* What was begun counts as sent: nobody knows how far it came. The next piece
 * goes when the loop prepares to wait again. */
static void on_written(uv_write_t *write, int status)
{
    struct ringtail_client *client = write->data;
    size_t len = client->writing_bytes;
    client->writing_bytes = 0;
    if (client->session == NULL) {
        return;
    }
    ringtail_session_sent(client->session, len);
    if (status < 0) {
        drop(client, status);
    }
}

static void write_later(struct ringtail_client *client)
{
    const char *bytes;
    size_t len = ringtail_session_output(client->session, &bytes);
    uv_buf_t buffer = {.base = (char *)(uintptr_t)bytes, .len = len};
    client->write.data = client;
    client->writing_bytes = len;
    int err =
        uv_write(&client->write, &client->link.stream, &buffer, 1, on_written);
    if (err < 0) {
        client->writing_bytes = 0;
        drop(client, err);
    }
}

/* Writes as much as goes at once, and the next piece when there is room. */
static void flush(struct ringtail_client *client)
{
    const char *bytes;
    while (client->link_state == LINK_CONNECTED && client->writing_bytes == 0) {
        size_t len = ringtail_session_output(client->session, &bytes);
        uv_buf_t buffer = {.base = (char *)(uintptr_t)bytes, .len = len};
        if (len == 0) {
            return;
        }
        int sent = uv_try_write(&client->link.stream, &buffer, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            drop(client, sent);
            return;
        }
        ringtail_session_sent(client->session, sent > 0 ? (size_t)sent : 0);
        if (sent < (int)len) {
            write_later(client);
        }
    }
}

/* --- connecting --- */

static void on_connected(uv_connect_t *connect, int status)
{
    struct ringtail_client *client = connect->data;
    int err = status; /* UV_ECANCELED if the link is being closed */
    if (err == 0) {
        err = uv_read_start(&client->link.stream, allocate, on_read);
    }
    if (err < 0) {
        drop(client, err);
        return;
    }
    client->link_state = LINK_CONNECTED;
    ringtail_session_connected(client->session, uv_now(client->loop));
}

/* From here on the link is there to be closed, whatever fails. */
static void begin_link(struct ringtail_client *client)
{
    client->link_state = LINK_CONNECTING;
    client->link.handle.data = client;
    client->connect.data = client;
    client->held++;
}

static void connect_pipe(struct ringtail_client *client, const char *path)
{
    int err = uv_pipe_init(client->loop, &client->link.pipe, 0);
    if (err < 0) {
        ringtail_session_disconnected(client->session, err,
                                      uv_now(client->loop));
        return;
    }
    begin_link(client);
    uv_pipe_connect(&client->connect, &client->link.pipe, path, on_connected);
}

static void connect_tcp(struct ringtail_client *client,
                        const struct sockaddr *address)
{
    int err = uv_tcp_init(client->loop, &client->link.tcp);
    if (err < 0) {
        ringtail_session_disconnected(client->session, err,
                                      uv_now(client->loop));
        return;
    }
    begin_link(client);
    (void)uv_tcp_nodelay(&client->link.tcp, 1);
    err = uv_tcp_connect(&client->connect, &client->link.tcp, address,
                         on_connected);
    if (err < 0) {
        drop(client, err);
    }
}

static const struct addrinfo *choose(const struct addrinfo *list, size_t turn)
{
    const struct addrinfo *chosen = list;
    for (size_t i = 0; i < turn; i++) {
        chosen = chosen->ai_next != NULL ? chosen->ai_next : list;
    }
    return chosen;
}

static void
on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
    struct ringtail_client *client = lookup->data;
    client->link_state = LINK_NONE;
    if (client->session == NULL) {
        uv_freeaddrinfo(list);
        release(client);
        return;
    }
    bool is_wanted =
        ringtail_session_wanted(client->session) == RINGTAIL_WANT_CONNECT;
    if (status == 0 && is_wanted) {
        connect_tcp(client, choose(list, client->attempts++)->ai_addr);
    } else {
        ringtail_session_disconnected(client->session, status,
                                      uv_now(client->loop));
    }
    uv_freeaddrinfo(list);
    release(client);
}

static void look_up(struct ringtail_client *client, const char *host)
{
    const struct rt_url *url = rt_session_url(client->session);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM};
    char port[RT_U64_DIGITS + 1] = {0};
    struct rt_writer writer;
    rt_writer_init(&writer, port, sizeof(port) - 1);
    rt_write_u64(&writer, url->port);
    client->lookup.data = client;
    int err = uv_getaddrinfo(client->loop, &client->lookup, on_looked_up, host,
                             port, &hints);
    if (err < 0) {
        ringtail_session_disconnected(client->session, err,
                                      uv_now(client->loop));
        return;
    }
    client->link_state = LINK_LOOKING_UP;
    client->held++;
}

/* An address needs no look-up; and localhost is where a broker listens. */
static void begin_connect(struct ringtail_client *client)
{
    const struct rt_url *url = rt_session_url(client->session);
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    const char *host =
        strcmp(url->host, "localhost") == 0 ? "127.0.0.1" : url->host;
    if (url->is_unix) {
        connect_pipe(client, url->path);
    } else if (uv_ip4_addr(host, url->port, &in) == 0) {
        connect_tcp(client, (const struct sockaddr *)&in);
    } else if (uv_ip6_addr(host, url->port, &in6) == 0) {
        connect_tcp(client, (const struct sockaddr *)&in6);
    } else {
        look_up(client, host);
    }
}

/* --- a turn of the loop --- */

static void act(struct ringtail_client *client)
{
    enum ringtail_session_wanted wanted =
        ringtail_session_wanted(client->session);
    if (wanted == RINGTAIL_WANT_CONNECT) {
        if (client->link_state == LINK_NONE) {
            begin_connect(client);
        }
        return;
    }
    flush(client);
    if (wanted == RINGTAIL_WANT_DISCONNECT) {
        drop(client, 0);
    }
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* the loop is awake, and prepares to wait again */
}

/* A timer that is due too early is harmless, and cheaper than moving it. */
static void arm(struct ringtail_client *client)
{
    uint64_t now_ms = uv_now(client->loop);
    uint64_t due_ms = ringtail_session_deadline_ms(client->session);
    bool is_active = uv_is_active((uv_handle_t *)&client->timer) != 0;
    if (due_ms == UINT64_MAX || (is_active && client->armed_ms <= due_ms)) {
        return;
    }
    client->armed_ms = due_ms;
    (void)uv_timer_start(&client->timer, on_timer,
                         due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct ringtail_client *client = prepare->data;
    uint64_t now_ms = uv_now(client->loop);
    if (ringtail_session_deadline_ms(client->session) <= now_ms) {
        ringtail_session_elapsed(client->session, now_ms);
    }
    if (client->session != NULL) {
        act(client);
    }
    if (client->session != NULL) {
        arm(client);
    }
}

/* --- create, stop, destroy --- */

static void begin(struct ringtail_client *client, uv_loop_t *loop)
{
    client->loop = loop;
    client->prepare.data = client;
    client->timer.data = client;
    client->held = 2;
    (void)uv_prepare_init(loop, &client->prepare);
    (void)uv_prepare_start(&client->prepare, on_prepare);
    (void)uv_timer_init(loop, &client->timer);
}

int ringtail_client_create(const struct ringtail_session_options *options,
                           struct uv_loop_s *loop,
                           struct ringtail_client **out)
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct ringtail_client *client = rt_heap_zalloc(&heap, sizeof(*client));
    if (client == NULL) {
        return UV_ENOMEM;
    }
    int err = ringtail_session_create(options, &client->session);
    if (err < 0) {
        rt_heap_free(&heap, client, sizeof(*client));
        return err;
    }
    begin(client, loop);
    *out = client;
    return 0;
}

struct ringtail_session *ringtail_client_session(struct ringtail_client *client)
{
    return client->session;
}

/* The link goes first: a write under way is of the session's memory. */
void ringtail_client_stop(struct ringtail_client *client,
                          ringtail_done_cb done,
                          void *context)
{
    struct ringtail_session *session = client->session;
    RT_CHECK(session != NULL);
    client->done = done;
    client->context = context;
    drop(client, 0);
    client->session = NULL;
    uv_close((uv_handle_t *)&client->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&client->timer, on_handle_closed);
    ringtail_session_destroy(session);
}

void ringtail_client_destroy(struct ringtail_client *client)
{
    struct rt_heap heap;
    if (client == NULL) {
        return;
    }
    RT_CHECK(client->held == 0);
    rt_heap_init(&heap, SIZE_MAX);
    heap.used = sizeof(*client);
    rt_heap_free(&heap, client, sizeof(*client));
}
