/* Moving dead letters back. If the client disconnects, the move continues. */
#include "control/control_private.h"
#include "manage/messages.h"

static void run_retry_dead_letters(struct request *r)
{
    struct retry_options options = {.keep_history = request_flag(r, "keep_history")};
    struct retry_progress progress = {0};
    struct manage_error error = {0};
    if (!request_count(r, "limit", UINT64_MAX, &options.limit))
        return;
    bool is_done =
        manage_retry_dead_letters(r->manage, &actor_cli, request_string(r, "vhost"),
                                  request_string(r, "queue"), &options, NULL, &progress, &error);
    request_end_with(r, is_done,
                     json_pack("{s:I, s:I}", "moved", (json_int_t)progress.moved, "stayed",
                               (json_int_t)progress.stayed),
                     &error);
}

const struct control_command control_retry_commands[] = {
    {"retry_dead_letters", run_retry_dead_letters, "vhost queue"},
    {NULL, NULL, NULL},
};
