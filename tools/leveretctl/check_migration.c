/* `check_migration`: what a running RabbitMQ uses that Leveret does not have, or does differently.
 * The module leveret_migrate.so reads it and has the rules. What only this machine knows is added
 * here: how much disk is free, and, if a broker runs, what it would refuse to import. No broker is
 * needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "leveretctl/migration.h"
#include "leveretctl/talk.h"
#include "leveretctl/terminal.h"
#include "leveretctl/upload.h"

/* --- this machine ----------------------------------------------------------------------------- */

static void add_disk_free(struct invocation *i, json_t *source)
{
    struct statvfs disk;
    broker_locate(i);
    if (statvfs(i->data_dir, &disk) == 0)
        json_object_set_new(source, "data_disk_free",
                            json_integer((json_int_t)disk.f_bavail * (json_int_t)disk.f_frsize));
}

/* Returns the lines of a text as a list, which the caller owns. */
static json_t *lines_of(const char *text)
{
    json_t *lines = json_array();
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > 0)
            json_array_append_new(lines, json_stringn(text, n));
        text += n + (text[n] == '\n');
    }
    return lines;
}

/* Returns what an import was refused for as a list, which the caller owns. */
static json_t *faults_of(const json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *text = json_string_value(json_object_get(answer, "text"));
    return lines_of(error && text ? text : "");
}

/* Asks the broker of this machine, if one runs, what it would refuse of the definitions. */
static void add_faults(struct invocation *i, json_t *source)
{
    json_t *answer = NULL;
    char *text = json_dumps(json_object_get(source, "definitions"), JSON_COMPACT);
    json_t *request = json_pack("{s:s, s:b}", "command", "import_definitions", "dry_run", true);
    if (text && broker_open(i, timeout_ms_of(i)) == 0) {
        if (upload_and_ask(&i->ask, slice_of(text, strlen(text)), request, &answer) == 0)
            json_object_set_new(source, "local", json_pack("{s:o}", "faults", faults_of(answer)));
    } else {
        json_decref(request);
    }
    json_decref(answer);
    free(text);
}

/* --- what is printed -------------------------------------------------------------------------- */

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static long long number_in(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static void add_places(struct lv_buffer *out, const json_t *finding)
{
    const json_t *where = json_object_get(finding, "where"), *place;
    long long more = number_in(finding, "count") - (long long)json_array_size(where);
    size_t n;
    json_array_foreach(where, n, place) lv_buffer_printf(out, "    %s\n", json_string_value(place));
    if (more > 0)
        lv_buffer_printf(out, "    and %lld more\n", more);
}

static void add_finding(struct lv_buffer *out, const json_t *finding)
{
    lv_buffer_printf(out, "%s  %s\n  %s: %lld\n", text_in(finding, "severity"),
                     text_in(finding, "rule"), text_in(finding, "what"),
                     number_in(finding, "count"));
    add_places(out, finding);
    lv_buffer_printf(out, "  Leveret %s.\n  To do: %s\n\n", text_in(finding, "instead"),
                     text_in(finding, "remedy"));
}

static void add_sum(struct lv_buffer *out, const json_t *report, bool has_local)
{
    if (!has_local)
        lv_buffer_printf(out, "No broker was asked whether it would import the definitions: none "
                              "runs on this machine, or it is not yours.\n");
    lv_buffer_printf(out, "%lld rules. Blocks: %lld, differs: %lld, notes: %lld\n",
                     number_in(report, "rules"), number_in(report, "blocks"),
                     number_in(report, "differs"), number_in(report, "notes"));
}

static void print_report(const json_t *report, bool has_local)
{
    struct lv_buffer out = {0};
    const json_t *source = json_object_get(report, "source"), *finding;
    size_t n;
    lv_buffer_printf(&out, "%s %s, node %s\n\n", text_in(source, "product"),
                     text_in(source, "version"), text_in(source, "node"));
    json_array_foreach(json_object_get(report, "findings"), n, finding) add_finding(&out, finding);
    add_sum(&out, report, has_local);
    terminal_escape_for(stdout, &out, 0, TERMINAL_LINES);
    fwrite(out.p, 1, out.n, stdout);
    lv_buffer_free(&out);
}

static void list_finding(struct listing *l, const json_t *finding)
{
    struct lv_buffer where = {0};
    const json_t *place;
    size_t n;
    json_array_foreach(json_object_get(finding, "where"), n, place)
        lv_buffer_printf(&where, "%s%s", n ? "; " : "", json_string_value(place));
    json_t *row =
        json_pack("[s, s, s, I, s, s, s]", text_in(finding, "severity"), text_in(finding, "rule"),
                  text_in(finding, "what"), (json_int_t)number_in(finding, "count"),
                  text_of(&where), text_in(finding, "instead"), text_in(finding, "remedy"));
    listing_row(l, row);
    json_decref(row);
    lv_buffer_free(&where);
}

static void list_findings(const struct invocation *i, const json_t *report)
{
    struct listing l = {
        .format = i->format,
        .out = stdout,
        .columns = {"severity", "rule", "what", "count", "where", "instead", "remedy"},
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

/* Takes the report. Returns the exit code. */
static int say_report(const struct invocation *i, json_t *report, bool has_local)
{
    int code = number_in(report, "blocks") > 0 ? EXIT_UNAVAILABLE : EXIT_OK;
    if (i->format == FORMAT_TABLE)
        print_report(report, has_local);
    else if (i->format != FORMAT_JSON)
        list_findings(i, report);
    if (i->format == FORMAT_JSON)
        say_json(report);
    else
        json_decref(report);
    return code;
}

int run_check_migration(struct invocation *i, const struct command *c)
{
    const struct migrate_module *module;
    struct lv_buffer reason = {0};
    json_t *source = NULL;
    int code = migration_load(&module);
    if (code != EXIT_OK)
        return code;
    say_banner(i, command_banner(i, c));
    const struct migrate_api api = {
        .url = i->arguments[0],
        .ca_file = i->values[OPTION_CACERT],
        .timeout_ms = timeout_ms_of(i) > 0 ? timeout_ms_of(i) : 1, /* --timeout 0: no time at all */
    };
    if (module->read(&api, &source, &reason) != 0)
        code = say_error(EXIT_UNAVAILABLE, "Cannot read RabbitMQ's HTTP API: %s", text_of(&reason));
    lv_buffer_free(&reason);
    if (code != EXIT_OK)
        return code;
    add_disk_free(i, source);
    add_faults(i, source);
    code = say_report(i, module->check(source), json_object_get(source, "local") != NULL);
    json_decref(source);
    return code;
}
