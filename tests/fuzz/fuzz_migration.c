/* Any JSON as what a RabbitMQ says of itself: a report is made of it that is valid JSON. */
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <stdlib.h>

#include "base/assert.h"
#include "migrate/check_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *source = json_loadb((const char *)bytes, n, JSON_ALLOW_NUL, NULL);
    if (!source)
        return 0;
    json_t *report = migration_report(source);
    const json_t *findings = json_object_get(report, "findings"), *finding;
    size_t i;
    json_array_foreach(findings, i, finding)
    {
        size_t named = json_array_size(json_object_get(finding, "where"));
        lv_assert(named <= PLACES_NAMED_MAX);
        lv_assert(json_integer_value(json_object_get(finding, "count")) >= (json_int_t)named);
    }
    char *text = json_dumps(report, 0);
    lv_assert(text);
    free(text);
    json_decref(report);
    json_decref(source);
    return 0;
}
