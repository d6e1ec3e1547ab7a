#include "broker/net/authorize.h"

#include "base/error.h"
#include "broker/net/route.h"

#define CHALLENGE "WWW-Authenticate: Bearer realm=\"ringtail\""

bool rt_verdict_allows(enum rt_verdict verdict,
                       struct rt_bytes topic,
                       struct rt_refusal *refusal)
{
    switch (verdict) {
    case RT_VERDICT_ALLOWED:
        return true;
    case RT_VERDICT_UNAUTHORIZED:
        *refusal = (struct rt_refusal){.problem = RT_PROBLEM_UNAUTHORIZED};
        break;
    case RT_VERDICT_LATE:
        *refusal = (struct rt_refusal){
            .problem = RT_PROBLEM_AUTHORIZATION_TIMEOUT,
            .subject = topic,
            .detail = "whoever decides this has not answered"};
        break;
    default:
        *refusal = (struct rt_refusal){.problem = RT_PROBLEM_FORBIDDEN,
                                       .subject = topic,
                                       .detail = "this topic is not for you"};
    }
    return false;
}

/* RFC 6750, section 3: with no token, no reason is told. */
static void refuse_unknown(struct rt_http_session *session,
                           struct rt_bytes token,
                           struct rt_refusal *refusal)
{
    struct rt_bytes scheme = {token.data, token.len < 7 ? token.len : 7};
    if (rt_bytes_equal_nocase(scheme, RT_BYTES("Bearer "))) {
        refusal->detail = "the token is not valid";
        rt_http_refuse(session, refusal,
                       RT_BYTES(CHALLENGE ", error=\"invalid_token\"\r\n"));
    } else {
        rt_http_refuse(session, refusal, RT_BYTES(CHALLENGE "\r\n"));
    }
}

static int apply(struct rt_http_session *session,
                 const struct rt_asked *asked,
                 enum rt_verdict verdict)
{
    struct rt_refusal refusal;
    if (verdict == RT_VERDICT_NONE) {
        return RT_EAGAIN;
    }
    if (rt_verdict_allows(verdict, asked->topic, &refusal)) {
        return 0;
    }
    if (verdict == RT_VERDICT_UNAUTHORIZED) {
        refuse_unknown(session, asked->authorization, &refusal);
    } else {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
    }
    return RT_EINVAL;
}

struct rt_asked rt_authorize_asked_of(enum ringtail_action action,
                                      const struct rt_http_request *request,
                                      const struct rt_target *target)
{
    return (struct rt_asked){
        .action = action,
        .query = {target->has_query ? target->query.data : NULL,
                  target->query.len},
        .authorization = request->fields[RT_HTTP_AUTHORIZATION],
        .cookie = request->fields[RT_HTTP_COOKIE],
        .origin = request->fields[RT_HTTP_ORIGIN]};
}

int rt_authorize_asked(struct rt_http_session *session,
                       const struct rt_asked *asked)
{
    enum rt_verdict verdict;
    if (rt_http_session_server(session)->options.authorize == NULL) {
        return 0;
    }
    if (rt_ask(&session->asker, session->connection, asked, &verdict) < 0) {
        rt_http_refuse_for_memory(session);
        return RT_EINVAL;
    }
    return apply(session, asked, verdict);
}

int rt_authorize(struct rt_http_session *session,
                 enum ringtail_action action,
                 const struct rt_http_request *request,
                 const struct rt_target *target)
{
    const struct rt_exchange *exchange = &session->exchange;
    struct rt_asked asked = rt_authorize_asked_of(action, request, target);
    asked.topic = (struct rt_bytes){exchange->topic, exchange->topic_len};
    return rt_authorize_asked(session, &asked);
}
