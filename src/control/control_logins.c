/* Commands about login attempts, and about answers of authorization backends. */
#include "control/control_private.h"
#include "manage/login_attempts.h"

/* Answers the rows that have counted something: as in RabbitMQ, others are not listed. */
static void answer_rows(struct request *r, const struct listing *listing, bool by_source)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct login_attempts_facts *f = listing->rows[i];
        if (f->accepted + f->refused == 0)
            continue;
        json_t *row = json_array();
        if (by_source) {
            json_array_append_new(row, json_of_slice(f->address));
            json_array_append_new(row, json_of_slice(f->user));
        }
        json_array_append_new(row, json_string(f->protocol));
        json_array_append_new(row, json_of_u64(f->accepted + f->refused));
        json_array_append_new(row, json_of_u64(f->refused));
        json_array_append_new(row, json_of_u64(f->accepted));
        request_row(r, row);
    }
}

static void run_list_attempts(struct request *r)
{
    const bool by_source = request_flag(r, "by_source");
    struct listing listing;
    struct manage_error error = {0};
    bool is_done = manage_list_login_attempts(r->manage, &actor_cli, by_source, &listing, &error);
    answer_rows(r, &listing, by_source);
    listing_free(&listing);
    request_end(r, is_done, &error);
}

static void run_reset_attempts(struct request *r)
{
    struct manage_error error = {0};
    request_end(r, manage_forget_login_attempts(r->manage, &actor_cli, &error), &error);
}

static void track(struct request *r, bool is_on)
{
    struct manage_error error = {0};
    request_end(r, manage_track_login_sources(r->manage, &actor_cli, is_on, &error), &error);
}

static void run_enable_tracking(struct request *r)
{
    track(r, true);
}

static void run_disable_tracking(struct request *r)
{
    track(r, false);
}

/* Answers that authorization backends have given. */
static void run_clear_cache(struct request *r)
{
    struct manage_error error = {0};
    request_end(r, manage_forget_decisions(r->manage, &actor_cli, &error), &error);
}

const struct control_command control_login_commands[] = {
    {"list_node_auth_attempt_stats", run_list_attempts, ""},
    {"reset_node_auth_attempt_metrics", run_reset_attempts, ""},
    {"enable_auth_attempt_source_tracking", run_enable_tracking, ""},
    {"disable_auth_attempt_source_tracking", run_disable_tracking, ""},
    {"clear_auth_backend_cache", run_clear_cache, ""},
    {NULL, NULL, NULL},
};
