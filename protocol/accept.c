#include "protocol/accept.h"

/* A quality of 1, in thousandths: it has three digits behind its point. */
#define QUALITY_MAX    1000
#define QUALITY_DIGITS 3

/* How precisely a range means a media type. */
enum precision {
    NOT_MEANT,
    BY_ANY,  /* star, slash, star */
    BY_TYPE, /* its type, slash, star */
    BY_NAME,
};

struct preference {
    enum precision precision; /* of the most precise range so far */
    unsigned quality;         /* in thousandths, as that range says */
};

/* What stands before a parameter's semicolon, or all of it. */
static struct rt_bytes take_part(struct rt_bytes *rest)
{
    return rt_bytes_trim(rt_bytes_split(rest, ';'));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `0`, `1`, or with a point and up to three digits: no more than 1. */
static unsigned parse_quality(struct rt_bytes text)
{
    unsigned quality = 0;
    unsigned weight = QUALITY_MAX;
    if (text.len == 0 || text.len > 2 + QUALITY_DIGITS ||
        (text.len > 1 && text.data[1] != '.')) {
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1) {
            continue; /* the point */
        }
        if (!is_digit(text.data[i])) {
            return 0;
        }
        quality += (unsigned)(text.data[i] - '0') * weight;
        weight /= 10;
    }
    return quality <= QUALITY_MAX ? quality : 0;
}

static unsigned quality_of(struct rt_bytes parameters)
{
    while (parameters.data != NULL) {
        struct rt_bytes value = take_part(&parameters);
        struct rt_bytes name = rt_bytes_split(&value, '=');
        if (rt_bytes_equal_nocase(name, RT_BYTES("q"))) {
            return parse_quality(value);
        }
    }
    return QUALITY_MAX;
}

static enum precision precision_of(struct rt_bytes range,
                                   struct rt_bytes name,
                                   struct rt_bytes any_of_type)
{
    if (rt_bytes_equal_nocase(range, name)) {
        return BY_NAME;
    }
    if (rt_bytes_equal_nocase(range, any_of_type)) {
        return BY_TYPE;
    }
    return rt_bytes_equal(range, RT_BYTES("*/*")) ? BY_ANY : NOT_MEANT;
}

static void consider(struct preference *preference,
                     enum precision precision,
                     unsigned quality)
{
    if (precision > preference->precision) {
        *preference = (struct preference){precision, quality};
    }
}

/* What is said of a media type. */
static struct preference preference_of(struct rt_bytes accept,
                                       struct rt_bytes name,
                                       struct rt_bytes any_of_type)
{
    struct preference preference = {0};
    while (accept.data != NULL) {
        struct rt_bytes parameters = rt_bytes_split(&accept, ',');
        struct rt_bytes range = take_part(&parameters);
        consider(&preference, precision_of(range, name, any_of_type),
                 quality_of(parameters));
    }
    return preference;
}

static bool is_rather(struct preference one, struct preference other)
{
    return one.quality > other.quality ||
           (one.quality > 0 && one.quality == other.quality &&
            one.precision > other.precision);
}

enum rt_format rt_accept_format(struct rt_bytes accept)
{
    struct preference sse = preference_of(accept, RT_BYTES("text/event-stream"),
                                          RT_BYTES("text/*"));
    struct preference ndjson = preference_of(
        accept, RT_BYTES("application/x-ndjson"), RT_BYTES("application/*"));
    return is_rather(sse, ndjson) ? RT_FORMAT_SSE : RT_FORMAT_NDJSON;
}

bool rt_accept_has_lines(struct rt_bytes accept)
{
    struct preference lines = preference_of(
        accept, RT_BYTES("application/x-ndjson"), RT_BYTES("application/*"));
    struct preference json = preference_of(accept, RT_BYTES("application/json"),
                                           RT_BYTES("application/*"));
    return is_rather(lines, json);
}
