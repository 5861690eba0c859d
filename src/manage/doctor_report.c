/* Findings: of each rule the gravest are kept, all are counted. */
#include <stdlib.h>
#include <string.h>

#include "manage/doctor.h"
#include "manage/doctor_private.h"
#include "manage/json_text.h"

/* --- what objects are called ------------------------------------------------------------------ */

static json_t *object_of(const char *kind, struct slice name)
{
    return json_pack("{s:s, s:o}", "kind", kind, "name", json_of_slice(name));
}

static json_t *object_in(const char *kind, struct slice vhost, struct slice name)
{
    return json_pack("{s:s, s:o, s:o}", "kind", kind, "vhost", json_of_slice(vhost), "name",
                     json_of_slice(name));
}

static json_t *object_of_alarm(const struct alarm_look *look)
{
    return object_of("alarm", slice_str(look->name));
}

static json_t *object_of_node(const struct node_look *look)
{
    (void)look;
    return json_pack("{s:s}", "kind", "node"); /* doctor_report_json() adds its name */
}

static json_t *object_of_loop(const struct loop_look *look)
{
    json_t *name = json_sprintf("%u", look->index);
    return json_pack("{s:s, s:o}", "kind", "loop", "name", name);
}

static json_t *object_of_certificate(const struct certificate_look *look)
{
    return object_of("certificate", slice_str(look->path));
}

static json_t *object_of_login(const struct login_look *look)
{
    (void)look;
    return object_of("user", slice_str("guest"));
}

static json_t *object_of_queue(const struct queue_look *look)
{
    return object_in("queue", look->vhost, look->name);
}

static json_t *object_of_exchange(const struct exchange_look *look)
{
    return object_in("exchange", look->vhost, look->name);
}

static json_t *object_of_channel(const struct channel_look *look)
{
    json_t *object = object_in("channel", look->vhost, look->name);
    json_object_set_new(object, "connection", json_of_slice(look->connection));
    return object;
}

static json_t *object_of_consumer(const struct consumer_look *look)
{
    json_t *object = object_in("consumer", look->vhost, look->tag);
    json_object_set_new(object, "queue", json_of_slice(look->queue));
    json_object_set_new(object, "channel", json_of_slice(look->channel));
    json_object_set_new(object, "connection", json_of_slice(look->connection));
    return object;
}

static json_t *object_of_connection(const struct connection_look *look)
{
    return object_in("connection", look->vhost, look->name);
}

/* --- taking findings -------------------------------------------------------------------------- */

static bool is_graver(const struct verdict *v, const struct finding *f)
{
    return v->severity != f->severity ? v->severity > f->severity : v->weight > f->weight;
}

static void finding_free(struct finding *f)
{
    json_decref(f->object);
    json_decref(f->evidence);
}

/* Counts a finding. Returns where it is to be kept, with the others moved up; NULL: it is not among
 * the gravest. */
static struct finding *finding_place(struct doctor_report *r, enum doctor_rule_id id,
                                     const struct verdict *v)
{
    struct rule_findings *rule = &r->rules[id];
    size_t at = rule->kept;
    rule->count++;
    r->counts[v->severity]++;
    while (at > 0 && is_graver(v, &rule->of[at - 1]))
        at--;
    if (at == DOCTOR_FINDINGS_MAX)
        return NULL;
    if (rule->kept == DOCTOR_FINDINGS_MAX)
        finding_free(&rule->of[--rule->kept]);
    memmove(&rule->of[at + 1], &rule->of[at], (rule->kept - at) * sizeof rule->of[0]);
    rule->kept++;
    return &rule->of[at];
}

static void finding_keep(struct finding *f, const struct verdict *v, json_t *object)
{
    *f = (struct finding){.severity = v->severity,
                          .weight = v->weight,
                          .object = object,
                          .evidence = json_of_slice(lv_buffer_slice(&v->evidence))};
}

#define EXAMINE(of)                                                                                \
    static void take_##of(struct doctor_report *r, enum doctor_rule_id id,                         \
                          const struct of##_look *look)                                            \
    {                                                                                              \
        struct verdict v = {.severity = SEVERITY_ADVICE};                                          \
        struct finding *f = NULL;                                                                  \
        if (doctor_rules[id].find.of(look, &v))                                                    \
            f = finding_place(r, id, &v);                                                          \
        if (f)                                                                                     \
            finding_keep(f, &v, object_of_##of(look));                                             \
        lv_buffer_free(&v.evidence);                                                               \
    }                                                                                              \
    void doctor_examine_##of(struct doctor_report *r, const struct of##_look *look)                \
    {                                                                                              \
        for (unsigned id = 0; id < DOCTOR_RULES_COUNT; id++) {                                     \
            if (doctor_rules[id].kind == LOOK_##of)                                                \
                take_##of(r, (enum doctor_rule_id)id, look);                                       \
        }                                                                                          \
    }
DOCTOR_LOOKS(EXAMINE)

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *docs_of(const struct doctor_rule *rule)
{
    return json_sprintf("docs/doctor.md#%s", rule->name);
}

static json_t *rule_json(const struct doctor_rule *rule)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "name", rule->name, "severity",
                     severity_name(rule->severity), "title", rule->title, "sees", rule->sees, "why",
                     rule->why, "remedy", rule->remedy, "docs", docs_of(rule));
}

json_t *doctor_describe_rules(void)
{
    json_t *rules = json_array();
    for (unsigned id = 0; id < DOCTOR_RULES_COUNT; id++)
        json_array_append_new(rules, rule_json(&doctor_rules[id]));
    return rules;
}

static json_t *finding_json(const struct doctor_rule *rule, const struct finding *f,
                            const char *node)
{
    if (rule->kind == LOOK_node)
        json_object_set_new(f->object, "name", json_of_text(node));
    return json_pack("{s:s, s:s, s:s, s:O, s:O, s:s, s:o}", "rule", rule->name, "severity",
                     severity_name(f->severity), "title", rule->title, "object", f->object,
                     "evidence", f->evidence, "remedy", rule->remedy, "docs", docs_of(rule));
}

/* Appends the findings of this severity. */
static void findings_append(json_t *findings, const struct doctor_report *r, enum severity severity,
                            const char *node)
{
    for (unsigned id = 0; id < DOCTOR_RULES_COUNT; id++) {
        const struct rule_findings *rule = &r->rules[id];
        for (size_t i = 0; i < rule->kept; i++) {
            if (rule->of[i].severity == severity)
                json_array_append_new(findings,
                                      finding_json(&doctor_rules[id], &rule->of[i], node));
        }
    }
}

json_t *doctor_report_json(const struct doctor_report *r, const char *node, uint64_t period_s,
                           uint64_t covered_s)
{
    json_t *findings = json_array(), *rules = doctor_describe_rules();
    json_t *report = json_pack("{s:o, s:o, s:o}", "node", json_of_text(node), "period",
                               json_of_u64(period_s), "covered", json_of_u64(covered_s));
    for (unsigned severity = SEVERITIES; severity-- > 0;) {
        json_object_set_new(report, severity_name((enum severity)severity),
                            json_of_u64(r->counts[severity]));
        findings_append(findings, r, (enum severity)severity, node);
    }
    for (unsigned id = 0; id < DOCTOR_RULES_COUNT; id++) {
        json_t *rule = json_array_get(rules, id);
        json_object_set_new(rule, "found", json_of_u64(r->rules[id].count));
        json_object_set_new(rule, "more", json_of_u64(r->rules[id].count - r->rules[id].kept));
    }
    json_object_set_new(report, "findings", findings);
    json_object_set_new(report, "rules", rules);
    return report;
}

void doctor_report_free(struct doctor_report *r)
{
    for (unsigned id = 0; id < DOCTOR_RULES_COUNT; id++) {
        for (size_t i = 0; i < r->rules[id].kept; i++)
            finding_free(&r->rules[id].of[i]);
    }
}
