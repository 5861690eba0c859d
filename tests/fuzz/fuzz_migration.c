/* Any JSON as what a RabbitMQ says of itself: a report is made of it, what is to be moved is worked
 * out, and where its exchanges lead; all that is valid JSON. It is also read as why a request is
 * refused. */
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <stdlib.h>

#include "base/assert.h"
#include "migrate/carried.h"
#include "migrate/check_rules.h"
#include "migrate/refusal.h"
#include "migrate/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_valid(json_t *json)
{
    char *text = json_dumps(json, 0);
    lv_assert(text);
    free(text);
    json_decref(json);
}

static void work_out_what_is_moved(const json_t *source)
{
    json_t *passwordless = json_array();
    json_t *all = routes_of_vhosts(source), *exchange;
    const char *vhost, *name;
    json_t *routes;
    check_valid(carried_definitions(source, NULL));
    check_valid(carried_definitions(source, "/"));
    check_valid(carried_queues(json_object_get(source, "queues"), NULL, "o*[a-z]"));
    if (json_is_object(json_object_get(source, "definitions")))
        check_valid(
            carried_back(json_object_get(source, "definitions"), source, NULL, passwordless));
    check_valid(passwordless);
    json_object_foreach(all, vhost, routes)
    {
        json_object_foreach(routes, name, exchange)
            routes_lead_only_to(routes, slice_str(name), slice_str("order.created"), "orders");
    }
    check_valid(all);
}

static void read_refusal(struct slice body)
{
    struct lv_buffer text = {0};
    refusal_put(body, &text);
    lv_buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    read_refusal(slice_of(bytes, n));
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
    check_valid(report);
    work_out_what_is_moved(source);
    json_decref(source);
    return 0;
}
