#include <stdlib.h>
#include <string.h>

#include "ringtail/client.h"
#include "tests/support/test.h"

static struct ringtail_url parsed(const char *text)
{
    struct ringtail_url url;
    EXPECT_INT(ringtail_url_parse(text, &url), 0);
    return url;
}

static void
expect_url(const char *text, const char *host, const char *authority)
{
    struct ringtail_url url = parsed(text);
    EXPECT(!url.is_unix);
    EXPECT_TEXT(rt_bytes_of(url.host), host);
    EXPECT_TEXT(rt_bytes_of(url.authority), authority);
}

TEST("a broker is a host and a port, with a scheme or without")
{
    expect_url("http://127.0.0.1:3031", "127.0.0.1", "127.0.0.1:3031");
    expect_url("ws://broker.example/", "broker.example", "broker.example:3030");
    expect_url("HTTP://a", "a", "a:3030");
    expect_url("localhost", "localhost", "localhost:3030");
    expect_url("my-host_1:65535", "my-host_1", "my-host_1:65535");
    EXPECT_INT(parsed("a:1").port, 1);
}

TEST("an IPv6 address has brackets")
{
    expect_url("[::1]", "::1", "[::1]:3030");
    expect_url("http://[fe80::1%eth0]:80/", "fe80::1%eth0",
               "[fe80::1%eth0]:80");
}

TEST("a path of a UNIX socket is as long as the system allows")
{
    char text[128] = "unix:";
    struct ringtail_url url = parsed("unix:/run/ringtail.sock");
    EXPECT(url.is_unix);
    EXPECT_TEXT(rt_bytes_of(url.path), "/run/ringtail.sock");
    EXPECT_TEXT(rt_bytes_of(url.authority), "localhost");
    memset(text + 5, 'p', RINGTAIL_URL_PATH_MAX);
    EXPECT_INT(parsed(text).path[RINGTAIL_URL_PATH_MAX], '\0');
    text[5 + RINGTAIL_URL_PATH_MAX] = 'p';
    EXPECT_INT(ringtail_url_parse(text, &url), RINGTAIL_EURL);
}

TEST("TLS is not built in, and that is what the error says")
{
    struct ringtail_url url;
    EXPECT_INT(ringtail_url_parse("https://a", &url), RINGTAIL_ETLS);
    EXPECT_INT(ringtail_url_parse("WSS://a:1", &url), RINGTAIL_ETLS);
}

TEST("what is no broker's URL is refused, and nothing written")
{
    static const char *const texts[] = {
        "",        ":3030",     "http://", "http:///",   "a:",        "a:0",
        "a:65536", "a:b",       "a/b",     "http://a/b", "a b",       "a\r\nb",
        "ftp://a", "user@host", "[::1",    "[]",         "[::1]3030", "[::1]:",
        "[a/b]",   "::1",       "unix:",   "a?b",
    };
    struct ringtail_url url = {.port = 7};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(texts); i++) {
        EXPECT_INT(ringtail_url_parse(texts[i], &url), RINGTAIL_EURL);
    }
    EXPECT_INT(ringtail_url_parse(NULL, &url), RINGTAIL_EURL);
    EXPECT_INT(url.port, 7);
}

TEST("a host is at most as long as a name may be")
{
    char text[RINGTAIL_URL_HOST_MAX + 2] = {0};
    struct ringtail_url url;
    memset(text, 'h', RINGTAIL_URL_HOST_MAX);
    EXPECT_INT(strlen(parsed(text).authority), RINGTAIL_URL_HOST_MAX + 5);
    text[RINGTAIL_URL_HOST_MAX] = 'h';
    EXPECT_INT(ringtail_url_parse(text, &url), RINGTAIL_EURL);
}
