/* Login attempts, and the answers of authorization backends. */
#include "leveretctl/talk.h"

/* --- the attempts ----------------------------------------------------------------------------- */

static const char *const columns[] = {
    "remote_address",          "username", "protocol", "auth_attempts", "auth_attempts_failed",
    "auth_attempts_succeeded",
};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0], SOURCE_COLUMNS = 2 };

static void keep_row(void *rows, const json_t *row)
{
    json_array_append(rows, (json_t *)(uintptr_t)row);
}

/* Prints {"attempts": [OBJECT ...], "node": ..., "result": "ok"}; `first` is the first column of
 * the rows. */
static void attempts_print_json(const struct invocation *i, size_t first, const json_t *rows)
{
    static const size_t sorted[COLUMN_COUNT] = {3, 4, 5, 2, 0, 1}; /* by name, as in RabbitMQ */
    json_t *attempts = json_array();
    const json_t *row;
    size_t r;
    json_array_foreach(rows, r, row)
    {
        json_t *attempt = json_object();
        for (size_t s = 0; s < COLUMN_COUNT; s++)
            if (sorted[s] >= first)
                json_object_set(attempt, columns[sorted[s]],
                                json_array_get(row, sorted[s] - first));
        json_array_append_new(attempts, attempt);
    }
    say_json(json_pack("{s:o, s:s, s:s}", "attempts", attempts, "node", i->node, "result", "ok"));
}

static void attempts_print(const struct invocation *i, const json_t *rows)
{
    const size_t first = is_given(i, OPTION_BY_SOURCE) ? 0 : SOURCE_COLUMNS;
    struct lv_buffer text = {0};
    if (i->format == FORMAT_JSON) {
        attempts_print_json(i, first, rows);
    } else if (json_array_size(rows) > 0) {
        rows_print(i, columns + first, COLUMN_COUNT - first, rows);
    } else {
        expand(i, NULL, "Node $node reported no authentication attempt stats", &text);
        message_print(i->format, stdout, text_of(&text));
    }
    lv_buffer_free(&text);
}

static int run_list_attempts(struct invocation *i, const struct command *c)
{
    json_t *rows = json_array(), *answer;
    int code = broker_ask(i, c, c->banner, request_create(i, c), keep_row, rows, &answer);
    if (code == EXIT_OK) {
        attempts_print(i, rows);
        json_decref(answer);
    }
    json_decref(rows);
    return code;
}

/* clang-format off */
const struct command login_commands[] = {
    {.name = "list_node_auth_attempt_stats", .run = run_list_attempts,
     .usage = "[--by-source] " LISTING_USAGE,
     .help = "Shows how many logins were tried, by protocol; with --by-source, also by address and user, if "
             "that is tracked.",
     .banner = "Listing authentication\n attempts for node \"$node\" ...",
     .arguments = {.options = NO_HEADERS | BIT(OPTION_BY_SOURCE)}},
    {.name = "reset_node_auth_attempt_metrics", .run = run_change,
     .usage = "",
     .help = "Counts login attempts from 0 again.",
     .banner = "Reset auth attempt metrics on node $node ..."},
    {.name = "enable_auth_attempt_source_tracking", .run = run_change,
     .usage = "",
     .help = "Counts login attempts by address and user as well, until the configuration is read again "
             "(track_auth_attempt_source).",
     .banner = "Enabling authentication attempt source tracking ..."},
    {.name = "disable_auth_attempt_source_tracking", .run = run_change,
     .usage = "",
     .help = "Counts login attempts by protocol alone, and forgets the counts by address and user.",
     .banner = "Disabling authentication attempt source tracking ..."},
    {.name = "clear_auth_backend_cache", .run = run_change,
     .usage = "",
     .help = "Forgets what authorization backends (HTTP, LDAP) have answered: they are asked again.",
     .banner = "Will clear rabbitmq_auth_backend_cache plugin's cache on the target node..."},
    {.name = NULL},
};
/* clang-format on */
