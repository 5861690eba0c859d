/* `status`: facts in rabbitmqctl's order and words, as far as they exist here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leveretctl/talk.h"

static const char *text(const json_t *facts, const char *name)
{
    const char *value = json_string_value(json_object_get(facts, name));
    return value ? value : "";
}

static long long number(const json_t *facts, const char *name)
{
    return (long long)json_integer_value(json_object_get(facts, name));
}

static void title(const char *name)
{
    printf("\n\033[1m%s\033[0m\n\n", name);
}

const char *amount_text(char out[64], long long bytes, const char *unit)
{
    double by = strcmp(unit, "gb") == 0 ? 1e9 : 1e6;
    if (strcmp(unit, "bytes") == 0) {
        snprintf(out, 64, "%lld bytes", bytes);
        return out;
    }
    int n = snprintf(out, 48, "%.4f", (double)bytes / by);
    while (out[n - 1] == '0' && out[n - 2] != '.')
        n--;
    snprintf(out + n, 8, " %s", unit);
    return out;
}

static void print_runtime(const struct invocation *i, const json_t *f)
{
    printf("\033[1mRuntime\033[0m\n\n");
    printf("OS PID: %lld\n", number(f, "pid"));
    printf("OS: %s\n", text(f, "platform"));
    printf("Uptime (seconds): %lld\n", number(f, "uptime"));
    printf("Is under maintenance?: %s\n",
           json_is_true(json_object_get(f, "is_under_maintenance")) ? "true" : "false");
    printf("RabbitMQ version: %s\n", text(f, "version"));
    printf("Leveret version: %s\n", text(f, "leveret_version"));
    printf("Node name: %s\n", i->node);
    printf("Loops: %lld\n", number(f, "loops"));
}

static void print_list(const json_t *list)
{
    if (json_array_size(list) == 0)
        printf("(none)\n");
    const json_t *one;
    size_t n;
    json_array_foreach(list, n, one) printf(" * %s\n", json_string_value(one));
}

static void print_alarms(const struct invocation *i, const json_t *f)
{
    json_t *alarms = alarm_texts(i, f), *alarm;
    size_t n;
    title("Alarms");
    if (json_array_size(alarms) == 0)
        printf("(none)\n");
    json_array_foreach(alarms, n, alarm) printf("%s\n", json_string_value(alarm));
    json_decref(alarms);
}

static void print_memory(const json_t *f, const char *unit)
{
    char used[64], limit[64], set[64];
    const json_t *setting = json_object_get(f, "memory_setting");
    title("Memory");
    printf("Total memory used: %s\n", amount_text(used, number(f, "memory_used"), unit));
    printf("Calculation strategy: rss\n");
    amount_text(limit, number(f, "memory_limit"), unit);
    if (json_is_real(setting))
        printf("Memory high watermark setting: %g of available memory, computed to: %s\n",
               json_real_value(setting), limit);
    else
        printf("Memory high watermark setting: %s, computed to: %s\n",
               amount_text(set, (long long)json_integer_value(setting), unit), limit);
}

static void print_listeners(const json_t *f)
{
    title("Listeners");
    const json_t *one;
    size_t n;
    json_array_foreach(json_object_get(f, "listeners"), n, one) listener_print(stdout, one);
}

static void print_for_people(const struct invocation *i, const json_t *f, const char *unit)
{
    char a[64], b[64];
    print_runtime(i, f);
    title("Data directory");
    printf("Node data directory: %s\n", text(f, "data_directory"));
    title("Config files");
    print_list(json_object_get(f, "config_files"));
    title("Log file(s)");
    print_list(json_object_get(f, "log_files"));
    print_alarms(i, f);
    print_memory(f, unit);
    title("File Descriptors");
    printf("Total: %lld, limit: %lld\n", number(f, "files_used"), number(f, "files_limit"));
    printf("Sockets: %lld, limit: %lld\n", number(f, "sockets_used"), number(f, "sockets_limit"));
    title("Free Disk Space");
    printf("Low free disk space watermark: %s\n",
           amount_text(a, number(f, "disk_free_limit"), unit));
    printf("Free disk space: %s\n", amount_text(b, number(f, "disk_free"), unit));
    title("Totals");
    printf("Connection count: %lld\n", number(f, "connections"));
    printf("Queue count: %lld\n", number(f, "queues"));
    printf("Virtual host count: %lld\n", number(f, "vhosts"));
    print_listeners(f);
}

/* --- JSON, with rabbitmqctl's names ----------------------------------------------------------- */

static void copy(json_t *to, const char *name, const json_t *facts, const char *from)
{
    json_object_set(to, name, json_object_get(facts, from));
}

json_t *alarm_maps(const struct invocation *i, const json_t *status)
{
    json_t *maps = json_array();
    const json_t *name;
    size_t n;
    json_array_foreach(json_object_get(status, "alarms"), n, name)
        json_array_append_new(maps, json_pack("{s:s, s:O, s:s}", "node", i->node, "resource", name,
                                              "type", "resource_limit"));
    return maps;
}

static void print_for_programs(const struct invocation *i, const json_t *f)
{
    json_t *out = json_object();
    json_t *setting = json_object_get(f, "memory_setting");
    json_object_set_new(out, "alarms", alarm_maps(i, f));
    copy(out, "config_files", f, "config_files");
    copy(out, "data_directory", f, "data_directory");
    copy(out, "disk_free", f, "disk_free");
    copy(out, "disk_free_limit", f, "disk_free_limit");
    json_object_set_new(out, "file_descriptors",
                        json_pack("{s:O, s:O, s:O, s:O}", "sockets_limit",
                                  json_object_get(f, "sockets_limit"), "sockets_used",
                                  json_object_get(f, "sockets_used"), "total_limit",
                                  json_object_get(f, "files_limit"), "total_used",
                                  json_object_get(f, "files_used")));
    copy(out, "is_under_maintenance", f, "is_under_maintenance");
    copy(out, "leveret_version", f, "leveret_version");
    json_object_set_new(out, "listeners", listeners_for_programs(i, f));
    copy(out, "log_files", f, "log_files");
    copy(out, "loops", f, "loops");
    json_object_set_new(out, "memory",
                        json_pack("{s:s, s:{s:O}}", "strategy", "rss", "total", "rss",
                                  json_object_get(f, "memory_used")));
    copy(out, "os", f, "platform");
    copy(out, "pid", f, "pid");
    copy(out, "rabbitmq_version", f, "version");
    json_object_set_new(out, "totals",
                        json_pack("{s:O, s:O, s:O}", "virtual_host_count",
                                  json_object_get(f, "vhosts"), "connection_count",
                                  json_object_get(f, "connections"), "queue_count",
                                  json_object_get(f, "queues")));
    copy(out, "uptime", f, "uptime");
    json_object_set_new(out, "vm_memory_calculation_strategy", json_string("rss"));
    copy(out, "vm_memory_high_watermark_limit", f, "memory_limit");
    json_object_set_new(
        out, "vm_memory_high_watermark_setting",
        json_pack("{s:O}", json_is_real(setting) ? "relative" : "absolute", setting));
    say_json(out);
}

const char *status_unit(const struct invocation *i)
{
    return is_given(i, OPTION_UNIT) ? i->values[OPTION_UNIT] : "gb";
}

int status_check_unit(const struct invocation *i, const struct command *c)
{
    const char *unit = status_unit(i);
    if (strcmp(unit, "gb") == 0 || strcmp(unit, "mb") == 0 || strcmp(unit, "bytes") == 0)
        return EXIT_OK;
    return usage_error(i, c, EXIT_USAGE,
                       "unit '%s' is not supported. Please use one of: bytes, mb, gb", unit);
}

void status_print(const struct invocation *i, const json_t *facts)
{
    if (i->format == FORMAT_JSON)
        print_for_programs(i, facts);
    else
        print_for_people(i, facts, status_unit(i));
}
