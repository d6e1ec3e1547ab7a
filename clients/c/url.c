#include "ringtail/client.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"

/* Takes a prefix off, if it is there; schemes have no case. */
static bool take_prefix(struct rt_bytes *text, struct rt_bytes prefix)
{
    struct rt_bytes start = {text->data, prefix.len};
    if (text->len < prefix.len || !rt_bytes_equal_nocase(start, prefix)) {
        return false;
    }
    text->data += prefix.len;
    text->len -= prefix.len;
    return true;
}

static int parse_unix(struct rt_bytes path, struct ringtail_url *url)
{
    if (path.len == 0 || path.len > RINGTAIL_URL_PATH_MAX) {
        return RINGTAIL_EURL;
    }
    memcpy(url->path, path.data, path.len);
    memcpy(url->authority, "localhost", sizeof("localhost"));
    url->is_unix = true;
    return 0;
}

/* What may stand in a name or an address, and in a header field. */
static bool is_host(struct rt_bytes host, bool is_bracketed)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        bool is_alphanumeric = (c >= '0' && c <= '9') ||
                               (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_usual = is_alphanumeric || c == '.' || c == '-' || c == '_';
        if (!is_usual && !(is_bracketed && (c == ':' || c == '%'))) {
            return false;
        }
    }
    return host.len > 0 && host.len <= RINGTAIL_URL_HOST_MAX;
}

static int parse_port(struct rt_bytes text, uint16_t *port)
{
    uint64_t number = 0;
    if (rt_bytes_to_u64(text, &number) < 0 || number == 0 ||
        number > UINT16_MAX) {
        return RINGTAIL_EURL;
    }
    *port = (uint16_t)number;
    return 0;
}

static void write_authority(struct ringtail_url *url, bool is_bracketed)
{
    struct rt_writer writer;
    rt_writer_init(&writer, url->authority, sizeof(url->authority) - 1);
    rt_write_bytes(&writer, is_bracketed ? RT_BYTES("[") : RT_BYTES(""));
    rt_write_bytes(&writer, rt_bytes_of(url->host));
    rt_write_bytes(&writer, is_bracketed ? RT_BYTES("]:") : RT_BYTES(":"));
    rt_write_u64(&writer, url->port);
    RT_CHECK(!writer.overflowed);
}

/* Splits `host:port`, `[host]:port`, or either without the port. */
static int split_port(struct rt_bytes *host, struct rt_bytes *port)
{
    bool is_bracketed = take_prefix(host, RT_BYTES("["));
    *port = *host;
    *host = rt_bytes_split(port, is_bracketed ? ']' : ':');
    if (!is_host(*host, is_bracketed)) {
        return RINGTAIL_EURL;
    }
    if (!is_bracketed) {
        return 0;
    }
    bool has_port = port->len > 0;
    if (port->data == NULL || (has_port && !take_prefix(port, RT_BYTES(":")))) {
        return RINGTAIL_EURL;
    }
    port->data = has_port ? port->data : NULL;
    return 0;
}

static int parse_authority(struct rt_bytes host, struct ringtail_url *url)
{
    bool is_bracketed = rt_bytes_starts_with(host, RT_BYTES("["));
    struct rt_bytes port;
    url->port = RINGTAIL_CLIENT_PORT;
    if (split_port(&host, &port) < 0 ||
        (port.data != NULL && parse_port(port, &url->port) < 0)) {
        return RINGTAIL_EURL;
    }
    memcpy(url->host, host.data, host.len);
    write_authority(url, is_bracketed);
    return 0;
}

static int parse(struct rt_bytes text, struct ringtail_url *url)
{
    if (take_prefix(&text, RT_BYTES("unix:"))) {
        return parse_unix(text, url);
    }
    if (take_prefix(&text, RT_BYTES("https://")) ||
        take_prefix(&text, RT_BYTES("wss://"))) {
        return RINGTAIL_ETLS;
    }
    bool has_scheme = take_prefix(&text, RT_BYTES("http://")) ||
                      take_prefix(&text, RT_BYTES("ws://"));
    if (has_scheme && text.len > 0 && text.data[text.len - 1] == '/') {
        text.len--;
    }
    return parse_authority(text, url);
}

int ringtail_url_parse(const char *text, struct ringtail_url *url)
{
    struct ringtail_url parsed = {0};
    int err = parse(rt_bytes_of(text == NULL ? "" : text), &parsed);
    if (err == 0) {
        *url = parsed;
    }
    return err;
}
