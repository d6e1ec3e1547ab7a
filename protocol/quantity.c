#include "protocol/quantity.h"

#include "base/error.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit time_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", UINT64_C(60) * 1000},
    {"h", UINT64_C(60) * 60 * 1000},
    {"d", UINT64_C(24) * 60 * 60 * 1000},
};

static const struct unit size_units[] = {
    {"", 1},
    {"KiB", 1 << 10},
    {"MiB", 1 << 20},
    {"GiB", 1 << 30},
};

/* The factor of a unit, or 0 if there is no such unit. */
static uint64_t
factor_of(struct rt_bytes name, const struct unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rt_bytes_equal(name, rt_bytes_of(units[i].name))) {
            return units[i].factor;
        }
    }
    return 0;
}

/* The leading digits; what follows them is the unit. */
static struct rt_bytes take_digits(struct rt_bytes *rest)
{
    struct rt_bytes digits = {rest->data, 0};
    while (rest->len > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
        digits.len++;
        rest->data++;
        rest->len--;
    }
    return digits;
}

/* `count` is the length of `units`. */
static int parse(struct rt_bytes text,
                 const struct unit *units,
                 size_t count,
                 uint64_t max,
                 uint64_t *value)
{
    struct rt_bytes digits = take_digits(&text);
    uint64_t factor = factor_of(text, units, count);
    if (factor == 0) {
        return RT_EINVAL;
    }
    uint64_t number = 0;
    int err = rt_count_parse(digits, &number);
    if (err < 0) {
        return err;
    }
    if (number > max / factor) {
        return RT_ERANGE;
    }
    *value = number * factor;
    return 0;
}

int rt_duration_parse(struct rt_bytes text, uint64_t *ms)
{
    return parse(text, time_units, RT_ARRAY_LENGTH(time_units),
                 RT_DURATION_MS_MAX, ms);
}

void rt_duration_write(struct rt_writer *writer, uint64_t ms)
{
    size_t i = RT_ARRAY_LENGTH(time_units) - 1;
    while (ms % time_units[i].factor != 0) {
        i--;
    }
    rt_write_u64(writer, ms / time_units[i].factor);
    rt_write_bytes(writer, rt_bytes_of(time_units[i].name));
}

int rt_size_parse(struct rt_bytes text, uint64_t *bytes)
{
    return parse(text, size_units, RT_ARRAY_LENGTH(size_units), UINT64_MAX,
                 bytes);
}

int rt_count_parse(struct rt_bytes text, uint64_t *count)
{
    uint64_t number = 0;
    int err = rt_bytes_to_u64(text, &number);
    if (err < 0) {
        return err;
    }
    if (number == 0) {
        return RT_EINVAL;
    }
    *count = number;
    return 0;
}
