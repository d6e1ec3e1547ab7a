#include "protocol/http_parser.h"

#include <llhttp.h>
#include <string.h>

#include "base/error.h"
#include "protocol/http_line.h"
#include "protocol/target.h"

/* One call's view of the world, for llhttp's callbacks. */
struct rt_http_parse {
    struct rt_http_request *request;
    struct rt_refusal *refusal;
    struct rt_bytes method;
    struct rt_bytes name;
    struct rt_bytes value;
    unsigned field_count;
    bool says_close; /* what the Connection fields say */
    bool says_keep_alive;
    bool says_upgrade;
    rt_http_data_fn on_data;
    void *context;
    const char *framing; /* what is before it was data or has been checked */
    int err;
};

static llhttp_t *llhttp_of(struct rt_http_parser *parser)
{
    _Static_assert(sizeof(llhttp_t) <= sizeof(parser->llhttp),
                   "llhttp_t has outgrown its room");
    return (llhttp_t *)(void *)parser->llhttp;
}

static struct rt_http_parser *parser_of(llhttp_t *llhttp)
{
    return llhttp->data;
}

static struct rt_http_parse *parse_of(llhttp_t *llhttp)
{
    return parser_of(llhttp)->parse;
}

static int refuse(struct rt_http_parse *parse,
                  enum rt_problem problem,
                  struct rt_bytes subject,
                  const char *detail)
{
    *parse->refusal = (struct rt_refusal){
        .problem = problem, .subject = subject, .detail = detail};
    parse->err = RT_EINVAL;
    return -1;
}

/* --- the raw lines of a head --- */

static bool is_line_whole(const char *line, const char *lf, const char *end)
{
    const char *line_end = lf != NULL ? lf : end;
    const char *cr = memchr(line, '\r', (size_t)(line_end - line));
    if (lf != NULL) {
        return cr == lf - 1;
    }
    return cr == NULL || cr == end - 1;
}

ssize_t rt_http_head_length(struct rt_bytes bytes, size_t *scanned)
{
    const char *line = bytes.data + *scanned;
    const char *end = bytes.data + bytes.len;
    while (line < end) {
        const char *lf = memchr(line, '\n', (size_t)(end - line));
        if (!is_line_whole(line, lf, end)) {
            return RT_EINVAL;
        }
        if (line > bytes.data && (*line == ' ' || *line == '\t')) {
            return RT_EINVAL; /* obs-fold: RFC 9112, section 5.2 */
        }
        if (lf == NULL) {
            break;
        }
        bool is_empty = lf == line + 1;
        line = lf + 1;
        if (is_empty) {
            return line - bytes.data;
        }
    }
    *scanned = (size_t)(line - bytes.data);
    return 0;
}

/* --- header fields --- */

static const struct {
    struct rt_bytes name;
    bool is_list;
} known_fields[RT_HTTP_FIELD_COUNT] = {
#define X(name, text, is_list) \
    [RT_HTTP_##name] = {{text, sizeof(text) - 1}, is_list},
    RT_HTTP_FIELD_MAP(X)
#undef X
};

/* Nearly all clients write names as the table does, so that is tried first. */
static int find_field(struct rt_bytes name)
{
    for (int i = 0; i < RT_HTTP_FIELD_COUNT; i++) {
        if (name.len == known_fields[i].name.len &&
            (rt_bytes_equal(name, known_fields[i].name) ||
             rt_bytes_equal_nocase(name, known_fields[i].name))) {
            return i;
        }
    }
    return RT_HTTP_FIELD_COUNT;
}

static bool list_has(struct rt_bytes list, struct rt_bytes wanted)
{
    while (list.data != NULL) {
        struct rt_bytes item = rt_bytes_trim(rt_bytes_split(&list, ','));
        if (rt_bytes_equal_nocase(item, wanted)) {
            return true;
        }
    }
    return false;
}

/* Not left to llhttp, which takes no tab between the options and listens to
 * Proxy-Connection as well. */
static void note_connection(struct rt_http_parse *parse, struct rt_bytes value)
{
    parse->says_close |= list_has(value, RT_BYTES("close"));
    parse->says_keep_alive |= list_has(value, RT_BYTES("keep-alive"));
    parse->says_upgrade |= list_has(value, RT_BYTES("upgrade"));
}

static int note_field(struct rt_http_parse *parse)
{
    struct rt_http_request *request = parse->request;
    struct rt_bytes value = rt_bytes_trim(parse->value);
    int field = find_field(parse->name);
    if (field == RT_HTTP_FIELD_COUNT) {
        return 0;
    }
    if (field == RT_HTTP_CONNECTION) {
        note_connection(parse, value);
    } else if (field == RT_HTTP_PREFER) {
        request->prefers_minimal |= list_has(value, RT_BYTES("return=minimal"));
    } else if (field == RT_HTTP_UPGRADE) {
        request->asks_upgrade |= list_has(value, RT_BYTES("websocket"));
    }
    if (request->fields[field].data == NULL) {
        request->fields[field] = value;
        return 0;
    }
    if (known_fields[field].is_list) {
        return 0;
    }
    return refuse(parse, RT_PROBLEM_BAD_REQUEST, parse->name,
                  "this header field may stand only once");
}

/* A field of the head stays as it was read; in a trailer it is an attempt to
 * say otherwise (RFC 9110, section 6.5.1). Its name may come in pieces. */
static void
note_trailer(struct rt_http_parser *parser, const char *at, size_t len)
{
    size_t room = sizeof(parser->trailer) - parser->trailer_len;
    size_t taken = len < room ? len : room;
    memcpy(parser->trailer + parser->trailer_len, at, taken);
    parser->trailer_len += (uint8_t)taken;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    parse_of(llhttp)->request->target = (struct rt_bytes){at, len};
    return 0;
}

/* Trailers of a chunked body come here as well, in pieces that may be empty. */
static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct rt_http_parse *parse = parse_of(llhttp);
    if (parse->request == NULL) {
        note_trailer(parser_of(llhttp), at, len);
        return 0;
    }
    if (len == 0) {
        return refuse(parse, RT_PROBLEM_BAD_REQUEST, (struct rt_bytes){0},
                      "a header field has no name");
    }
    parse->name = (struct rt_bytes){at, len};
    parse->value = (struct rt_bytes){at, 0};
    return 0;
}

static int on_header_field_complete(llhttp_t *llhttp)
{
    struct rt_http_parser *parser = parser_of(llhttp);
    struct rt_http_parse *parse = parse_of(llhttp);
    struct rt_bytes name = {parser->trailer, parser->trailer_len};
    parser->trailer_len = 0;
    if (parse->request == NULL && find_field(name) != RT_HTTP_FIELD_COUNT) {
        parse->err = RT_EINVAL;
        return -1;
    }
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
    parse_of(llhttp)->value = (struct rt_bytes){at, len};
    return 0;
}

static int on_header_value_complete(llhttp_t *llhttp)
{
    struct rt_http_parse *parse = parse_of(llhttp);
    if (parse->request == NULL) {
        return 0;
    }
    if (++parse->field_count > RT_HTTP_FIELDS_MAX) {
        (void)refuse(parse, RT_PROBLEM_HEAD_TOO_LARGE, (struct rt_bytes){0},
                     "there are more header fields than the limit");
        parse->refusal->limit = RT_HTTP_FIELDS_MAX;
        return -1;
    }
    return note_field(parse);
}

/* --- bodies --- */

/* Chunk headers and trailers, too, have lines that end in CRLF, and that begin
 * neither with the colon of a field without a name nor with a fold. */
static bool may_follow(uint8_t last_byte, char c)
{
    bool begins_line = c != ':' && c != ' ' && c != '\t';
    return (c == '\n') == (last_byte == '\r') &&
           (begins_line || last_byte != '\n');
}

static int
check_framing(struct rt_http_parser *parser, const char *from, const char *to)
{
    for (const char *at = from; at < to; at++) {
        if (!may_follow(parser->last_byte, *at)) {
            return RT_EINVAL;
        }
        parser->last_byte = (uint8_t)*at;
    }
    parser->framing_bytes += (uint64_t)(to - from);
    uint64_t allowed =
        RT_HTTP_FRAMING_MAX + parser->body_bytes * RT_HTTP_FRAMING_PER_BYTE;
    return parser->framing_bytes > allowed ? RT_EINVAL : 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct rt_http_parser *parser = parser_of(llhttp);
    struct rt_http_parse *parse = parse_of(llhttp);
    parse->err = check_framing(parser, parse->framing, at);
    if (parse->err < 0) {
        return -1;
    }
    parser->body_bytes += len;
    parse->framing = at + len;
    parse->err = parse->on_data(parse->context, (struct rt_bytes){at, len});
    return parse->err < 0 ? -1 : 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED; /* before llhttp could stop for an upgrade */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

int rt_http_parse_chunked(struct rt_http_parser *parser,
                          struct rt_bytes bytes,
                          rt_http_data_fn on_data,
                          void *context,
                          size_t *consumed)
{
    struct rt_http_parse parse = {
        .on_data = on_data, .context = context, .framing = bytes.data};
    llhttp_t *llhttp = llhttp_of(parser);
    parser->parse = &parse;
    llhttp_errno_t result = llhttp_execute(llhttp, bytes.data, bytes.len);
    parser->parse = NULL;
    if (result != HPE_OK && result != HPE_PAUSED) {
        return parse.err < 0 ? parse.err : RT_EINVAL;
    }
    const char *end = bytes.data + bytes.len;
    if (result == HPE_PAUSED) {
        end = llhttp_get_error_pos(llhttp);
    }
    *consumed = (size_t)(end - bytes.data);
    if (check_framing(parser, parse.framing, end) < 0) {
        return RT_EINVAL;
    }
    return result == HPE_PAUSED ? 1 : 0;
}

/* --- what the head as a whole must be --- */

static int check_host(struct rt_http_parse *parse)
{
    struct rt_bytes host = parse->request->fields[RT_HTTP_HOST];
    if (host.data == NULL) {
        return parse->request->is_http10
                   ? 0
                   : refuse(parse, RT_PROBLEM_BAD_REQUEST, RT_BYTES("Host"),
                            "this header field is missing");
    }
    return rt_is_authority(host)
               ? 0
               : refuse(parse, RT_PROBLEM_BAD_REQUEST, RT_BYTES("Host"),
                        "that is not a host and a port");
}

/* Some read it as an octal number. */
static bool has_leading_zero(struct rt_bytes number)
{
    return number.len > 1 && number.data[0] == '0';
}

/* RFC 9112, section 6: exactly one of two ways to say how long a body is. */
static int check_length(struct rt_http_parse *parse)
{
    struct rt_http_request *request = parse->request;
    struct rt_bytes coding = request->fields[RT_HTTP_TRANSFER_ENCODING];
    struct rt_bytes length = request->fields[RT_HTTP_CONTENT_LENGTH];
    request->is_chunked = coding.data != NULL;
    request->has_content_length = length.data != NULL;
    if (request->is_chunked) {
        if (request->has_content_length || request->is_http10 ||
            !rt_bytes_equal_nocase(coding, RT_BYTES("chunked"))) {
            return refuse(parse, RT_PROBLEM_BAD_REQUEST,
                          RT_BYTES("Transfer-Encoding"),
                          "it is chunked, on HTTP/1.1, without a length");
        }
    } else if (request->has_content_length &&
               (has_leading_zero(length) ||
                rt_bytes_to_u64(length, &request->content_length) < 0)) {
        return refuse(parse, RT_PROBLEM_BAD_REQUEST, RT_BYTES("Content-Length"),
                      "that is not a length");
    }
    return 0;
}

static int check_expect(struct rt_http_parse *parse)
{
    struct rt_bytes expect = parse->request->fields[RT_HTTP_EXPECT];
    if (expect.data == NULL) {
        return 0;
    }
    if (!rt_bytes_equal_nocase(expect, RT_BYTES("100-continue"))) {
        return refuse(parse, RT_PROBLEM_EXPECTATION_FAILED, expect,
                      "the only expectation is 100-continue");
    }
    /* RFC 9110, section 10.1.1: not for HTTP/1.0. */
    parse->request->expects_continue = !parse->request->is_http10;
    return 0;
}

static enum rt_http_method method_of(const llhttp_t *llhttp)
{
    switch (llhttp->method) {
    case HTTP_GET:
        return RT_HTTP_GET;
    case HTTP_HEAD:
        return RT_HTTP_HEAD;
    case HTTP_POST:
        return RT_HTTP_POST;
    case HTTP_PUT:
        return RT_HTTP_PUT;
    case HTTP_DELETE:
        return RT_HTTP_DELETE;
    case HTTP_OPTIONS:
        return RT_HTTP_OPTIONS;
    case HTTP_TRACE:
        return RT_HTTP_TRACE;
    default:
        return RT_HTTP_OTHER;
    }
}

/* RFC 9112, section 9.3, and RFC 9110, section 7.8. */
static void decide_connection(struct rt_http_parse *parse)
{
    struct rt_http_request *request = parse->request;
    request->keep_alive =
        !parse->says_close && (parse->says_keep_alive || !request->is_http10);
    request->asks_upgrade = request->asks_upgrade && parse->says_upgrade &&
                            request->method == RT_HTTP_GET &&
                            !request->is_http10;
}

static bool is_known_method(struct rt_bytes method)
{
    static const struct rt_bytes methods[] = {
#define X(number, name, text) {#text, sizeof(#text) - 1},
        HTTP_METHOD_MAP(X)
#undef X
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(methods); i++) {
        if (rt_bytes_equal(method, methods[i])) {
            return true;
        }
    }
    return false;
}

/* A method that is unknown is no mistake: RFC 9110, section 9.1. */
static void refuse_as_llhttp(struct rt_http_parse *parse, const char *reason)
{
    if (is_known_method(parse->method)) {
        (void)refuse(parse, RT_PROBLEM_BAD_REQUEST, (struct rt_bytes){0},
                     reason);
    } else {
        (void)refuse(parse, RT_PROBLEM_NOT_IMPLEMENTED, parse->method,
                     "that is no method known here");
    }
}

static int run_head(struct rt_http_parser *parser,
                    struct rt_http_parse *parse,
                    struct rt_bytes head)
{
    llhttp_t *llhttp = llhttp_of(parser);
    parser->parse = parse;
    llhttp_errno_t result = llhttp_execute(llhttp, head.data, head.len);
    parser->parse = NULL;
    bool is_whole = result == HPE_OK || result == HPE_PAUSED;
    if (is_whole && llhttp->method == HTTP_CONNECT) {
        /* What follows may be in another protocol. */
        return refuse(parse, RT_PROBLEM_BAD_REQUEST, RT_BYTES("CONNECT"),
                      "the broker is no proxy");
    }
    if (is_whole && parse->err == 0) {
        parse->request->method = method_of(llhttp);
        parse->request->is_http10 = llhttp->http_minor == 0;
        decide_connection(parse);
        return 0;
    }
    if (parse->err == 0) {
        refuse_as_llhttp(parse, llhttp_get_error_reason(llhttp));
    }
    return RT_EINVAL;
}

int rt_http_parse_head(struct rt_http_parser *parser,
                       struct rt_bytes head,
                       struct rt_http_request *request,
                       struct rt_refusal *refusal)
{
    struct rt_http_parse parse = {.request = request, .refusal = refusal};
    *request = (struct rt_http_request){0};
    llhttp_t *llhttp = llhttp_of(parser);
    llhttp_init(llhttp, HTTP_REQUEST, &settings);
    llhttp->data = parser;
    parser->framing_bytes = 0;
    parser->body_bytes = 0;
    parser->last_byte = 0;
    parser->trailer_len = 0;
    if (rt_http_line_check(head, &parse.method, refusal) < 0 ||
        run_head(parser, &parse, head) < 0 || check_host(&parse) < 0 ||
        check_length(&parse) < 0 || check_expect(&parse) < 0) {
        return RT_EINVAL;
    }
    return 0;
}
