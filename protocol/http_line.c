#include "protocol/http_line.h"

#include <string.h>

#include "base/error.h"

static int refuse(struct rt_refusal *refusal,
                  enum rt_problem problem,
                  struct rt_bytes subject,
                  const char *detail)
{
    *refusal = (struct rt_refusal){
        .problem = problem, .subject = subject, .detail = detail};
    return RT_EINVAL;
}

/* --- methods --- */

/* RFC 9110, section 5.6.2. */
static bool is_token_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool rt_http_may_begin(struct rt_bytes bytes)
{
    size_t len = 0;
    while (len < bytes.len && len <= RT_HTTP_METHOD_MAX &&
           is_token_byte(bytes.data[len])) {
        len++;
    }
    bool is_method = len > 0 && len <= RT_HTTP_METHOD_MAX &&
                     (len == bytes.len || bytes.data[len] == ' ');
    return is_method || bytes.data[0] == '\r';
}

/* --- versions --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int check_version(struct rt_bytes version, struct rt_refusal *refusal)
{
    struct rt_bytes name = RT_BYTES("HTTP/");
    const char *digits = version.data + name.len;
    if (version.len != name.len + 3 || !rt_bytes_starts_with(version, name) ||
        !is_digit(digits[0]) || digits[1] != '.' || !is_digit(digits[2])) {
        return refuse(refusal, RT_PROBLEM_BAD_REQUEST, version,
                      "the protocol is HTTP/1.1");
    }
    if (digits[0] != '1' || digits[2] > '1') {
        return refuse(refusal, RT_PROBLEM_HTTP_VERSION, version,
                      "the versions are 1.1 and 1.0");
    }
    return 0;
}

/* --- the line --- */

static int refuse_target(struct rt_refusal *refusal)
{
    int err = refuse(refusal, RT_PROBLEM_URI_TOO_LONG, (struct rt_bytes){0},
                     "the target is longer than the limit");
    refusal->limit = RT_HTTP_TARGET_MAX;
    return err;
}

int rt_http_line_check(struct rt_bytes head,
                       struct rt_bytes *method,
                       struct rt_refusal *refusal)
{
    struct rt_bytes line = rt_bytes_split(&head, '\r');
    struct rt_bytes version = line;
    struct rt_bytes first = rt_bytes_split(&version, ' ');
    struct rt_bytes target = rt_bytes_split(&version, ' ');
    if (first.len == 0 || !rt_http_may_begin(line) || target.len == 0 ||
        version.data == NULL) {
        return refuse(refusal, RT_PROBLEM_BAD_REQUEST, line,
                      "a request begins with a method, a target and a version");
    }
    if (target.len > RT_HTTP_TARGET_MAX) {
        return refuse_target(refusal);
    }
    int err = check_version(version, refusal);
    if (err == 0) {
        *method = first;
    }
    return err;
}

/* RFC 9112, section 3: of a target a server must say so; of header fields, RFC
 * 6585, section 5. */
void rt_http_refuse_long(struct rt_bytes head, struct rt_refusal *refusal)
{
    struct rt_bytes words = rt_bytes_split(&head, '\r');
    (void)rt_bytes_split(&words, ' ');
    if (rt_bytes_split(&words, ' ').len > RT_HTTP_TARGET_MAX) {
        (void)refuse_target(refusal);
        return;
    }
    (void)refuse(refusal, RT_PROBLEM_HEAD_TOO_LARGE, (struct rt_bytes){0},
                 NULL);
    refusal->limit = RT_HTTP_HEAD_MAX;
}
