/* The table of rules, and the report. */
#include "migrate/check_rules.h"

const struct migration_rule migration_rules[MIGRATION_RULES_COUNT] = {
#define RULE_ROW(name, severity, what, instead, remedy)                                            \
    {#name, MIGRATION_##severity, what, instead, remedy, migration_rule_##name},
    MIGRATION_RULES(RULE_ROW)
#undef RULE_ROW
};

static const char *const severity_names[MIGRATION_SEVERITIES] = {"blocks", "differs", "note"};

/* Appends the rule's finding to `findings`, if it finds something. Returns whether it does. */
static bool rule_run(const struct migration_rule *rule, const json_t *source, json_t *findings)
{
    struct places places = {0};
    rule->find(source, &places);
    if (places.count == 0)
        return false;
    json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:I, s:o, s:s, s:s}", "severity",
                                              severity_names[rule->severity], "rule", rule->name,
                                              "what", rule->what, "count", (json_int_t)places.count,
                                              "where", places.names ? places.names : json_array(),
                                              "instead", rule->instead, "remedy", rule->remedy));
    return true;
}

static json_t *describe_source(const json_t *source)
{
    const json_t *overview = json_object_get(source, "overview");
    return json_pack("{s:s, s:s, s:s, s:I}", "product", text_of_member(overview, "product_name"),
                     "version", text_of_member(overview, "rabbitmq_version"), "node",
                     text_of_member(overview, "node"), "nodes",
                     (json_int_t)json_array_size(json_object_get(source, "nodes")));
}

json_t *migration_report(const json_t *source)
{
    static const char *const totals[MIGRATION_SEVERITIES] = {"blocks", "differs", "notes"};
    json_t *report = json_pack("{s:o, s:[]}", "source", describe_source(source), "findings");
    json_t *findings = json_object_get(report, "findings");
    for (int severity = 0; severity < MIGRATION_SEVERITIES; severity++) {
        json_int_t count = 0;
        for (int i = 0; i < MIGRATION_RULES_COUNT; i++)
            if (migration_rules[i].severity == (enum migration_severity)severity)
                count += rule_run(&migration_rules[i], source, findings);
        json_object_set_new(report, totals[severity], json_integer(count));
    }
    json_object_set_new(report, "rules", json_integer(MIGRATION_RULES_COUNT));
    return report;
}
