/* Policies and operator policies. */
#include <string.h>

#include "leveretctl/talk.h"

#define POLICY_HEADERS "vhost name pattern apply-to definition priority"
#define POLICY_USAGE                                                                               \
    "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> "          \
    "<definition>"
#define POLICY_SET                                                                                 \
    " \"$1\" for pattern \"$2\" to \"$3\" with priority \"$priority\" for vhost \"$vhost\" ..."

/* --- policies that match ---------------------------------------------------------------------- */

static bool is_of_exchange(const struct invocation *i)
{
    const char *type = i->values[OPTION_OBJECT_TYPE];
    return type && strcmp(type, "exchange") == 0;
}

static const struct text_choice match_banners[] = {
    {is_of_exchange, "Listing policies that match exchange '$1' in vhost '$vhost' ..."},
    {NULL, "Listing policies that match queue '$1' in vhost '$vhost' ..."},
};

static int check_object_type(const struct invocation *i, const struct command *c)
{
    const char *type = i->values[OPTION_OBJECT_TYPE];
    if (!type || strcmp(type, "queue") == 0 || is_of_exchange(i))
        return EXIT_OK;
    return usage_error(i, c, EXIT_DATA,
                       "Bad argument: --object-type: expected queue or exchange, got '%s'", type);
}

static const struct failure match_fails[] = {
    {.error = "no_such_vhost", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = "no_such_queue", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

/* --- policies that mirror queues -------------------------------------------------------------- */

/* The policies found so far that would mirror classic queues in RabbitMQ. */
struct mirroring {
    const char *title; /* "Policy", "Operator policy" */
    struct lv_buffer lines;
    json_t *rows; /* owned */
};

static void take_policy(void *arg, const json_t *row)
{
    struct mirroring *m = arg;
    json_t *definition = json_loads(json_string_value(json_array_get(row, 4)), 0, NULL);
    if (json_object_get(definition, "ha-mode")) {
        lv_buffer_printf(&m->lines, "%s%s %s enables classic queue mirroring",
                         m->lines.n ? "\n" : "", m->title,
                         json_string_value(json_array_get(row, 1)));
        json_array_append_new(m->rows, json_pack("{s:O, s:O}", "name", json_array_get(row, 1),
                                                 "vhost", json_array_get(row, 0)));
    }
    json_decref(definition);
}

static void keep_name(void *names, const json_t *row)
{
    json_array_append(names, json_array_get(row, 0));
}

/* Asks one question. Takes the request. */
static int ask(struct invocation *i, const struct command *c, const char *banner, json_t *request,
               row_fn *row, void *arg)
{
    json_t *answer;
    int code = broker_ask(i, c, banner, request, row, arg, &answer);
    ask_close(&i->ask);
    if (code == EXIT_OK)
        json_decref(answer);
    return code;
}

/* Looks at the policies of every vhost that `list`, a command, answers with. */
static int look(struct invocation *i, const struct command *c, const json_t *vhosts,
                const char *list, struct mirroring *m)
{
    int code = EXIT_OK;
    for (size_t v = 0; v < json_array_size(vhosts) && code == EXIT_OK; v++)
        code = ask(i, c, NULL,
                   json_pack("{s:s, s:O}", "command", list, "vhost", json_array_get(vhosts, v)),
                   take_policy, m);
    return code;
}

static int say_mirroring(const struct invocation *i, struct mirroring *policies,
                         struct mirroring *operators)
{
    const bool are_none = policies->lines.n == 0 && operators->lines.n == 0;
    if (are_none && i->format == FORMAT_JSON)
        say_json(json_pack("{s:s}", "result", "ok"));
    else if (are_none && !is_given(i, OPTION_SILENT))
        message_print(i->format, stdout,
                      "Cluster reported no policies enabling classic queue mirroring");
    else if (!are_none && i->format == FORMAT_JSON)
        print_json(stderr, json_pack("{s:s, s:O, s:O, s:s}", "message",
                                     "Cluster reported policies enabling classic queue mirroring",
                                     "operator_policies", operators->rows, "policies",
                                     policies->rows, "result", "error"));
    else if (!are_none && !is_given(i, OPTION_SILENT))
        say_error(EXIT_UNAVAILABLE, "%s%s%s", text_of(&policies->lines),
                  policies->lines.n && operators->lines.n ? "\n" : "", text_of(&operators->lines));
    return are_none ? EXIT_OK : EXIT_UNAVAILABLE;
}

/* Such policies have no effect here, but say what a RabbitMQ would do with them. */
static int run_check_mirroring(struct invocation *i, const struct command *c)
{
    json_t *vhosts = json_array();
    struct mirroring policies = {.title = "Policy", .rows = json_array()};
    struct mirroring operators = {.title = "Operator policy", .rows = json_array()};
    int code =
        ask(i, c, c->banner, json_pack("{s:s, s:[s]}", "command", "list_vhosts", "columns", "name"),
            keep_name, vhosts);
    if (code == EXIT_OK)
        code = look(i, c, vhosts, "list_policies", &policies);
    if (code == EXIT_OK)
        code = look(i, c, vhosts, "list_operator_policies", &operators);
    if (code == EXIT_OK)
        code = say_mirroring(i, &policies, &operators);
    json_decref(vhosts);
    json_decref(policies.rows);
    json_decref(operators.rows);
    lv_buffer_free(&policies.lines);
    lv_buffer_free(&operators.lines);
    return code;
}

/* clang-format off */
const struct command policy_commands[] = {
    {.name = "clear_operator_policy", .run = run_change,
     .usage = "[--vhost <vhost>] <name>",
     .help = "Clears an operator policy.",
     .banner = "Clearing operator policy \"$1\" on vhost \"$vhost\" ...",
     .arguments = {.min = 1, .max = 1, .names = "name"},
     .failures = parameter_is_missing},
    {.name = "clear_policy", .run = run_change,
     .usage = "[--vhost <vhost>] <name>",
     .help = "Clears a policy.",
     .banner = "Clearing policy \"$1\" on vhost \"$vhost\" ...",
     .arguments = {.min = 1, .max = 1, .names = "name"},
     .failures = parameter_is_missing},
    {.name = "list_operator_policies", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the operator policies of a vhost.",
     .banner = "Listing operator policy overrides for vhost \"$vhost\" ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = POLICY_HEADERS, .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "list_policies", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the policies of a vhost.",
     .banner = "Listing policies for vhost \"$vhost\" ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = POLICY_HEADERS, .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "list_policies_that_match", .run = run_listing,
     .usage = "[--vhost <vhost>] [--object-type <queue | exchange>] <name>",
     .help = "Lists the policies that match a queue, or an exchange; the first one is in force.",
     .banners = match_banners,
     .is_pretty = true,
     .arguments = {.min = 1, .max = 1, .names = "name", .check = check_object_type,
                   .options = NO_HEADERS | BIT(OPTION_OBJECT_TYPE)},
     .listing = {.columns = POLICY_HEADERS, .is_whole = true},
     .failures = match_fails},
    {.name = "check_if_cluster_has_classic_queue_mirroring_policy", .run = run_check_mirroring,
     .usage = TIMEOUT_USAGE,
     .help = "Fails if a policy has the key ha-mode, which mirrors classic queues in RabbitMQ up to 3.13; here "
             "it has no effect.",
     .banner = "Checking if cluster has any classic queue mirroring policy ...",
     .failures = vhost_is_empty},
    {.name = "set_operator_policy", .run = run_change,
     .usage = POLICY_USAGE,
     .help = "Sets an operator policy, which can only lower the limits that queues and policies set.",
     .banner = "Setting operator policy override" POLICY_SET,
     .arguments = {.min = 3, .max = 3, .names = "name pattern definition",
                   .options = BIT(OPTION_PRIORITY) | BIT(OPTION_APPLY_TO)},
     .failures = json_fails},
    {.name = "set_policy", .run = run_change,
     .usage = POLICY_USAGE,
     .help = "Sets a policy for the queues and exchanges whose names match a regular expression.",
     .banner = "Setting policy" POLICY_SET,
     .arguments = {.min = 3, .max = 3, .names = "name pattern definition",
                   .options = BIT(OPTION_PRIORITY) | BIT(OPTION_APPLY_TO)},
     .failures = json_fails},
    {.name = NULL},
};
/* clang-format on */
