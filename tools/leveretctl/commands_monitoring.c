/* Listings of what the broker holds; its status; routes and the firehose. */
#include <limits.h>
#include <stdio.h>

#include "base/error.h"
#include "leveretctl/talk.h"
#include "manage/columns.h"

/* Says less than other commands about a broker that cannot be reached, as rabbitmqctl does. */
static int run_ping(struct invocation *i, const struct command *c)
{
    int err = broker_open(i, timeout_ms_of(i));
    say_banner(i, c->banner);
    if (err < 0 && i->data_dir[0] == '\0')
        return say_error(EXIT_UNAVAILABLE, "Failed to connect to %s: other nodes are running here",
                         i->node);
    if (err < 0)
        return say_error(EXIT_UNAVAILABLE, "Failed to connect to %s on %s/control.sock: %s",
                         i->node, i->data_dir, lv_error_text(err));
    json_t *answer;
    int code = converse(i, c, request_create(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    say_done(i, "Ping succeeded");
    return EXIT_OK;
}

static const struct failure explain_fails[] = {
    {.error = "no_such_vhost", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = "no_such_exchange", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = "bad_header", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = NULL},
};

static const struct failure top_fails[] = {
    {.error = "bad_order", .exit_code = EXIT_USAGE},
    {.error = "no_such_vhost", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = NULL},
};

static const struct failure doctor_fails[] = {
    {.error = "bad_period", .exit_code = EXIT_USAGE},
    {.error = NULL},
};

static const struct failure events_fail[] = {
    {.error = "invalid_pattern", .exit_code = EXIT_DATA},
    {.error = NULL},
};

/* Prints an event at once: whoever reads a pipe wants to see it. */
static void print_event(void *arg, const json_t *row)
{
    (void)arg;
    say_json(json_incref(json_array_get(row, 0)));
    fflush(stdout);
}

/* Waits as long as events are asked for. As in RabbitMQ, an empty line ends the stream. */
static int run_event_stream(struct invocation *i, const struct command *c)
{
    json_t *answer;
    if (i->timeout_s < 0)
        i->timeout_s = INT_MAX / 1000;
    int code = broker_ask(i, c, c->banner, request_create(i, c), print_event, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    printf("\n");
    json_decref(answer);
    return EXIT_OK;
}

/* clang-format off */
const struct command monitoring_commands[] = {
    {.name = "alarms", .run = run_alarms,
     .usage = "[--timeout <timeout>]",
     .help = "Lists the alarms that are on.",
     .banner = "Asking node $node to report any known resource alarms ...",
     .request = {.command = "status"}},
    {.name = "doctor", .run = run_doctor,
     .usage = "[--period <seconds>]" TIMEOUT_USAGE,
     .help = "Shows what is wrong with the broker and with how it is used, with evidence and remedies "
             "(docs/doctor.md); --period is over how many seconds changes are looked at. Exit status 69: "
             "something is critical.",
     .banner = "Looking for what is wrong with node $node ...",
     .arguments = {.options = BIT(OPTION_PERIOD)},
     .failures = doctor_fails},
    {.name = "list_bindings", .run = run_listing,
     .usage = "[--vhost <vhost>] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the bindings in a vhost.",
     .banner = "Listing bindings for vhost $vhost...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "source_name source_kind destination_name destination_kind routing_key "
                            "arguments",
                 .all_columns = COLUMN_NAMES(BINDING_COLUMNS)},
     .failures = vhost_is_empty},
    {.name = "list_channels", .run = run_listing,
     .usage = COLUMNS_USAGE,
     .help = "Lists the open channels.",
     .banner = "Listing channels ...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "pid user consumer_count messages_unacknowledged",
                 .all_columns = COLUMN_NAMES(CHANNEL_COLUMNS)}},
    {.name = "list_connections", .run = run_listing,
     .usage = COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the open connections.",
     .banner = "Listing connections ...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "user peer_host peer_port state",
                 .all_columns = COLUMN_NAMES(CONNECTION_COLUMNS)}},
    {.name = "list_consumers", .run = run_listing,
     .usage = "[--vhost <vhost>] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the consumers in a vhost.",
     .banner = "Listing consumers in vhost $vhost ...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "queue_name channel_pid consumer_tag ack_required prefetch_count active "
                            "arguments",
                 .all_columns = COLUMN_NAMES(CONSUMER_COLUMNS)},
     .failures = vhost_is_empty},
    {.name = "list_exchanges", .run = run_listing,
     .usage = "[--vhost <vhost>] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the exchanges in a vhost.",
     .banner = "Listing exchanges for vhost $vhost ...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "name type", .all_columns = COLUMN_NAMES(EXCHANGE_COLUMNS)},
     .failures = vhost_is_empty},
    {.name = "list_queues", .run = run_listing,
     .usage = "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] "
              "[<column>, ...] [--timeout <timeout>]",
     .help = "Lists the queues in a vhost.",
     .banner = "Timeout: $timeout.0 seconds ...\nListing queues for vhost $vhost ...",
     .arguments = {.max = MANY, .options = NO_HEADERS | BIT(OPTION_ONLINE) | BIT(OPTION_OFFLINE) |
                                           BIT(OPTION_LOCAL)},
     .listing = {.columns = "name messages", .all_columns = COLUMN_NAMES(QUEUE_COLUMNS)},
     .failures = vhost_is_empty},
    {.name = "list_unresponsive_queues", .run = run_listing,
     .usage = "[--vhost <vhost>] [--local] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists nothing: the command fails after --timeout if the queues of a vhost do not answer.",
     .banner = "Listing unresponsive queues for vhost $vhost ...",
     .arguments = {.max = MANY, .options = NO_HEADERS | BIT(OPTION_LOCAL)},
     .request = {.command = "list_queues"},
     .listing = {.columns = "name", .all_columns = COLUMN_NAMES(QUEUE_COLUMNS), .drops_rows = true},
     .failures = vhost_is_empty},
    {.name = "memory_breakdown", .run = run_change,
     .usage = "[--unit <unit>] [--timeout <timeout>]",
     .help = "Shows what the broker's memory is used for; --unit is bytes, mb or gb.",
     .banner = "Reporting memory breakdown on node $node...",
     .arguments = {.options = BIT(OPTION_UNIT), .check = status_check_unit},
     .answer = {.print = memory_print}},
    {.name = "message_size_stats", .run = run_message_sizes,
     .usage = TIMEOUT_USAGE,
     .help = "Shows how many messages of which size clients have published since the broker's start.",
     .banner = "Gathering message size statistics from cluster via $node ...",
     .is_pretty = true,
     .arguments = {.options = NO_HEADERS},
     .request = {.command = "counters"}},
    {.name = "consume_event_stream", .run = run_event_stream,
     .usage = "[--duration|-d <seconds>] [--pattern <pattern>]" TIMEOUT_USAGE,
     .help = "Prints the broker's events as they happen, each as a line of JSON, for some seconds or until it is "
             "stopped; with --pattern, those whose names match a regular expression.",
     .arguments = {.options = BIT(OPTION_DURATION) | BIT(OPTION_PATTERN)},
     .failures = events_fail},
    {.name = "ping", .run = run_ping,
     .usage = "[--timeout <timeout>]",
     .help = "Checks that the broker answers.",
     .banner = "Will ping $node. This only checks if the OS process is running and answers. "
               "Timeout: $timeout_ms ms."},
    {.name = "status", .run = run_change,
     .usage = "[--unit <unit>] [--timeout <timeout>]",
     .help = "Shows the broker's versions, resource use, alarms and totals; --unit is bytes, mb or gb.",
     .banner = "Status of node $node ...",
     .arguments = {.options = BIT(OPTION_UNIT), .check = status_check_unit},
     .answer = {.print = status_print}},
    {.name = "explain_route", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "<exchange> <routing_key> "
              "[--header <name>[:<type>]=<value> ...] [--cc <routing_key> ...]" TIMEOUT_USAGE,
     .help = "Shows which queues a message would reach, through which bindings, and why other bindings do "
             "not match; a header's type is string, int, float, bool, timestamp or void.",
     .banner = "Explaining the route from exchange '$1' with key '$2' in vhost $vhost ...",
     .arguments = {.min = 2, .max = 2, .names = "exchange routing_key",
                   .options = NO_HEADERS | BIT(OPTION_HEADER) | BIT(OPTION_CC)},
     .request = {.add = explain_add_message},
     .listing = {.columns = "result path destination_kind destination routing_key arguments why",
                 .is_whole = true},
     .failures = explain_fails},
    {.name = "top", .run = run_top,
     .usage = "[--vhost <vhost>] [--sort <order>] [--interval <seconds>] [--once | --number <rounds>]",
     .help = "Shows queues by length or rate, live: keys m, r, u, p, d, a and n sort by messages, ready, "
             "unacked, publish, deliver, ack or name; v is for the next vhost, + and - change the "
             "interval, q ends. Rates are those of the broker's last sample.",
     .arguments = {.options = BIT(OPTION_SORT) | BIT(OPTION_INTERVAL) | BIT(OPTION_ONCE) |
                              BIT(OPTION_NUMBER)},
     .failures = top_fails},
    {.name = "trace_off", .run = run_change,
     .usage = "[--vhost <vhost>]",
     .help = "Turns a vhost's firehose off.",
     .banner = "Stopping tracing for vhost \"$vhost\" ...",
     .answer = {.done = "Trace disabled for vhost $vhost", .form = DONE_AS_VALUE}},
    {.name = "trace_on", .run = run_change,
     .usage = "[--vhost <vhost>]",
     .help = "Turns a vhost's firehose on: a copy of each message published or delivered is sent to its "
             "exchange amq.rabbitmq.trace.",
     .banner = "Starting tracing for vhost \"$vhost\" ...",
     .answer = {.done = "Trace enabled for vhost $vhost", .form = DONE_AS_VALUE}},
    {.name = NULL},
};
/* clang-format on */
