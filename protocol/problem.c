#include "protocol/problem.h"

#include "base/check.h"

/* RFC 6455, section 7.4: registered by IANA, and for private use. */
#define CLOSE_TRY_AGAIN_LATER 1013
#define CLOSE_OWN             4000

/* Of a parameter's name, at most this much is shown in a close frame. */
#define PARAMETER_MAX 64

static const struct {
    uint16_t status;
    const char *slug;
    const char *title;
} problems[RT_PROBLEM_COUNT] = {
#define X(name, status, slug, title) \
    [RT_PROBLEM_##name] = {status, slug, title},
    RT_PROBLEM_MAP(X)
#undef X
};

uint16_t rt_problem_status(enum rt_problem problem)
{
    RT_CHECK(problem < RT_PROBLEM_COUNT);
    return problems[problem].status;
}

const char *rt_problem_slug(enum rt_problem problem)
{
    RT_CHECK(problem < RT_PROBLEM_COUNT);
    return problems[problem].slug;
}

bool rt_problem_may_pass(enum rt_problem problem)
{
    uint16_t status = rt_problem_status(problem);
    return status == 503 || status == 507;
}

uint16_t rt_problem_close_code(enum rt_problem problem)
{
    return rt_problem_may_pass(problem)
               ? CLOSE_TRY_AGAIN_LATER
               : (uint16_t)(CLOSE_OWN + rt_problem_status(problem));
}

void rt_problem_reason_write(struct rt_writer *writer,
                             const struct rt_refusal *refusal)
{
    struct rt_bytes name = refusal->subject;
    rt_write_bytes(writer, rt_bytes_of(rt_problem_slug(refusal->problem)));
    if (refusal->problem == RT_PROBLEM_BAD_PARAMETER) {
        name.len = name.len > PARAMETER_MAX ? PARAMETER_MAX : name.len;
        RT_WRITE(writer, "; parameter=");
        rt_write_bytes(writer, name);
    }
}

static void write_detail(struct rt_writer *writer,
                         const struct rt_refusal *refusal)
{
    struct rt_bytes subject = refusal->subject;
    RT_WRITE(writer, ",\"detail\":\"");
    if (subject.len > 0) {
        bool is_cut = subject.len > RT_SUBJECT_MAX;
        subject.len = is_cut ? RT_SUBJECT_MAX : subject.len;
        rt_write_json_escaped(writer, subject);
        rt_write_bytes(writer, is_cut ? RT_BYTES("...: ") : RT_BYTES(": "));
    }
    rt_write_json_escaped(writer, rt_bytes_of(refusal->detail));
    RT_WRITE(writer, "\"");
}

static void write_cursors(struct rt_writer *writer,
                          const struct rt_refusal *refusal)
{
    RT_WRITE(writer, ",\"earliest\":\"");
    rt_cursor_write(writer, refusal->earliest);
    RT_WRITE(writer, "\",\"latest\":\"");
    rt_cursor_write(writer, refusal->latest);
    RT_WRITE(writer, "\"");
}

void rt_problem_write(struct rt_writer *writer,
                      const struct rt_refusal *refusal)
{
    uint16_t status = rt_problem_status(refusal->problem);
    RT_WRITE(writer, "{\"type\":\"urn:ringtail:problem:");
    rt_write_bytes(writer, rt_bytes_of(rt_problem_slug(refusal->problem)));
    RT_WRITE(writer, "\",\"title\":\"");
    rt_write_bytes(writer, rt_bytes_of(problems[refusal->problem].title));
    RT_WRITE(writer, "\",\"status\":");
    rt_write_u64(writer, status);
    if (refusal->detail != NULL) {
        write_detail(writer, refusal);
    }
    if (refusal->limit > 0) {
        RT_WRITE(writer, ",\"limit\":");
        rt_write_u64(writer, refusal->limit);
    }
    if (refusal->has_index) {
        RT_WRITE(writer, ",\"index\":");
        rt_write_u64(writer, refusal->index);
    }
    if (refusal->has_cursors) {
        write_cursors(writer, refusal);
    }
    if (rt_problem_may_pass(refusal->problem)) {
        RT_WRITE(writer, ",\"retry_after\":");
        rt_write_u64(writer, RT_RETRY_AFTER_S);
    }
    RT_WRITE(writer, "}\n");
}
