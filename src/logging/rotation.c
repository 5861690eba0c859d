#include "logging/rotation.h"

#include <time.h>

#include "base/digits.h"

/* Takes a letter and the number behind it off the text. */
static bool take_part(struct slice *text, char letter, int from, int to, int *ret)
{
    uint64_t n;
    struct slice rest = *text;
    if (rest.n < 2 || rest.p[0] != letter)
        return false;
    rest = slice_of(rest.p + 1, rest.n - 1);
    if (!lv_digits_take(&rest, &n) || n < (uint64_t)from || n > (uint64_t)to)
        return false;
    *ret = (int)n;
    *text = rest;
    return true;
}

bool rotation_date_parse(const char *notation, struct rotation_date *ret)
{
    struct rotation_date date = {ROTATION_NEVER};
    struct slice text = slice_str(notation);
    if (text.n > 0 && text.p[0] != '$')
        return false;
    if (text.n > 0)
        text = slice_of(text.p + 1, text.n - 1);
    if (take_part(&text, 'H', 0, 59, &date.minute))
        date.period = ROTATION_HOURLY;
    else if (take_part(&text, 'D', 0, 23, &date.hour))
        date.period = ROTATION_DAILY;
    else if (take_part(&text, 'W', 0, 6, &date.week_day))
        date.period = ROTATION_WEEKLY;
    else if (take_part(&text, 'M', 1, 31, &date.day))
        date.period = ROTATION_MONTHLY;
    else if (notation[0] != '\0')
        return false;
    if (date.period >= ROTATION_WEEKLY)
        take_part(&text, 'D', 0, 23, &date.hour);
    if (text.n > 0)
        return false;
    *ret = date;
    return true;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 1 && is_leap ? 29 : days[month];
}

/* Returns the time of rotation in the `step`-th period from that of `now`. */
static time_t candidate(const struct rotation_date *date, const struct tm *now, int step)
{
    struct tm t = {.tm_year = now->tm_year,
                   .tm_mon = now->tm_mon,
                   .tm_mday = now->tm_mday,
                   .tm_hour = date->hour,
                   .tm_isdst = -1};
    switch (date->period) {
    case ROTATION_HOURLY:
        t.tm_hour = now->tm_hour + step;
        t.tm_min = date->minute;
        t.tm_isdst = step == 0 ? now->tm_isdst : -1; /* an hour that comes twice */
        break;
    case ROTATION_WEEKLY: t.tm_mday += date->week_day - now->tm_wday + 7 * step; break;
    case ROTATION_MONTHLY: {
        int month = now->tm_mon + step;
        t.tm_year += month / 12;
        t.tm_mon = month % 12;
        int days = days_of_month(t.tm_year + 1900, t.tm_mon);
        t.tm_mday = date->day < days ? date->day : days;
        break;
    }
    default: t.tm_mday += step;
    }
    return mktime(&t);
}

int64_t rotation_next_us(const struct rotation_date *date, int64_t from_us)
{
    struct tm now;
    time_t from = (time_t)(from_us / 1000000), next;
    if (date->period == ROTATION_NEVER)
        return INT64_MAX;
    localtime_r(&from, &now);
    int step = 0;
    do
        next = candidate(date, &now, step++);
    while (next <= from);
    return (int64_t)next * 1000000;
}
