#include "protocol/http_answer.h"

#include "base/check.h"

#define LINE(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }

static const struct {
    uint16_t status;
    struct rt_bytes line;
} status_lines[] = {
#define X(status, phrase) {status, LINE("HTTP/1.1 " #status " " phrase "\r\n")},
    RT_HTTP_STATUS_MAP(X)
#undef X
};

static struct rt_bytes status_line(uint16_t status)
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(status_lines); i++) {
        if (status_lines[i].status == status) {
            return status_lines[i].line;
        }
    }
    RT_CHECK(false && "a status without a reason phrase");
    return (struct rt_bytes){0};
}

size_t rt_http_answer_size(const struct rt_http_answer *answer)
{
    return RT_HTTP_ANSWER_HEAD_MAX + answer->headers.len + answer->body.len;
}

static void write_persistence(struct rt_writer *writer,
                              enum rt_http_persistence persistence)
{
    if (persistence == RT_HTTP_CLOSE) {
        RT_WRITE(writer, "Connection: close\r\n");
    } else if (persistence == RT_HTTP_KEEP_HTTP10) {
        RT_WRITE(writer, "Connection: keep-alive\r\n");
    }
}

void rt_http_answer_write(struct rt_writer *writer,
                          const struct rt_http_answer *answer,
                          struct rt_bytes date)
{
    rt_write_bytes(writer, status_line(answer->status));
    RT_WRITE(writer, "Date: ");
    rt_write_bytes(writer, date);
    RT_WRITE(writer, "\r\n");
    if (answer->content_type != NULL) {
        RT_WRITE(writer, "Content-Type: ");
        rt_write_bytes(writer, rt_bytes_of(answer->content_type));
        RT_WRITE(writer, "\r\nX-Content-Type-Options: nosniff\r\n"
                         "Content-Length: ");
        rt_write_u64(writer, answer->body.len);
        RT_WRITE(writer, "\r\n");
    }
    rt_write_bytes(writer, answer->headers);
    write_persistence(writer, answer->persistence);
    RT_WRITE(writer, "\r\n");
    if (!answer->is_head) {
        rt_write_bytes(writer, answer->body);
    }
}
