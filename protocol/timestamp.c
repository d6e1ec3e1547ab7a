#include "protocol/timestamp.h"

#include "base/error.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    INT64_C(86400000)

struct date {
    int64_t year;
    int64_t month; /* from 1 */
    int64_t day;   /* from 1 */
};

/* What a timestamp says, not yet moved to UTC. */
struct reading {
    struct date date;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t ms;
    int64_t offset_minutes; /* east of UTC */
};

/*
 * Days from 1970-01-01 to a date in the Gregorian calendar, and back. Years are
 * counted from March, so that the leap day comes last, in eras of 400 years,
 * after which the calendar repeats. From Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", days_from_civil and civil_from_days:
 * https://howardhinnant.github.io/date_algorithms.html
 */
#define ERA_DAYS     146097
#define CENTURY_DAYS 36524  /* without the leap day of its last year */
#define CYCLE_DAYS   1460   /* 4 years, without the leap day */
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static int64_t era_of(int64_t number, int64_t length)
{
    return (number >= 0 ? number : number - (length - 1)) / length;
}

static int64_t days_from_date(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = era_of(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - DAYS_TO_1970;
}

static struct date date_from_days(int64_t days)
{
    days += DAYS_TO_1970;
    int64_t era = era_of(days, ERA_DAYS);
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t leap_days = day_of_era / CYCLE_DAYS - day_of_era / CENTURY_DAYS +
                        day_of_era / (ERA_DAYS - 1);
    int64_t year_of_era = (day_of_era - leap_days) / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    int64_t month = (month_from_march + 2) % 12 + 1;
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    return (struct date){year, month, day};
}

/* A day has one date: one that is not on the calendar comes back changed. */
static bool is_on_calendar(struct date date)
{
    struct date same = date_from_days(days_from_date(date));
    return same.year == date.year && same.month == date.month &&
           same.day == date.day;
}

static bool take_char(struct rt_bytes *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c) {
        return false;
    }
    rest->data++;
    rest->len--;
    return true;
}

/* Exactly `count` digits. */
static bool take_number(struct rt_bytes *rest, size_t count, int64_t *value)
{
    uint64_t number = 0;
    if (rest->len < count ||
        rt_bytes_to_u64((struct rt_bytes){rest->data, count}, &number) < 0) {
        return false;
    }
    rest->data += count;
    rest->len -= count;
    *value = (int64_t)number;
    return true;
}

static bool take_date(struct rt_bytes *rest, struct date *date)
{
    return take_number(rest, 4, &date->year) && take_char(rest, '-') &&
           take_number(rest, 2, &date->month) && take_char(rest, '-') &&
           take_number(rest, 2, &date->day) && is_on_calendar(*date);
}

/* Digits beyond the third weigh nothing: the fraction is cut, not rounded. */
static bool take_fraction(struct rt_bytes *rest, int64_t *ms)
{
    *ms = 0;
    if (!take_char(rest, '.')) {
        return true;
    }
    int64_t digit = 0;
    if (!take_number(rest, 1, &digit)) {
        return false;
    }
    int64_t weight = 100;
    do {
        *ms += digit * weight;
        weight /= 10;
    } while (take_number(rest, 1, &digit));
    return true;
}

static bool take_time(struct rt_bytes *rest, struct reading *reading)
{
    return take_number(rest, 2, &reading->hour) && take_char(rest, ':') &&
           take_number(rest, 2, &reading->minute) && take_char(rest, ':') &&
           take_number(rest, 2, &reading->second) &&
           take_fraction(rest, &reading->ms) && reading->hour <= 23 &&
           reading->minute <= 59 && reading->second <= 60;
}

static bool take_offset(struct rt_bytes *rest, int64_t *offset_minutes)
{
    if (take_char(rest, 'Z') || take_char(rest, 'z')) {
        *offset_minutes = 0;
        return true;
    }
    bool is_west = take_char(rest, '-');
    int64_t hours = 0;
    int64_t minutes = 0;
    if ((!is_west && !take_char(rest, '+')) || !take_number(rest, 2, &hours) ||
        !take_char(rest, ':') || !take_number(rest, 2, &minutes) ||
        hours > 23 || minutes > 59) {
        return false;
    }
    int64_t offset = hours * 60 + minutes;
    *offset_minutes = is_west ? -offset : offset;
    return true;
}

static bool take_reading(struct rt_bytes *rest, struct reading *reading)
{
    return take_date(rest, &reading->date) &&
           (take_char(rest, 'T') || take_char(rest, 't')) &&
           take_time(rest, reading) &&
           take_offset(rest, &reading->offset_minutes);
}

/* The start of the minute in UTC; negative before 1970. */
static int64_t minute_of(const struct reading *reading)
{
    int64_t minutes = reading->hour * 60 + reading->minute;
    return days_from_date(reading->date) * DAY_MS +
           (minutes - reading->offset_minutes) * MINUTE_MS;
}

/* Leap seconds are put at the end of a month (ITU-R TF.460, annex 1). */
static bool is_end_of_month(int64_t moment)
{
    return moment % DAY_MS == 0 && date_from_days(moment / DAY_MS).day == 1;
}

int rt_timestamp_parse(struct rt_bytes text, uint64_t *wall_ms)
{
    struct reading reading;
    if (!take_reading(&text, &reading) || text.len > 0) {
        return RT_EINVAL;
    }
    int64_t minute = minute_of(&reading);
    int64_t moment = minute + reading.second * 1000 + reading.ms;
    if (reading.second == 60) {
        if (!is_end_of_month(minute + MINUTE_MS)) {
            return RT_EINVAL;
        }
        moment = minute + MINUTE_MS - 1;
    }
    if (moment < 0 || moment > (int64_t)RT_TIMESTAMP_MS_MAX) {
        return RT_ERANGE;
    }
    *wall_ms = (uint64_t)moment;
    return 0;
}

static void write_padded(struct rt_writer *writer, int64_t value, int digits)
{
    char text[4];
    for (int i = digits - 1; i >= 0; i--) {
        text[i] = (char)('0' + value % 10);
        value /= 10;
    }
    rt_write_bytes(writer, (struct rt_bytes){text, (size_t)digits});
}

/* The name at an index in a string of names of three letters each. */
static void
write_name(struct rt_writer *writer, const char *names, int64_t index)
{
    rt_write_bytes(writer, (struct rt_bytes){names + 3 * index, 3});
}

/* 1970-01-01, day 0, was a Thursday. */
static void write_date(struct rt_writer *writer, int64_t days)
{
    struct date date = date_from_days(days);
    write_name(writer, "ThuFriSatSunMonTueWed", days % 7);
    RT_WRITE(writer, ", ");
    write_padded(writer, date.day, 2);
    RT_WRITE(writer, " ");
    write_name(writer, "JanFebMarAprMayJunJulAugSepOctNovDec", date.month - 1);
    RT_WRITE(writer, " ");
    write_padded(writer, date.year, 4);
}

static void write_time_of_day(struct rt_writer *writer, int64_t seconds)
{
    write_padded(writer, seconds / 3600, 2);
    RT_WRITE(writer, ":");
    write_padded(writer, seconds / 60 % 60, 2);
    RT_WRITE(writer, ":");
    write_padded(writer, seconds % 60, 2);
}

void rt_http_date_write(struct rt_writer *writer, uint64_t wall_ms)
{
    uint64_t clamped =
        wall_ms < RT_TIMESTAMP_MS_MAX ? wall_ms : RT_TIMESTAMP_MS_MAX;
    int64_t moment = (int64_t)clamped;
    write_date(writer, moment / DAY_MS);
    RT_WRITE(writer, " ");
    write_time_of_day(writer, moment % DAY_MS / 1000);
    RT_WRITE(writer, " GMT");
}
