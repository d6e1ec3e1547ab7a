#include "protocol/http_response.h"

#include "base/error.h"
#include "tests/support/test.h"

static struct rt_http_response parsed(const char *head)
{
    struct rt_http_response response;
    EXPECT_INT(rt_http_response_parse(rt_bytes_of(head), &response), 0);
    return response;
}

static void expect_bad(const char *head)
{
    struct rt_http_response response;
    EXPECT_INT(rt_http_response_parse(rt_bytes_of(head), &response), RT_EINVAL);
}

TEST("a receipt without a body is read")
{
    struct rt_http_response response =
        parsed("HTTP/1.1 204 No Content\r\n"
               "Date: Sat, 21 Nov 2026 08:00:00 GMT\r\n"
               "Ringtail-Cursor: 7f3a9c21-2\r\n\r\n");
    EXPECT_INT(response.status, 204);
    EXPECT(response.keep_alive);
    EXPECT(response.has_end);
    EXPECT_INT(response.body_bytes, 0);
    EXPECT_TEXT(response.fields[RT_RESPONSE_RINGTAIL_CURSOR], "7f3a9c21-2");
    EXPECT(response.fields[RT_RESPONSE_UPGRADE].data == NULL);
}

TEST("names of fields have no case, and values no blanks around them")
{
    struct rt_http_response response =
        parsed("HTTP/1.1 503 \r\nRETRY-AFTER: \t7 \r\ncontent-length:12\r\n"
               "X: y\r\n\r\n");
    EXPECT_INT(response.status, 503);
    EXPECT_TEXT(response.fields[RT_RESPONSE_RETRY_AFTER], "7");
    EXPECT_INT(response.body_bytes, 12);
}

TEST("a phrase may be missing, and with it its blank")
{
    EXPECT_INT(parsed("HTTP/1.1 200\r\n\r\n").status, 200);
}

TEST("what has no length ends nowhere, but for what has no body")
{
    EXPECT(!parsed("HTTP/1.1 200 OK\r\n\r\n").has_end);
    EXPECT(!parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .has_end);
    EXPECT(parsed("HTTP/1.1 101 Switching Protocols\r\n\r\n").has_end);
    struct rt_http_response response =
        parsed("HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n");
    EXPECT(response.has_end);
    EXPECT_INT(response.body_bytes, 0);
}

TEST("the connection goes on unless the answer says otherwise")
{
    EXPECT(!parsed("HTTP/1.0 204 x\r\n\r\n").keep_alive);
    EXPECT(
        !parsed("HTTP/1.1 204 x\r\nConnection: a, Close\r\n\r\n").keep_alive);
    struct rt_http_response response = parsed(
        "HTTP/1.1 101 x\r\nConnection: a\r\nConnection: Upgrade\r\n\r\n");
    EXPECT(response.keep_alive);
    EXPECT(response.says_upgrade);
}

TEST("what is no answer, or could be two, is refused")
{
    static const char *const heads[] = {
        "\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.x 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1-200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        "HTTP/1.1 200 OK\r\nDate : blank\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: a\r\n\r\n",
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(heads); i++) {
        expect_bad(heads[i]);
    }
}
