/* The options: their defaults, and their values from text. */
#include <string.h>

#include "base/check.h"
#include "protocol/ack.h"
#include "protocol/quantity.h"
#include "ringtail/ringtail.h"

static const struct ringtail_option options[] = {
#define X(kind, name, value, help) {RINGTAIL_OPTION_##kind, #name, value, help},
    RINGTAIL_CONFIG_MAP(X)
#undef X
};

static const size_t members[] = {
#define X(kind, name, value, help) offsetof(struct ringtail_config, name),
    RINGTAIL_CONFIG_MAP(X)
#undef X
};

const struct ringtail_option *ringtail_option_at(size_t index)
{
    return index < RT_ARRAY_LENGTH(options) ? &options[index] : NULL;
}

_Static_assert((int)RINGTAIL_ACK_AUTO == (int)RT_ACK_UNSAID &&
                   (int)RINGTAIL_ACK_MEMORY == (int)RT_ACK_MEMORY &&
                   (int)RINGTAIL_ACK_DISK == (int)RT_ACK_DISK,
               "inside they have the same numbers");

/* What an option may be set to. */
union value {
    uint64_t number;
    const char *text;
};

static size_t size_of(enum ringtail_option_kind kind)
{
    return kind == RINGTAIL_OPTION_TEXT ? sizeof(const char *)
                                        : sizeof(uint64_t);
}

static int parse_flag(struct rt_bytes text, uint64_t *value)
{
    if (rt_bytes_to_u64(text, value) < 0 || *value > 1) {
        return RINGTAIL_EVALUE;
    }
    return 0;
}

static int parse_ack(struct rt_bytes text, uint64_t *value)
{
    enum rt_ack ack = RT_ACK_UNSAID;
    bool is_auto = rt_bytes_equal(text, RT_BYTES("auto"));
    if (!is_auto && (rt_ack_parse(text, &ack) < 0 || ack > RT_ACK_DISK)) {
        return RINGTAIL_EVALUE;
    }
    *value = (uint64_t)ack;
    return 0;
}

static int parse_limit(enum ringtail_option_kind kind,
                       struct rt_bytes text,
                       uint64_t *value)
{
    if (rt_bytes_equal(text, RT_BYTES("unlimited"))) {
        *value = RINGTAIL_UNLIMITED;
        return 0;
    }
    int err = kind == RINGTAIL_OPTION_SIZE ? rt_size_parse(text, value)
              : kind == RINGTAIL_OPTION_DURATION
                  ? rt_duration_parse(text, value)
                  : rt_count_parse(text, value);
    return err < 0 ? RINGTAIL_EVALUE : 0;
}

static int
parse(enum ringtail_option_kind kind, const char *text, union value *value)
{
    if (kind == RINGTAIL_OPTION_TEXT) {
        value->text = *text != '\0' ? text : NULL;
        return 0;
    }
    if (kind == RINGTAIL_OPTION_ACK) {
        return parse_ack(rt_bytes_of(text), &value->number);
    }
    return kind == RINGTAIL_OPTION_FLAG
               ? parse_flag(rt_bytes_of(text), &value->number)
               : parse_limit(kind, rt_bytes_of(text), &value->number);
}

static bool has_name(const struct ringtail_option *option, const char *name)
{
    const char *at = option->name;
    for (; *at != '\0' && *name != '\0'; at++, name++) {
        char given = *name;
        if ((given == '-' ? '_' : given) != *at) {
            return false;
        }
    }
    return *at == *name;
}

const struct ringtail_option *ringtail_option_find(const char *name)
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(options); i++) {
        if (has_name(&options[i], name)) {
            return &options[i];
        }
    }
    return NULL;
}

/* Whether the caller's struct has the member: it may be an older one's. */
static bool has_member(const struct ringtail_config *config,
                       const struct ringtail_option *option)
{
    return members[option - options] + size_of(option->kind) <= config->size;
}

int ringtail_config_set(struct ringtail_config *config,
                        const char *name,
                        const char *text)
{
    const struct ringtail_option *option = ringtail_option_find(name);
    union value value;
    if (option == NULL || !has_member(config, option)) {
        return RINGTAIL_ENAME;
    }
    int err = parse(option->kind, text, &value);
    if (err == 0) {
        memcpy((char *)config + members[option - options], &value,
               size_of(option->kind));
    }
    return err;
}

void ringtail_config_init_sized(struct ringtail_config *config, size_t size)
{
    struct ringtail_config defaults = {.size = sizeof(defaults),
                                       .mailbox_bytes = RINGTAIL_MAILBOX_BYTES};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(options); i++) {
        RT_CHECK(ringtail_config_set(&defaults, options[i].name,
                                     options[i].value) == 0);
    }
    defaults.size = size < sizeof(defaults) ? size : sizeof(defaults);
    memcpy(config, &defaults, defaults.size);
}
