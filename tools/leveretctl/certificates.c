/* `check_certificate_expiration`: whether a certificate of a listener expires soon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "leveretctl/talk.h"

static const char *unit_of(const struct invocation *i)
{
    return is_given(i, OPTION_UNIT) ? i->values[OPTION_UNIT] : "weeks";
}

static long long within_of(const struct invocation *i)
{
    return is_given(i, OPTION_WITHIN) ? strtoll(i->values[OPTION_WITHIN], NULL, 10) : 4;
}

int certificates_check_unit(const struct invocation *i, const struct command *c)
{
    static const char *const units[] = {"days", "weeks", "months", "years"};
    for (size_t n = 0; n < sizeof units / sizeof *units; n++)
        if (strcmp(units[n], unit_of(i)) == 0)
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

static int say_expiring(const struct invocation *i, const json_t *health)
{
    const json_t *one, *found = json_object_get(health, "certificates");
    char when[32];
    size_t n;
    if (i->format == FORMAT_JSON) {
        print_json(stderr, json_pack("{s:s, s:O, s:O}", "result", "error", "expired",
                                     json_object_get(health, "expired"), "certificates", found));
        return EXIT_UNAVAILABLE;
    }
    json_array_foreach(found, n, one)
        say_error(EXIT_UNAVAILABLE, "%s%s (%s.%s) expires on %s: %s", n == 0 ? "Error:\n" : "",
                  json_string_value(json_object_get(one, "path")),
                  json_string_value(json_object_get(one, "group")),
                  json_string_value(json_object_get(one, "key")),
                  time_text(when, json_integer_value(json_object_get(one, "expires_at"))),
                  json_string_value(json_object_get(one, "subject")));
    return EXIT_UNAVAILABLE;
}

int certificates_add_period(const struct invocation *i, const struct command *c, json_t *request)
{
    (void)c;
    json_object_set_new(request, "within", json_sprintf("%lld", within_of(i)));
    json_object_set_new(request, "unit", json_string(unit_of(i)));
    return EXIT_OK;
}

int run_check_certificates(struct invocation *i, const struct command *c)
{
    json_t *health;
    char done[128];
    int code = health_ask(i, c, &health);
    if (code != EXIT_OK)
        return code;
    if (!health_is_ok(health))
        code = say_expiring(i, health);
    json_decref(health);
    if (code != EXIT_OK)
        return code;
    const char *unit = unit_of(i);
    int letters = (int)strlen(unit) - (within_of(i) == 1);
    snprintf(done, sizeof done, "No certificates are expiring within %lld %.*s.", within_of(i),
             letters, unit);
    say_done(i, done);
    return EXIT_OK;
}
