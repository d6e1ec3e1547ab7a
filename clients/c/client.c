/*
 * The transport: a session on a libuv loop. The session says what it wants;
 * once a turn of the loop, before it waits, that is done: everything that was
 * published in the turn leaves in one write.
 *
 * The socket is the client's own, and libuv only watches it: libuv's writes
 * may raise SIGPIPE, and tell of their progress when they are done, while
 * answers to the first half of a write come before that.
 *
 *     NONE -> LOOKING_UP -> CONNECTING -> CONNECTED    a name
 *     NONE -> CONNECTING -> CONNECTED                  an address, a path
 *     LOOKING_UP -> NONE                               no address
 *     CONNECTING, CONNECTED -> CLOSING -> NONE         lost, or not wanted
 */
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "clients/c/session.h"

#define READ_BYTES ((size_t)64 * 1024)
#define READS_MAX  16 /* in a row, before others on the loop have their turn */

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
    uv_poll_t link;    /* of fd */
    int fd;            /* CONNECTING, CONNECTED */
    int link_events;   /* that are waited for */
    bool is_full;      /* the socket takes no more for now */
    enum link_state link_state;
    int link_error;
    uv_getaddrinfo_t lookup;
    uint8_t attempts; /* look-ups: each takes the next address */
    unsigned held;    /* handles and requests that the loop has */
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
        uv_close((uv_handle_t *)&client->link, on_link_closed);
        (void)close(client->fd);
    }
}

/* --- bytes --- */

/* Reads once: whether there may be more. */
static bool read_some(struct ringtail_client *client)
{
    ssize_t len = recv(client->fd, client->input, READ_BYTES, 0);
    if (len > 0) {
        ringtail_session_received(client->session, client->input, (size_t)len,
                                  uv_now(client->loop));
    } else if (len == 0) {
        drop(client, UV_EOF);
    } else if (errno != EAGAIN && errno != EINTR) {
        drop(client, -errno);
    }
    return len == (ssize_t)READ_BYTES && client->link_state == LINK_CONNECTED;
}

/* The connection is broken; what the broker said before counts. */
static void give_up(struct ringtail_client *client, int error)
{
    while (read_some(client)) {
    }
    drop(client, error);
}

static void on_ready(uv_poll_t *link, int status, int events);

static void watch(struct ringtail_client *client, int events)
{
    if (client->link_events != events) {
        client->link_events = events;
        (void)uv_poll_start(&client->link, events, on_ready);
    }
}

/* Sends once; `*wanted` is how much there was. */
static ssize_t send_some(struct ringtail_client *client, size_t *wanted)
{
    const char *bytes;
    *wanted = ringtail_session_output(client->session, &bytes);
    if (*wanted == 0) {
        return 0;
    }
    ssize_t sent = send(client->fd, bytes, *wanted, MSG_NOSIGNAL);
    if (sent < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    return sent;
}

/* Sends as much as goes at once: 0 or a negative error. */
static int flush(struct ringtail_client *client)
{
    size_t wanted = 1;
    while (client->link_state == LINK_CONNECTED && !client->is_full &&
           wanted > 0) {
        ssize_t sent = send_some(client, &wanted);
        if (sent < 0) {
            return (int)sent;
        }
        ringtail_session_sent(client->session, (size_t)sent);
        client->is_full = (size_t)sent < wanted;
    }
    if (client->link_state == LINK_CONNECTED) {
        watch(client,
              client->is_full ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    }
    return 0;
}

/* --- connecting --- */

static int error_of(const struct ringtail_client *client)
{
    int error = 0;
    socklen_t len = sizeof(error);
    (void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return -error;
}

static void finish_connect(struct ringtail_client *client)
{
    int err = error_of(client);
    if (err < 0) {
        drop(client, err);
        return;
    }
    client->link_state = LINK_CONNECTED;
    watch(client, UV_READABLE);
    ringtail_session_connected(client->session, uv_now(client->loop));
}

/* What there is to send goes when the loop prepares to wait again. */
static void on_ready(uv_poll_t *link, int status, int events)
{
    struct ringtail_client *client = link->data;
    if (client->link_state == LINK_CONNECTING) {
        finish_connect(client);
        return;
    }
    if (status < 0) {
        give_up(client, error_of(client));
        return;
    }
    client->is_full = client->is_full && (events & UV_WRITABLE) == 0;
    for (int i = 0; i < READS_MAX && (events & UV_READABLE) != 0; i++) {
        if (!read_some(client)) {
            return;
        }
    }
}

/* From here on the link is there to be closed, whatever fails. */
static int begin_link(struct ringtail_client *client, int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int err = uv_poll_init(client->loop, &client->link, fd);
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    client->link.data = client;
    client->fd = fd;
    client->link_state = LINK_CONNECTING;
    client->link_events = 0;
    client->is_full = false;
    client->held++;
    return 0;
}

static void connect_to(struct ringtail_client *client,
                       const struct sockaddr *address,
                       socklen_t len)
{
    static const int yes = 1;
    int err = begin_link(client, address->sa_family);
    if (err < 0) {
        ringtail_session_disconnected(client->session, err,
                                      uv_now(client->loop));
        return;
    }
    /* A UNIX socket has no such option, and needs none. */
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (connect(client->fd, address, len) < 0 && errno != EINPROGRESS) {
        drop(client, -errno);
        return;
    }
    watch(client, UV_WRITABLE);
}

static void connect_unix(struct ringtail_client *client, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _Static_assert(sizeof(address.sun_path) > RINGTAIL_URL_PATH_MAX,
                   "a path and a NUL");
    memcpy(address.sun_path, path, strlen(path));
    connect_to(client, (const struct sockaddr *)&address, sizeof(address));
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
        const struct addrinfo *chosen = choose(list, client->attempts++);
        connect_to(client, chosen->ai_addr, chosen->ai_addrlen);
    } else {
        ringtail_session_disconnected(client->session, status,
                                      uv_now(client->loop));
    }
    uv_freeaddrinfo(list);
    release(client);
}

static void look_up(struct ringtail_client *client, const char *host)
{
    const struct ringtail_url *url = rt_session_url(client->session);
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
    const struct ringtail_url *url = rt_session_url(client->session);
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    const char *host =
        strcmp(url->host, "localhost") == 0 ? "127.0.0.1" : url->host;
    if (url->is_unix) {
        connect_unix(client, url->path);
    } else if (uv_ip4_addr(host, url->port, &in) == 0) {
        connect_to(client, (const struct sockaddr *)&in, sizeof(in));
    } else if (uv_ip6_addr(host, url->port, &in6) == 0) {
        connect_to(client, (const struct sockaddr *)&in6, sizeof(in6));
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
    int err = flush(client);
    if (err < 0) {
        give_up(client, err);
    } else if (wanted == RINGTAIL_WANT_DISCONNECT) {
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

/* A goodbye goes if it goes at once. */
void ringtail_client_stop(struct ringtail_client *client,
                          ringtail_done_cb done,
                          void *context)
{
    struct ringtail_session *session = client->session;
    RT_CHECK(session != NULL);
    client->done = done;
    client->context = context;
    rt_session_say_goodbye(session);
    (void)flush(client);
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
