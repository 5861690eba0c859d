/* `doctor`: what is wrong with the broker. A report is for people, unless it is asked for in
 * another format: in JSON it is that of GET /api/doctor; in the others the findings are rows. */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_int_t number_in(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* --- for people ------------------------------------------------------------------------------- */

/* "queue 'orders' in vhost '/'" */
static void print_object(const json_t *object)
{
    printf("%s '%s'", text_in(object, "kind"), text_in(object, "name"));
    if (json_object_get(object, "vhost"))
        printf(" in vhost '%s'", text_in(object, "vhost"));
}

static void print_finding(const json_t *finding)
{
    printf("%s  %s\n    ", text_in(finding, "severity"), text_in(finding, "rule"));
    print_object(json_object_get(finding, "object"));
    printf("\n    %s\n    Remedy: %s\n\n", text_in(finding, "evidence"),
           text_in(finding, "remedy"));
}

/* Prints of which rules there are more findings than are shown. */
static void print_more(const json_t *rules)
{
    const json_t *rule;
    size_t n;
    json_array_foreach(rules, n, rule) if (number_in(rule, "more") > 0)
        printf("%s: and %lld more\n", text_in(rule, "name"), (long long)number_in(rule, "more"));
}

static void print_sum(const json_t *report)
{
    long long rules = (long long)json_array_size(json_object_get(report, "rules"));
    long long covered = (long long)number_in(report, "covered");
    if (json_array_size(json_object_get(report, "findings")) == 0)
        printf("%lld rules looked at the last %lld seconds: nothing is wrong\n", rules, covered);
    else
        printf("%lld rules looked at the last %lld seconds: %lld critical, %lld warning, %lld "
               "advice\n",
               rules, covered, (long long)number_in(report, "critical"),
               (long long)number_in(report, "warning"), (long long)number_in(report, "advice"));
}

static void print_report(const json_t *report)
{
    const json_t *finding;
    size_t n;
    json_array_foreach(json_object_get(report, "findings"), n, finding) print_finding(finding);
    print_more(json_object_get(report, "rules"));
    print_sum(report);
}

/* --- as a listing ----------------------------------------------------------------------------- */

static void list_finding(struct listing *l, const json_t *finding)
{
    const json_t *object = json_object_get(finding, "object");
    json_t *row =
        json_pack("[s, s, s, s, s, s, s]", text_in(finding, "severity"), text_in(finding, "rule"),
                  text_in(object, "kind"), text_in(object, "vhost"), text_in(object, "name"),
                  text_in(finding, "evidence"), text_in(finding, "remedy"));
    listing_row(l, row);
    json_decref(row);
}

static void list_findings(const struct invocation *i, const json_t *report)
{
    struct listing l = {
        .format = i->format,
        .out = stdout,
        .columns = {"severity", "rule", "kind", "vhost", "name", "evidence", "remedy"},
        .column_count = 7,
        .has_headers = !is_given(i, OPTION_SILENT),
    };
    const json_t *finding;
    size_t n;
    listing_begin(&l);
    json_array_foreach(json_object_get(report, "findings"), n, finding) list_finding(&l, finding);
    listing_end(&l);
    json_decref(l.kept);
}

int run_doctor(struct invocation *i, const struct command *c)
{
    json_t *answer;
    int code = broker_ask(i, c, command_banner(i, c), request_create(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_t *report = json_object_get(answer, "doctor");
    if (number_in(report, "critical") > 0)
        code = EXIT_UNAVAILABLE;
    if (i->format == FORMAT_JSON)
        say_json(json_incref(report));
    else if (i->format == FORMAT_TABLE)
        print_report(report);
    else
        list_findings(i, report);
    json_decref(answer);
    return code;
}
