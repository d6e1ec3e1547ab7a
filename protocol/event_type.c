#include "protocol/event_type.h"

#include <string.h>

#include "base/error.h"

_Static_assert(RT_EVENT_TYPE_BYTES_MAX == 64, "a reason below says it");

static bool is_type_byte(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= '0' && c <= '9')) {
        return true;
    }
    return c != '\0' && strchr("!#$%&'*+-.^_`|~/:", c) != NULL;
}

static bool is_all_type_bytes(struct rt_bytes type)
{
    for (size_t i = 0; i < type.len; i++) {
        if (!is_type_byte(type.data[i])) {
            return false;
        }
    }
    return true;
}

/* Also in other letters: what looks like the broker's own misleads. */
static bool is_reserved(struct rt_bytes type)
{
    static const struct rt_bytes own = {"ringtail.", 9};
    return type.len >= own.len &&
           rt_bytes_equal_nocase((struct rt_bytes){type.data, own.len}, own);
}

int rt_event_type_check(struct rt_bytes type, const char **reason)
{
    const char *fault = NULL;
    if (type.len == 0) {
        fault = "a type is not empty";
    } else if (type.len > RT_EVENT_TYPE_BYTES_MAX) {
        fault = "a type has at most 64 bytes";
    } else if (!is_all_type_bytes(type)) {
        fault = "a type has only letters, digits and !#$%&'*+-.^_`|~/:";
    } else if (is_reserved(type)) {
        fault = "types that begin with ringtail. are the broker's own";
    }
    if (fault == NULL) {
        return 0;
    }
    *reason = fault;
    return RT_EINVAL;
}
