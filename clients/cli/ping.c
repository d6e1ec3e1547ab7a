#include "clients/cli/ping.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <ringtail/client.h>

#include "clients/cli/exit_code.h"
#include "clients/cli/failure.h"
#include "clients/cli/output.h"

#define TIMEOUT_S  10
#define PAUSE_MS   1000
#define HOST_BYTES 256

static const char request[] = "GET /livez HTTP/1.1\r\n"
                              "Host: ringtail\r\n"
                              "Connection: close\r\n"
                              "\r\n";

/* The library knows what a URL is; here it is only cut in pieces. */
static int check_url(const char *url)
{
    struct ringtail_session_options options;
    struct ringtail_session *session = NULL;
    ringtail_session_options_init(&options, RINGTAIL_SESSION_PUBLISHER);
    options.url = url;
    int err = ringtail_session_create(&options, &session);
    ringtail_session_destroy(session);
    return err;
}

struct place {
    char host[HOST_BYTES]; /* of a UNIX socket: its path */
    char port[8];
    bool is_unix;
};

static void copy(char *to, size_t size, const char *from, size_t len)
{
    (void)snprintf(to, size, "%.*s", (int)len, from);
}

/* `scheme://` does not matter, and what follows the port neither. */
static void place_of(const char *url, struct place *place)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme != NULL ? scheme + 3 : url;
    place->is_unix = strncmp(url, "unix:", 5) == 0;
    if (place->is_unix) {
        copy(place->host, HOST_BYTES, url + 5, strlen(url + 5));
        return;
    }
    bool is_bracketed = host[0] == '[';
    host += is_bracketed;
    size_t len = strcspn(host, is_bracketed ? "]" : ":/");
    const char *rest = host + len + is_bracketed;
    copy(place->host, HOST_BYTES, host, len);
    (void)snprintf(place->port, sizeof(place->port), "%d",
                   RINGTAIL_CLIENT_PORT);
    if (*rest == ':') {
        copy(place->port, sizeof(place->port), rest + 1,
             strspn(rest + 1, "0123456789"));
    }
}

/* A socket that is connected and does not wait for ever, or a libuv error. */
static int connect_to(int family, const struct sockaddr *address, socklen_t len)
{
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return uv_translate_sys_error(errno);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, address, len) < 0) {
        int err =
            errno == EINPROGRESS ? UV_ETIMEDOUT : uv_translate_sys_error(errno);
        (void)close(fd);
        return err;
    }
    return fd;
}

static int connect_unix(const struct place *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    copy(address.sun_path, sizeof(address.sun_path), place->host,
         strlen(place->host));
    return connect_to(AF_UNIX, (const struct sockaddr *)&address,
                      sizeof(address));
}

/* The first address of a name that answers, or the error of the last. */
static int connect_inet(uv_loop_t *loop, const struct place *place)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    uv_getaddrinfo_t found;
    int fd =
        uv_getaddrinfo(loop, &found, NULL, place->host, place->port, &hints);
    if (fd < 0) {
        return fd;
    }
    fd = UV_EAI_NODATA;
    for (struct addrinfo *at = found.addrinfo; at != NULL && fd < 0;
         at = at->ai_next) {
        fd = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen);
    }
    uv_freeaddrinfo(found.addrinfo);
    return fd;
}

/* Sends the request and reads the first line of the answer: the status, or a
 * negative error. */
static int ask(int fd)
{
    char answer[64] = "";
    size_t len = 0;
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0) {
        return uv_translate_sys_error(errno);
    }
    while (len < sizeof("HTTP/1.1 200")) {
        ssize_t count = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
        if (count <= 0) {
            return count == 0        ? UV_EOF
                   : errno == EAGAIN ? UV_ETIMEDOUT
                                     : uv_translate_sys_error(errno);
        }
        len += (size_t)count;
    }
    const char *status = answer + strlen("HTTP/1.1 ");
    if (strncmp(answer, "HTTP/1.", 7) != 0 ||
        strspn(status, "0123456789") != 3) {
        return RINGTAIL_EPROTOCOL;
    }
    return (int)strtol(status, NULL, 10);
}

/* 0 or a negative errno. */
static int
print_answer(const char *url, bool is_json, int status, uint64_t took_ns)
{
    static struct output output;
    char text[96];
    double took_ms = (double)took_ns / 1e6;
    output_init(&output, STDOUT_FILENO, -1);
    if (is_json) {
        output_text(&output, "{\"url\":");
        output_json(&output, url, strlen(url));
        (void)snprintf(text, sizeof(text), ",\"status\":%d,\"ms\":%.3f}\n",
                       status, took_ms);
    } else {
        output_text(&output, url);
        (void)snprintf(text, sizeof(text), " answered %d in %.3f ms\n", status,
                       took_ms);
    }
    output_text(&output, text);
    return output_flush(&output);
}

/* One ping; the exit code. */
static int ping(uv_loop_t *loop, const char *url, bool is_json)
{
    struct place place;
    struct ringtail_failure failure = {.detail = ""};
    place_of(url, &place);
    int fd = place.is_unix ? connect_unix(&place) : connect_inet(loop, &place);
    if (fd < 0) {
        failure.error = fd;
        return failure_no_connection(url, &failure);
    }
    uint64_t start_ns = uv_hrtime();
    int status = ask(fd);
    uint64_t took_ns = uv_hrtime() - start_ns;
    (void)close(fd);
    if (status < 0) {
        failure.error = status;
        return failure_no_connection(url, &failure);
    }
    int err = print_answer(url, is_json, status, took_ns);
    if (err < 0) {
        return failure_no_output(err);
    }
    return status == 200 ? CODE_DONE : CODE_REFUSED;
}

static int ping_all(uv_loop_t *loop, const struct arguments *arguments)
{
    uint64_t count = argument_count(arguments, "count");
    int code = CODE_DONE;
    for (uint64_t i = 0; i < count && code == CODE_DONE; i++) {
        if (i > 0) {
            uv_sleep(PAUSE_MS);
        }
        code = ping(loop, argument_url(arguments),
                    argument_given(arguments, "json"));
    }
    return code;
}

int ping_run(const struct arguments *arguments)
{
    const char *url = argument_url(arguments);
    uv_loop_t loop;
    int err = check_url(url);
    err = err < 0 ? err : uv_loop_init(&loop);
    if (err < 0) {
        return failure_no_client(url, "", err);
    }
    int code = ping_all(&loop, arguments);
    (void)uv_loop_close(&loop);
    return code;
}
