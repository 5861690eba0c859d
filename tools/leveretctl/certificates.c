/* `check_certificate_expiration`: whether a certificate of a listener expires soon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "leveretctl/talk.h"

/* rabbitmq-diagnostics' units: a month has 30 days, a year 365. */
static const struct {
    const char *name;
    long long seconds;
} units[] = {
    {"days", 86400},
    {"weeks", 7 * 86400},
    {"months", 30 * 86400},
    {"years", 365 * 86400},
};

enum { UNITS = sizeof units / sizeof *units };

static const char *unit_of(const struct invocation *i)
{
    return is_given(i, OPTION_UNIT) ? i->values[OPTION_UNIT] : "weeks";
}

static long long within_of(const struct invocation *i)
{
    return is_given(i, OPTION_WITHIN) ? strtoll(i->values[OPTION_WITHIN], NULL, 10) : 4;
}

/* Returns the period in seconds, or -1 if the unit is unknown. */
static long long seconds_within(const struct invocation *i)
{
    for (size_t n = 0; n < UNITS; n++)
        if (strcmp(units[n].name, unit_of(i)) == 0)
            return within_of(i) * units[n].seconds;
    return -1;
}

int certificates_check_unit(const struct invocation *i, const struct command *c)
{
    if (seconds_within(i) >= 0)
        return EXIT_OK;
    return usage_error(i, c, EXIT_USAGE,
                       "unit '%s' is not supported. Please use one of: days, weeks, months, years",
                       unit_of(i));
}

/* Writes "2026-12-24T18:00:00Z". */
static const char *time_text(char text[32], json_int_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

/* Returns the certificates that expire before this time, those that have expired among them. */
static json_t *expiring_before(const json_t *certificates, json_int_t limit_s)
{
    json_t *found = json_array(), *one;
    size_t n;
    json_array_foreach(certificates, n, one)
    {
        char text[32];
        json_int_t at_s = json_integer_value(json_object_get(one, "expires_at"));
        if (at_s > limit_s)
            continue;
        json_object_set_new(one, "expires_on", json_string(time_text(text, at_s)));
        json_array_append(found, one);
    }
    return found;
}

static int say_expiring(const struct invocation *i, json_t *found)
{
    json_t *one;
    size_t n;
    if (i->format == FORMAT_JSON) {
        say_json(json_pack("{s:s, s:o}", "result", "error", "expired", found));
        return EXIT_UNAVAILABLE;
    }
    json_array_foreach(found, n, one)
        say_error(EXIT_UNAVAILABLE, "%s%s (ssl_options.%s) expires on %s: %s",
                  n == 0 ? "Error:\n" : "", json_string_value(json_object_get(one, "path")),
                  json_string_value(json_object_get(one, "key")),
                  json_string_value(json_object_get(one, "expires_on")),
                  json_string_value(json_object_get(one, "subject")));
    json_decref(found);
    return EXIT_UNAVAILABLE;
}

int run_check_certificates(struct invocation *i, const struct command *c)
{
    json_t *facts;
    char done[128];
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &facts);
    if (code != EXIT_OK)
        return code;
    json_int_t limit_s = (json_int_t)time(NULL) + seconds_within(i);
    json_t *found = expiring_before(json_object_get(facts, "certificates"), limit_s);
    json_decref(facts);
    if (json_array_size(found) > 0)
        return say_expiring(i, found);
    json_decref(found);
    const char *unit = unit_of(i);
    int letters = (int)strlen(unit) - (within_of(i) == 1);
    snprintf(done, sizeof done, "No certificates are expiring within %lld %.*s.", within_of(i),
             letters, unit);
    say_done(i, done);
    return EXIT_OK;
}
