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

#define TIMEOUT_S 10
#define PAUSE_MS  1000

static const char request[] = "GET /livez HTTP/1.1\r\n"
                              "Host: ringtail\r\n"
                              "Connection: close\r\n"
                              "\r\n";

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

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _Static_assert(sizeof(address.sun_path) > RINGTAIL_URL_PATH_MAX,
                   "a path and a NUL");
    memcpy(address.sun_path, path, strlen(path));
    return connect_to(AF_UNIX, (const struct sockaddr *)&address,
                      sizeof(address));
}

/* The first address of a name that answers, or the error of the last. */
static int connect_inet(uv_loop_t *loop, const struct ringtail_url *url)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    uv_getaddrinfo_t found;
    char port[sizeof("65535")];
    (void)snprintf(port, sizeof(port), "%u", url->port);
    int fd = uv_getaddrinfo(loop, &found, NULL, url->host, port, &hints);
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

static int complain(const char *url, int error)
{
    struct ringtail_failure failure = {.error = error, .detail = ""};
    return failure_no_connection(url, &failure);
}

/* One ping; the exit code. */
static int ping(uv_loop_t *loop,
                const char *text,
                const struct ringtail_url *url,
                bool is_json)
{
    int fd = url->is_unix ? connect_unix(url->path) : connect_inet(loop, url);
    if (fd < 0) {
        return complain(text, fd);
    }
    uint64_t start_ns = uv_hrtime();
    int status = ask(fd);
    uint64_t took_ns = uv_hrtime() - start_ns;
    (void)close(fd);
    if (status < 0) {
        return complain(text, status);
    }
    int err = print_answer(text, is_json, status, took_ns);
    if (err < 0) {
        return failure_no_output(err);
    }
    return status == 200 ? CODE_DONE : CODE_REFUSED;
}

static int ping_all(uv_loop_t *loop,
                    const struct arguments *arguments,
                    const struct ringtail_url *url)
{
    uint64_t count = argument_count(arguments, "count");
    int code = CODE_DONE;
    for (uint64_t i = 0; i < count && code == CODE_DONE; i++) {
        if (i > 0) {
            uv_sleep(PAUSE_MS);
        }
        code = ping(loop, argument_url(arguments), url,
                    argument_given(arguments, "json"));
    }
    return code;
}

int ping_run(const struct arguments *arguments)
{
    const char *text = argument_url(arguments);
    struct ringtail_url url;
    uv_loop_t loop;
    int err = ringtail_url_parse(text, &url);
    err = err < 0 ? err : uv_loop_init(&loop);
    if (err < 0) {
        return failure_no_client(text, "", err);
    }
    int code = ping_all(&loop, arguments, &url);
    (void)uv_loop_close(&loop);
    return code;
}
