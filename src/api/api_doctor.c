/* What is wrong with the broker. */
#include "api/api_private.h"
#include "manage/compute_slots.h"
#include "manage/doctor.h"

static void diagnose(struct api_call *c)
{
    uint64_t period_s;
    struct manage_error error = {0};
    json_t *report;
    if (!api_query_number(c, "period", DOCTOR_PERIOD_S, DOCTOR_PERIOD_S_MAX, &period_s))
        return;
    if (period_s == 0) {
        api_refuse(c, 400, "bad_request", "period must be at least 1");
        return;
    }
    compute_slot_take();
    if (manage_diagnose(c->manage, &c->actor, period_s, &report, &error))
        json_write_tree(&c->json, report);
    else
        api_refuse_as(c, &error);
    manage_error_free(&error);
}

const struct api_route api_doctor_routes[] = {
    {"GET", "/doctor", API_MONITORING, diagnose,
     "Says what is wrong with the broker and with how it is used: findings of rules, each with "
     "evidence and a remedy (docs/doctor.md). period is over how many seconds changes are looked "
     "at: 600 unless given, at most 3600."},
    {NULL},
};
