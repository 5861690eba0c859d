/* management.sample_retention_policies.GROUP.AGE = STEP: samples of the last AGE (minute, hour,
 * day, or a number of seconds) are kept, STEP seconds apart. As in RabbitMQ, "minute" keeps what a
 * chart of the last ten minutes needs. */
#include "leveretd/statistics_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "leveretd/leveretd.h"
#include "manage/process_facts.h"

/* --- retentions ------------------------------------------------------------------------------- */

/* Reads a number of seconds. Returns 0 if the text is not one. */
static uint32_t seconds_read(const char *text)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return 0;
    unsigned long n = strtoul(text, &end, 10);
    return *end == '\0' && n <= 366 * 86400 ? (uint32_t)n : 0;
}

static uint32_t reach_read(const char *name)
{
    if (strcmp(name, "minute") == 0)
        return 600;
    if (strcmp(name, "hour") == 0)
        return 3600;
    return strcmp(name, "day") == 0 ? 86400 : seconds_read(name);
}

static int by_reach(const void *a, const void *b)
{
    const struct retention_level *p = a, *q = b;
    return p->reach_s < q->reach_s ? -1 : p->reach_s > q->reach_s;
}

static void retention_read(const struct config_pairs *pairs, struct retention *ret)
{
    *ret = (struct retention){.count = (unsigned)pairs->count};
    for (size_t i = 0; i < pairs->count; i++)
        ret->levels[i] = (struct retention_level){reach_read(pairs->items[i].name),
                                                  seconds_read(pairs->items[i].value)};
    qsort(ret->levels, ret->count, sizeof ret->levels[0], by_reach);
}

static int retention_check(const struct config *config, enum config_setting setting,
                           const struct config_pairs *pairs, config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        const char *expected = NULL;
        uint32_t reach_s = reach_read(pairs->items[i].name);
        uint32_t step_s = seconds_read(pairs->items[i].value);
        if (reach_s == 0)
            expected = "a key that ends with minute, hour, day or a number of seconds";
        else if (step_s == 0 || step_s > reach_s)
            expected = "a number of seconds from 1 to the age that the key names";
        else if (i >= RETENTION_LEVELS_MAX)
            expected = "at most 4 ages";
        if (!expected)
            continue;
        config_complain_of_entry(config, setting, i, expected, say, arg);
        err = ERR_INVALID;
    }
    return err;
}

int statistics_config_check(const struct config *config, config_say say, void *arg)
{
    int global =
        retention_check(config, CONFIG_retention_global, &config->retention_global, say, arg);
    int basic = retention_check(config, CONFIG_retention_basic, &config->retention_basic, say, arg);
    int detailed =
        retention_check(config, CONFIG_retention_detailed, &config->retention_detailed, say, arg);
    return global < 0 || basic < 0 || detailed < 0 ? ERR_INVALID : 0;
}

void statistics_config_read(const struct config *config, struct statistics_settings *ret)
{
    static const enum rates_mode modes[] = {RATES_BASIC, RATES_DETAILED, RATES_NONE};
    *ret = (struct statistics_settings){
        .interval_ms = (uint32_t)config->collect_statistics_ms,
        .rates_mode = modes[config->rates_mode],
        .is_disabled = config->disables_stats || config->disables_collector,
    };
    retention_read(&config->retention_global, &ret->global);
    retention_read(&config->retention_basic, &ret->basic);
    retention_read(&config->retention_detailed, &ret->detailed);
}

/* --- what the node uses ----------------------------------------------------------------------- */

static void read_node(void *arg, uint64_t *ret)
{
    struct node_facts f = {0};
    struct process_facts process = {0};
    node_facts_gather(arg, &f);
    process_facts_read(&process);
    ret[STATISTIC_mem_used] = f.memory_used_bytes;
    ret[STATISTIC_fd_used] = process.files_used;
    ret[STATISTIC_sockets_used] = process.sockets_used;
    ret[STATISTIC_disk_free] = f.disk_free_bytes;
}

int statistics_open(struct leveretd *d)
{
    struct statistics_settings settings;
    statistics_config_read(d->config, &settings);
    settings.read_node = read_node;
    settings.arg = &d->manage;
    int err = statistics_start(d->loops, d->broker, &settings, &d->manage.statistics);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot start the thread of statistics: %s", lv_error_text(err));
    return EXIT_LISTEN;
}
