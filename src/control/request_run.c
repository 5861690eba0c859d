/* A request from its line to its answer: the command is found, its arguments are checked, and its
 * answer is put into the spool in parts of about 64 KiB. */
#include <string.h>

#include "base/assert.h"
#include "base/rcu.h"
#include "control/control_private.h"
#include "loop/loop.h"
#include "manage/compute_slots.h"

enum { OUT_BYTES_MAX = 64 * 1024 /* more than this is put into the spool at once */ };

static const struct control_command *const families[] = {
    control_browse_commands,     control_retry_commands,        control_broker_commands,
    control_queue_commands,      control_topology_commands,     control_connection_commands,
    control_user_commands,       control_vhost_commands,        control_policy_commands,
    control_parameter_commands,  control_trace_commands,        control_delayed_commands,
    control_log_commands,        control_node_commands,         control_limit_commands,
    control_definition_commands, control_job_commands,          control_listener_commands,
    control_top_commands,        control_feature_flag_commands, control_login_commands,
    control_event_commands,
};

static const struct control_command *command_in(const struct control_command *family,
                                                const char *name)
{
    for (const struct control_command *c = family; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static const struct control_command *command_find(const char *name)
{
    const struct control_command *found = NULL;
    for (size_t f = 0; f < sizeof families / sizeof families[0] && !found; f++)
        found = command_in(families[f], name);
    return found;
}

/* --- answering -------------------------------------------------------------------------------- */

void request_flush(struct request *r)
{
    if (r->out.n == 0)
        return;
    bool had_slot = compute_slot_pause();
    spool_put(r->spool, &r->out);
    compute_slot_resume(had_slot);
}

bool request_is_cut(const struct request *r)
{
    return spool_is_cut(r->spool);
}

static int request_append(const char *bytes, size_t n, void *buffer)
{
    lv_buffer_add(buffer, bytes, n);
    return 0;
}

/* Adds a line to the answer. Takes the value. */
static void request_add_line(struct request *r, json_t *value)
{
    lv_assert(!r->is_answered);
    json_dump_callback(value, request_append, &r->out, JSON_COMPACT);
    json_decref(value);
    lv_buffer_add_u8(&r->out, '\n');
}

void request_row(struct request *r, json_t *row)
{
    request_add_line(r, row);
    if (r->out.n > OUT_BYTES_MAX)
        request_flush(r);
}

void request_done(struct request *r, json_t *more)
{
    json_t *line = json_object();
    lv_assert(!more || json_is_object(more));
    json_object_set_new(line, "ok", json_true());
    if (more)
        json_object_update(line, more);
    json_decref(more);
    request_add_line(r, line);
    r->is_answered = true;
}

void request_refuse(struct request *r, const char *error, const char *format, ...)
{
    struct lv_buffer text = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    json_t *line = json_object();
    json_object_set_new(line, "error", json_string(error));
    json_object_set_new(line, "text", json_of_slice(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    request_add_line(r, line);
    r->is_answered = true;
}

void request_begun(struct request *r)
{
    r->is_to_linger = true;
    request_done(r, json_pack("{s:b}", "is_begun", true));
}

/* --- a request -------------------------------------------------------------------------------- */

void request_parse(struct request *r, const char *line, size_t n)
{
    json_error_t error;
    lv_assert(!r->arguments && r->spool);
    r->arguments = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    const char *name = json_string_value(json_object_get(r->arguments, "command"));
    if (name)
        r->command = r->manage ? command_find(name) : command_in(control_stopped_commands, name);
}

void request_free(struct request *r)
{
    json_decref(r->arguments);
    r->arguments = NULL;
    lv_buffer_free(&r->out);
}

bool request_is_prompt(const struct request *r)
{
    return !r->command || !r->manage || command_in(control_broker_commands, r->command->name);
}

/* Checks that the arguments in the table are strings, and that those without brackets exist. */
static bool arguments_check(struct request *r, const struct control_command *command)
{
    const char *p = command->arguments;
    while (*p) {
        bool is_optional = *p == '[';
        p += is_optional;
        size_t n = strcspn(p, " ]");
        char name[32];
        lv_assert(n < sizeof name);
        memcpy(name, p, n);
        name[n] = '\0';
        p += n + is_optional;
        p += *p == ' ';
        json_t *value = json_object_get(r->arguments, name);
        if (!value && is_optional)
            continue;
        if (!json_is_string(value)) {
            request_refuse(r, "bad_request", "%s: the argument '%s' must be a string",
                           command->name, name);
            return false;
        }
    }
    return true;
}

void request_run(struct request *r)
{
    const char *name = json_string_value(json_object_get(r->arguments, "command"));
    lv_assert(!r->is_answered && loop_current() == NULL);
    lv_rcu_online();
    if (!name)
        request_refuse(r, "bad_request", "a request is a JSON object with a command");
    else if (!r->command && !r->manage && command_find(name))
        request_refuse(r, "not_running", "the application is stopped");
    else if (!r->command)
        request_refuse(r, "no_such_command", "there is no command '%s'", name);
    else if (arguments_check(r, r->command))
        r->command->run(r);
    lv_assert(r->is_answered);
    compute_slot_give();
    request_flush(r);
    lv_rcu_offline();
    request_free(r);
}
