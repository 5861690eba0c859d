/* Queues, and the messages in them. */
#include <string.h>

#include "leveretctl/talk.h"
#include "manage/columns.h"

enum { A_DAY_S = 24 * 3600 }; /* the time that commands which walk a long queue may take */

/* --- delayed messages ------------------------------------------------------------------------- */

static int check_ids_or_all(const struct invocation *i, const struct command *c)
{
    if (is_given(i, OPTION_ALL) == (i->argument_count > 1))
        return usage_error(i, c, EXIT_USAGE, "expected either ids or --all");
    return EXIT_OK;
}

/* Adds the arguments after the exchange's name, as numbers. */
static int add_ids(const struct invocation *i, const struct command *c, json_t *request)
{
    json_t *ids = json_array();
    json_int_t number;
    json_object_set_new(request, "ids", ids);
    for (size_t a = 1; a < i->argument_count; a++) {
        if (!read_number(i->arguments[a], &number))
            return usage_error(i, c, EXIT_USAGE, "id: expected a non-negative integer, got '%s'",
                               i->arguments[a]);
        json_array_append_new(ids, json_integer(number));
    }
    return EXIT_OK;
}

/* --- quorum queues ---------------------------------------------------------------------------- */

#define NO_QUEUE "Target queue was not found in virtual host '$vhost'"

static int add_quorum(const struct invocation *i, const struct command *c, json_t *request)
{
    (void)i;
    (void)c;
    json_object_set_new(request, "command", json_string("show_queue"));
    json_object_set_new(request, "type", json_string("quorum"));
    return EXIT_OK;
}

/* Asks whether there is a quorum queue of this name. */
static int add_quorum_check(const struct invocation *i, const struct command *c, json_t *request)
{
    json_object_set_new(request, "columns", json_pack("[s]", "name"));
    return add_quorum(i, c, request);
}

static const struct failure quorum_fails[] = {
    {.error = "no_such_queue", .exit_code = EXIT_UNAVAILABLE, .text = "not_found"},
    {.error = "no_such_vhost", .exit_code = EXIT_UNAVAILABLE, .text = "not_found"},
    {.error = "other_type", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

static const struct failure peek_fails[] = {
    {.error = "no_such_queue", .exit_code = EXIT_UNAVAILABLE, .text = NO_QUEUE},
    {.error = "no_such_vhost", .exit_code = EXIT_UNAVAILABLE, .text = NO_QUEUE},
    {.error = "other_type",
     .exit_code = EXIT_UNAVAILABLE,
     .text = "Cannot peek into a classic queue"},
    {.error = NULL},
};

static const struct failure reclaim_fails[] = {
    {.error = "no_such_queue", .exit_code = EXIT_UNAVAILABLE, .text = NO_QUEUE},
    {.error = "no_such_vhost", .exit_code = EXIT_UNAVAILABLE, .text = NO_QUEUE},
    {.error = "other_type",
     .exit_code = EXIT_UNAVAILABLE,
     .text = "This operation is not applicable to classic queues"},
    {.error = NULL},
};

static int check_queue_type(const struct invocation *i, const struct command *c)
{
    static const char *const types[] = {"all", "classic", "quorum"};
    (void)c;
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        if (strcmp(i->arguments[0], types[t]) == 0)
            return EXIT_OK;
    return say_error(EXIT_UNAVAILABLE, "type %s is not supported. Try one of all, classic, quorum.",
                     i->arguments[0]);
}

/* No queue was moved: as rabbitmq-queues shows an empty list in each format. */
static void moves_print(const struct invocation *i, const json_t *answer)
{
    (void)answer;
    if (i->format == FORMAT_JSON)
        say_value(i, json_array());
    else if (i->format == FORMAT_TABLE)
        printf("\n");
    else if (i->format == FORMAT_CSV)
        printf("\n\n\n");
    else if (i->format == FORMAT_ERLANG)
        printf("[]\n");
    else
        message_print(i->format, stdout, "[]");
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool is_if_empty(const struct invocation *i)
{
    return is_given(i, OPTION_IF_EMPTY);
}

static bool is_if_unused(const struct invocation *i)
{
    return is_given(i, OPTION_IF_UNUSED);
}

static bool is_if_empty_and_unused(const struct invocation *i)
{
    return is_if_empty(i) && is_if_unused(i);
}

#define DELETING "Deleting queue '$1' on vhost '$vhost'"

static const struct text_choice delete_queue_banners[] = {
    {is_if_empty_and_unused, DELETING " if queue is empty and if queue is unused ..."},
    {is_if_empty, DELETING " if queue is empty ..."},
    {is_if_unused, DELETING " if queue is unused ..."},
    {NULL, DELETING " ..."},
};

static const struct failure purge_fails[] = {
    {.error = "no_such_queue", .exit_code = EXIT_UNAVAILABLE, .text = "not_found"},
    {.error = NULL},
};

static const struct failure queue_is_missing[] = {
    {.error = "no_such_queue", .exit_code = EXIT_USAGE, .text = "Queue not found"},
    {.error = NULL},
};

static const struct failure retry_fails[] = {
    {.error = "no_such_queue", .exit_code = EXIT_USAGE, .text = "Queue not found"},
    {.error = "retry_under_way", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

static const struct failure delete_queue_fails[] = {
    {.error = "no_such_queue", .exit_code = EXIT_USAGE, .text = "Queue not found"},
    {.error = "queue_in_use", .exit_code = EXIT_USAGE, .text = "Queue is in use"},
    {.error = "queue_not_empty", .exit_code = EXIT_USAGE, .text = "Queue is not empty"},
    {.error = NULL},
};

static const struct failure delayed_fails[] = {
    {.error = "no_such_exchange", .exit_code = EXIT_USAGE, .text = "Exchange not found"},
    {.error = "not_delayed", .exit_code = EXIT_USAGE, .text = "Exchange does not delay messages"},
    {.error = "no_such_vhost", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = NULL},
};

static const struct failure job_fails[] = {
    {.error = "no_such_job", .exit_code = EXIT_USAGE, .text = "Job not found"},
    {.error = NULL},
};

/* --- commands --------------------------------------------------------------------------------- */

/* clang-format off */
const struct command queue_commands[] = {
    {.name = "cancel_delayed", .run = run_change,
     .usage = "[--vhost <vhost>] <exchange> <id> [...] | --all" TIMEOUT_USAGE,
     .help = "Drops the messages that an exchange delays, by their ids in list_delayed, or all.",
     .banner = "Cancelling delayed messages of exchange '$1' in vhost '$vhost' ...",
     .arguments = {.min = 1, .max = MANY, .names = "exchange", .options = BIT(OPTION_ALL),
                   .check = check_ids_or_all},
     .request = {.add = add_ids},
     .answer = {.done = "Cancelled $messages messages"},
     .failures = delayed_fails},
    {.name = "cancel_job", .run = run_change,
     .usage = "<id>" TIMEOUT_USAGE,
     .help = "Cancels a job, by its id in list_jobs: what it has done stays done.",
     .banner = "Cancelling job $1 ...",
     .arguments = {.min = 1, .max = 1, .names = "id"},
     .failures = job_fails},
    {.name = "list_jobs", .run = run_listing,
     .usage = LISTING_USAGE "[<column> ...]" TIMEOUT_USAGE,
     .help = "Lists jobs: long work, such as moving messages over the HTTP API, and imports of "
             "definitions.",
     .banner = "Listing jobs ...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "id kind what user state done skipped total error",
                 .all_columns = COLUMN_NAMES(JOB_COLUMNS)}},
    {.name = "list_delayed", .run = run_listing,
     .usage = "[--vhost <vhost>] [--limit <n>] " LISTING_USAGE "<exchange>" TIMEOUT_USAGE,
     .help = "Lists the messages that an exchange delays, the earliest due first.",
     .banner = "Listing delayed messages of exchange '$1' in vhost '$vhost' ...",
     .arguments = {.min = 1, .max = 1, .names = "exchange",
                   .options = NO_HEADERS | BIT(OPTION_LIMIT)},
     .listing = {.columns = "id due routing_key message_bytes"},
     .failures = delayed_fails},
    {.name = "delete_queue", .run = run_change,
     .usage = "<queue_name> [--if-empty|-e] [--if-unused|-u]" TIMEOUT_USAGE,
     .help = "Deletes a queue and its messages.",
     .banners = delete_queue_banners,
     .arguments = {.min = 1, .max = 1, .names = "queue", .not_empty = "queue name",
                   .options = BIT(OPTION_IF_EMPTY) | BIT(OPTION_IF_UNUSED)},
     .answer = {.done = "Queue was successfully deleted with $messages ready messages"},
     .failures = delete_queue_fails},
    {.name = "browse_queue", .run = run_listing,
     .usage = "<queue> [--vhost <vhost>] [--offset <n>] [--limit <n>] [--unacked] [--truncate <bytes>] "
              "[--no-table-headers] [<column> ...]",
     .help = "Shows a queue's messages without changing them.",
     .banner = "Messages in queue '$1' in vhost '$vhost' ...",
     .arguments = {.min = 1, .max = MANY, .names = "queue",
                   .options = NO_HEADERS | BIT(OPTION_OFFSET) | BIT(OPTION_LIMIT) |
                              BIT(OPTION_UNACKED) | BIT(OPTION_TRUNCATE)},
     .request = {.timeout_s = A_DAY_S},
     .listing = {.columns = "position redelivered exchange routing_key properties headers payload "
                            "payload_encoding",
                 .all_columns = COLUMN_NAMES(MESSAGE_COLUMNS)},
     .failures = queue_is_missing},
    {.name = "purge_queue", .run = run_change,
     .usage = "<queue>" TIMEOUT_USAGE,
     .help = "Drops a queue's ready messages.",
     .banner = "Purging queue '$1' in vhost '$vhost' ...",
     .arguments = {.min = 1, .max = 1, .names = "queue"},
     .failures = purge_fails},
    {.name = "quorum_status", .run = run_listing,
     .usage = "[--vhost <vhost>] <queue>",
     .help = "Shows a quorum queue's members: there is one, this node.",
     .banner = "Status of quorum queue $1 on node $node ...",
     .arguments = {.min = 1, .max = 1, .names = "queue"},
     .request = {.add = add_quorum},
     .listing = {.columns = "leader members online messages state", .is_whole = true},
     .failures = quorum_fails},
    {.name = "peek", .run = run_peek,
     .usage = "[--vhost <vhost>] <queue> <position>" TIMEOUT_USAGE,
     .help = "Shows the message at a position of a quorum queue, from 1, without changing it; browse_queue "
             "does so for every queue.",
     .banner = "Peeking at quorum queue $1 at position $2 on node $node ...",
     .arguments = {.min = 2, .max = 2, .names = "queue", .check = peek_check},
     .request = {.add = add_quorum_check},
     .failures = peek_fails},
    {.name = "reclaim_quorum_memory", .run = run_change,
     .usage = "[--vhost <vhost>] <queue>" TIMEOUT_USAGE,
     .help = "Succeeds for a quorum queue and changes nothing: the broker frees memory by itself.",
     .banner = "Will flush Raft WAL of quorum queue $1 ...",
     .arguments = {.min = 1, .max = 1, .names = "queue"},
     .request = {.add = add_quorum_check},
     .failures = reclaim_fails},
    {.name = "rebalance", .run = run_change,
     .usage = "< all | classic | quorum >",
     .help = "Succeeds and changes nothing: queues are on one node. The table of what was moved is empty.",
     .banner = "Re-balancing leaders of $1 queues...",
     .is_pretty = true,
     .arguments = {.min = 1, .max = 1, .check = check_queue_type},
     .request = {.command = "ping"},
     .answer = {.print = moves_print}},
    {.name = "retry_dead_letters", .run = run_change,
     .usage = "<queue> [--vhost <vhost>] [--limit <n>] [--keep-history]" TIMEOUT_USAGE,
     .help = "Moves a queue's dead letters back to the queues they came from.",
     .banner = "Moving dead letters out of queue '$1' in vhost '$vhost' ...",
     .arguments = {.min = 1, .max = 1, .names = "queue",
                   .options = BIT(OPTION_LIMIT) | BIT(OPTION_KEEP_HISTORY)},
     .request = {.timeout_s = A_DAY_S},
     .answer = {.done = "$moved messages moved, $stayed stayed", .form = DONE_AS_MEMBERS},
     .failures = retry_fails},
    {.name = NULL},
};
/* clang-format on */
