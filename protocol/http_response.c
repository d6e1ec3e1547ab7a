#include "protocol/http_response.h"

#include "base/error.h"

#define CRLF_BYTES ((size_t)2)

static const struct rt_bytes names[RT_RESPONSE_FIELD_COUNT] = {
#define X(name, text) [RT_RESPONSE_##name] = {text, sizeof(text) - 1},
    RT_RESPONSE_FIELD_MAP(X)
#undef X
};

/* The next line without its CRLF. */
static struct rt_bytes take_line(struct rt_bytes *rest)
{
    struct rt_bytes line = rt_bytes_split(rest, '\n');
    line.len -= line.len > 0 && line.data[line.len - 1] == '\r' ? 1 : 0;
    return line;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `HTTP/1.x SP status SP reason`, RFC 9112, section 4. */
static int parse_status_line(struct rt_bytes line,
                             struct rt_http_response *response)
{
    uint64_t status = 0;
    bool is_http = rt_bytes_starts_with(line, RT_BYTES("HTTP/1."));
    if (!is_http || line.len < 12 || !is_digit(line.data[7]) ||
        line.data[8] != ' ' || (line.len > 12 && line.data[12] != ' ')) {
        return RT_EINVAL;
    }
    struct rt_bytes digits = {line.data + 9, 3};
    if (rt_bytes_to_u64(digits, &status) < 0 || status < 100) {
        return RT_EINVAL;
    }
    response->status = (uint16_t)status;
    response->keep_alive = line.data[7] != '0';
    return 0;
}

static int find_field(struct rt_bytes name)
{
    for (int i = 0; i < RT_RESPONSE_FIELD_COUNT; i++) {
        if (name.len == names[i].len &&
            (rt_bytes_equal(name, names[i]) ||
             rt_bytes_equal_nocase(name, names[i]))) {
            return i;
        }
    }
    return RT_RESPONSE_FIELD_COUNT;
}

static void note_connection(struct rt_http_response *response,
                            struct rt_bytes list)
{
    while (list.data != NULL) {
        struct rt_bytes item = rt_bytes_trim(rt_bytes_split(&list, ','));
        if (rt_bytes_equal_nocase(item, RT_BYTES("close"))) {
            response->keep_alive = false;
        } else if (rt_bytes_equal_nocase(item, RT_BYTES("upgrade"))) {
            response->says_upgrade = true;
        }
    }
}

static int parse_field(struct rt_bytes line, struct rt_http_response *response)
{
    struct rt_bytes value = line;
    struct rt_bytes name = rt_bytes_split(&value, ':');
    if (value.data == NULL || name.len == 0 ||
        rt_bytes_trim(name).len != name.len) {
        return RT_EINVAL;
    }
    int field = find_field(name);
    if (field == RT_RESPONSE_FIELD_COUNT) {
        return 0;
    }
    value = rt_bytes_trim(value);
    if (field == RT_RESPONSE_CONNECTION) {
        note_connection(response, value);
    } else if (response->fields[field].data != NULL) {
        return RT_EINVAL;
    }
    response->fields[field] = value;
    return 0;
}

/* RFC 9112, section 6.3. */
static int find_end(struct rt_http_response *response)
{
    struct rt_bytes length = response->fields[RT_RESPONSE_CONTENT_LENGTH];
    bool is_coded = response->fields[RT_RESPONSE_TRANSFER_ENCODING].data;
    if (length.data != NULL &&
        (is_coded || rt_bytes_to_u64(length, &response->body_bytes) < 0)) {
        return RT_EINVAL;
    }
    bool is_bodiless = response->status < 200 || response->status == 204 ||
                       response->status == 304;
    response->has_end = is_bodiless || length.data != NULL;
    response->body_bytes = is_bodiless ? 0 : response->body_bytes;
    return 0;
}

int rt_http_response_parse(struct rt_bytes head,
                           struct rt_http_response *response)
{
    *response = (struct rt_http_response){0};
    if (head.len < 2 * CRLF_BYTES) {
        return RT_EINVAL;
    }
    struct rt_bytes rest = {head.data, head.len - CRLF_BYTES};
    int err = parse_status_line(take_line(&rest), response);
    while (err == 0 && rest.len > 0) {
        err = parse_field(take_line(&rest), response);
    }
    return err < 0 ? err : find_end(response);
}
