/* The table of the doctor's rules, and what they share. */
#include "manage/doctor_rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const struct doctor_rule doctor_rules[DOCTOR_RULES_COUNT] = {
#define RULE_ROW(name, kind, severity, title, sees, why, remedy)                                   \
    {#name,                                                                                        \
     LOOK_##kind,                                                                                  \
     SEVERITY_##severity,                                                                          \
     title,                                                                                        \
     sees,                                                                                         \
     why,                                                                                          \
     remedy,                                                                                       \
     .find.kind = doctor_rule_##name},
    DOCTOR_RULES(RULE_ROW)
#undef RULE_ROW
};

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {"advice", "warning", "critical"};
    return names[severity];
}

const char *doctor_number(char space[DOCTOR_TEXT_BYTES], uint64_t n)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            space[at++] = ',';
        space[at++] = digits[i];
    }
    space[at] = '\0';
    return space;
}

const char *doctor_count(char space[DOCTOR_TEXT_BYTES], uint64_t n, const char *noun)
{
    char number[DOCTOR_TEXT_BYTES];
    snprintf(space, DOCTOR_TEXT_BYTES, "%.30s %.30s%s", doctor_number(number, n), noun,
             n == 1 ? "" : "s");
    return space;
}

const char *doctor_time(char space[DOCTOR_TEXT_BYTES], uint64_t s)
{
    static const struct {
        uint64_t s;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    unsigned i = 0;
    while (i < 3 && s < 2 * units[i].s)
        i++;
    uint64_t n = s / units[i].s;
    snprintf(space, DOCTOR_TEXT_BYTES, "%" PRIu64 " %s%s", n, units[i].name, n == 1 ? "" : "s");
    return space;
}

bool doctor_find(struct verdict *ret, enum severity severity, uint64_t weight, const char *format,
                 ...)
{
    va_list args;
    ret->severity = severity;
    ret->weight = weight;
    va_start(args, format);
    lv_buffer_vprintf(&ret->evidence, format, args);
    va_end(args);
    return true;
}
