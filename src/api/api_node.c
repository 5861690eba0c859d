/* The node. There is one. */
#include <stdio.h>
#include <stdlib.h>

#include "api/api_private.h"
#include "api/fields.h"
#include "api/node_trees.h"
#include "base/memory.h"
#include "broker/broker.h"
#include "manage/json_text.h"
#include "manage/node.h"
#include "manage/node_memory.h"
#include "manage/process_facts.h"

struct api_node_facts {
    struct node_facts node;
    struct process_facts process;
    struct statistics_answer answer;
    const struct statistics_answer *statistics;
    char os_pid[24];
    json_t *applications, *auth_mechanisms, *config_files, *contexts, *enabled_plugins,
        *exchange_types, *log_files, *loops; /* owned */
    json_t *memory;                          /* owned; NULL: not asked for */
    double sync_ms; /* that a sync of the log took lately, on average; below 0: there was none */
};

#define F struct api_node_facts
#define COLUMN_OF(field) node_field_##field
API_NODE_FIELDS(FIELD_VALUE)
static const struct column node_fields[] = {API_NODE_FIELDS(FIELD_ROW) COLUMNS_END};

static void facts_free(void *facts)
{
    struct api_node_facts *f = facts;
    statistics_answer_free(&f->answer);
    json_decref(f->applications);
    json_decref(f->auth_mechanisms);
    json_decref(f->config_files);
    json_decref(f->contexts);
    json_decref(f->enabled_plugins);
    json_decref(f->exchange_types);
    json_decref(f->log_files);
    json_decref(f->loops);
    json_decref(f->memory);
    free(f);
}

/* --- lately ----------------------------------------------------------------------------------- */

/* The time over which a loop's work and the log's syncs are told. */
enum { LATELY_MS = 20 * 1000 };

/* Returns an object for each loop: which part of the time it was busy; null if that is not known
 * yet. The caller holds the statistics' lock. */
static json_t *tree_of_loops(struct manage *m)
{
    json_t *loops = json_array();
    for (unsigned i = 0; i < loops_count(m->loops); i++) {
        struct statistics_span span;
        bool is_known = statistics_loop_span(m->statistics, i, LATELY_MS, &span) && span.ms > 0;
        double busy_ms = is_known ? (double)statistics_rise(&span, STATISTIC_turn_us) / 1000 : 0;
        double share = is_known ? busy_ms / (double)span.ms : 0;
        json_t *busy = is_known ? json_real(share < 1 ? share : 1) : json_null();
        json_array_append_new(loops, json_pack("{s:o}", "busy", busy));
    }
    return loops;
}

/* Returns how long a sync of the log took, or -1. The caller holds the statistics' lock. */
static double sync_ms(struct manage *m)
{
    struct statistics_span span;
    if (!statistics_node_span(m->statistics, LATELY_MS, &span))
        return -1;
    uint64_t syncs = statistics_rise(&span, STATISTIC_log_syncs);
    uint64_t us = statistics_rise(&span, STATISTIC_log_sync_us);
    return syncs > 0 ? (double)us / (double)syncs / 1000 : -1;
}

static void gather_lately(struct manage *m, struct api_node_facts *f)
{
    statistics_lock(m->statistics);
    f->loops = tree_of_loops(m);
    f->sync_ms = sync_ms(m);
    statistics_unlock(m->statistics);
}

/* Gathers the facts, with the samples of c->range. */
static struct api_node_facts *facts_create(struct api_call *c)
{
    struct manage *m = c->manage;
    struct api_node_facts *f = lv_calloc(1, sizeof *f);
    statistics_node(m->statistics, &c->range, &f->answer);
    f->statistics = &f->answer;
    node_facts_gather(m, &f->node);
    process_facts_read(&f->process);
    snprintf(f->os_pid, sizeof f->os_pid, "%llu", (unsigned long long)f->node.pid);
    f->applications = tree_of_applications(m);
    f->auth_mechanisms = tree_of_auth_mechanisms(m);
    f->config_files = tree_of_config_files(f->node.config_files, f->node.config_file_count);
    f->contexts = tree_of_contexts(m);
    f->enabled_plugins = tree_of_plugins();
    f->exchange_types = tree_of_exchange_types();
    f->log_files = tree_of_logs();
    gather_lately(m, f);
    return f;
}

/* Returns false after answering 404, if the path names another node. */
static bool is_this_node(struct api_call *c)
{
    bool is_this = slice_is(api_part(c, "name"), c->manage->node_name);
    if (!is_this)
        api_refuse_not_found(c);
    return is_this;
}

/* --- memory ----------------------------------------------------------------------------------- */

static json_t *memory_tree(const struct node_memory *memory)
{
    json_t *tree = json_object();
    for (size_t i = 0; i < node_memory_part_count; i++)
        json_object_set_new(tree, node_memory_parts[i].name,
                            json_of_u64(node_memory_of(memory, &node_memory_parts[i])));
    uint64_t used = memory->resident - memory->allocated_unused;
    json_object_set_new(tree, "strategy", json_string("rss"));
    json_object_set_new(
        tree, "total",
        json_pack("{s:o, s:o, s:o}", "rss", json_of_u64(memory->resident), "allocated",
                  json_of_u64(memory->resident), "erlang",
                  json_of_u64(memory->resident > memory->allocated_unused ? used : 0)));
    return tree;
}

static json_t *memory_shares(const struct node_memory *memory)
{
    json_t *tree = json_pack("{s:i}", "total", 100);
    for (size_t i = 0; i < node_memory_part_count; i++) {
        uint64_t part = node_memory_of(memory, &node_memory_parts[i]);
        json_object_set_new(tree, node_memory_parts[i].name,
                            json_of_u64(memory->resident
                                            ? (part * 100 + memory->resident - 1) / memory->resident
                                            : 0));
    }
    return tree;
}

/* Takes what is shown as the member `memory`. */
static void answer_memory(struct api_call *c, json_t *memory)
{
    json_write_tree(&c->json, json_pack("{s:o}", "memory", memory));
}

static bool gather_memory(struct api_call *c, struct node_memory *ret)
{
    struct manage_error error = {0};
    if (node_memory_gather(c->manage, ret, &error))
        return true;
    api_refuse_as(c, &error);
    return false;
}

static void show_memory(struct api_call *c)
{
    struct node_memory memory;
    if (is_this_node(c) && gather_memory(c, &memory))
        answer_memory(c, memory_tree(&memory));
}

static void show_memory_shares(struct api_call *c)
{
    struct node_memory memory;
    if (is_this_node(c) && gather_memory(c, &memory))
        answer_memory(c, memory_shares(&memory));
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void list_nodes(struct api_call *c)
{
    struct listing listing = {.columns = node_fields, .free_row = facts_free};
    struct manage_error error = {0};
    if (!api_read_range(c, &c->range))
        return;
    listing_add(&listing, facts_create(c));
    api_answer_listing(c, true, &listing, &error);
}

static void show_node(struct api_call *c)
{
    struct node_memory memory = {0};
    bool with_memory = api_query_flag(c, "memory");
    if (!is_this_node(c) || !api_read_range(c, &c->range) ||
        (with_memory && !gather_memory(c, &memory)))
        return;
    struct api_node_facts *f = facts_create(c);
    f->memory = with_memory ? memory_tree(&memory) : NULL;
    api_write_fields(c, node_fields, f);
    facts_free(f);
}

const struct api_route api_node_routes[] = {
    {"GET", "/nodes", API_MONITORING, list_nodes, "Lists the node.", .answer = node_fields,
     .is_list = true},
    {"GET", "/nodes/{name}", API_MONITORING, show_node,
     "Shows the node: what it uses, its limits and alarms; with memory=true, what memory is used "
     "for.",
     .answer = node_fields},
    {"GET", "/nodes/{name}/memory", API_MONITORING, show_memory,
     "Shows what the node's memory is used for, in bytes."},
    {"GET", "/nodes/{name}/memory/relative", API_MONITORING, show_memory_shares,
     "Shows what the node's memory is used for, in percent."},
    {NULL},
};
