/* Commands about the node that wait for loops. */
#include "base/memory.h"
#include "control/control_private.h"
#include "manage/compute_slots.h"
#include "manage/doctor.h"
#include "manage/health.h"
#include "manage/node.h"
#include "manage/node_memory.h"

static void run_memory_breakdown(struct request *r)
{
    struct node_memory memory;
    struct manage_error error = {0};
    bool is_done = node_memory_gather(r->manage, &memory, &error);
    json_t *parts = json_object();
    for (size_t i = 0; i < node_memory_part_count && is_done; i++)
        json_object_set_new(parts, node_memory_parts[i].name,
                            json_of_u64(node_memory_of(&memory, &node_memory_parts[i])));
    request_end_with(r, is_done, json_pack("{s:o}", "memory", parts), &error);
}

static void run_check_node(struct request *r)
{
    struct health health = health_check_node(r->manage);
    request_done(r, json_pack("{s:o}", "health", health.body));
}

static void run_doctor(struct request *r)
{
    struct manage_error error = {0};
    json_t *report = NULL;
    uint64_t period_s;
    if (!request_count(r, "period", DOCTOR_PERIOD_S, &period_s))
        return;
    if (period_s == 0 || period_s > DOCTOR_PERIOD_S_MAX) {
        request_refuse(r, "bad_period", "the period must be from 1 to %d seconds",
                       DOCTOR_PERIOD_S_MAX);
        return;
    }
    compute_slot_take();
    bool is_done = manage_diagnose(r->manage, &actor_cli, period_s, &report, &error);
    request_end_with(r, is_done, report ? json_pack("{s:o}", "doctor", report) : NULL, &error);
}

static void run_force_gc(struct request *r)
{
    lv_memory_give_back();
    request_done(r, NULL);
}

static void answer_cipher(void *request, const struct node_cipher *c)
{
    request_row(request,
                json_pack("[s, s, s, s, s]", c->name, c->key_exchange, c->cipher, c->mac, c->prf));
}

static void run_cipher_suites(struct request *r)
{
    node_each_cipher(r->manage, request_flag(r, "all"), answer_cipher, r);
    request_done(r, NULL);
}

const struct control_command control_node_commands[] = {
    {"force_gc", run_force_gc, ""},           {"memory_breakdown", run_memory_breakdown, ""},
    {"check_node", run_check_node, ""},       {"doctor", run_doctor, ""},
    {"cipher_suites", run_cipher_suites, ""}, {NULL, NULL, NULL},
};
