/* Connects to the broker, and says why that fails. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "leveretctl/talk.h"
#include "leveretctl/terminal.h"

/* Asks the broker for its name, which its data directory does not tell. Without an answer the name
 * stays: the next request fails for the same reason, and says so. */
static void learn_node(struct invocation *i)
{
    json_t *request = json_pack("{s:s}", "command", "ping"), *answer = NULL;
    if (ask_send(&i->ask, request) == 0 && ask_line(&i->ask, &answer) == 0) {
        const char *name = json_string_value(json_object_get(answer, "node"));
        if (name && strlen(name) < sizeof i->node)
            memcpy(i->node, name, strlen(name) + 1);
    }
    json_decref(answer);
    json_decref(request);
}

int broker_open(struct invocation *i, int timeout_ms)
{
    broker_locate(i);
    if (i->data_dir[0] == '\0')
        return ERR_NOT_FOUND;
    int err = ask_open(&i->ask, i->data_dir, timeout_ms);
    if (err == 0 && !i->is_node_found && !is_given(i, OPTION_NODE))
        learn_node(i);
    return err;
}

static void put_not_chosen(const struct invocation *i, struct lv_buffer *out)
{
    lv_buffer_printf(out, " * %s:\n%.*s * Choose one with -n\n",
                     i->is_node_named ? "No node of this name is running here, but"
                                      : "Several nodes are running here",
                     SLICE_ARG(lv_buffer_slice(&i->nodes)));
}

static void put_not_running(const struct invocation *i, struct lv_buffer *out)
{
    lv_buffer_printf(out,
                     " * leveretd is not running, or keeps its socket elsewhere. These places were "
                     "looked at:\n%.*s * Name its data directory with --data-dir or "
                     "LEVERET_DATA_DIR\n",
                     SLICE_ARG(lv_buffer_slice(&i->places)));
}

/* Appends why the broker of a data directory that was named, or found, cannot be reached. */
static void put_reason(const struct invocation *i, int err, struct lv_buffer *out)
{
    if (err == ERR_NOT_FOUND)
        lv_buffer_printf(out,
                         " * %s/control.sock does not exist: leveretd is not running, or uses "
                         "another data directory\n * Name its data directory with --data-dir or "
                         "LEVERET_DATA_DIR\n",
                         i->data_dir);
    else if (err == ERR_REFUSED)
        lv_buffer_printf(out, " * No process listens on %s/control.sock: leveretd is not running\n",
                         i->data_dir);
    else if (err == ERR_FORBIDDEN)
        lv_buffer_printf(out,
                         " * This user may not connect to %s/control.sock: run this command as "
                         "root (try sudo), or as the broker's user\n",
                         i->data_dir);
    else if (err == ERR_BUSY)
        lv_buffer_printf(out,
                         " * leveretd did not accept a connection on %s/control.sock within %d s: "
                         "it is suspended or overloaded\n",
                         i->data_dir, timeout_ms_of(i) / 1000);
    else
        lv_buffer_printf(out, " * %s/control.sock: %s\n", i->data_dir, lv_error_text(err));
}

static int say_unreachable(const struct invocation *i, int err)
{
    struct lv_buffer text = {0};
    bool is_absent = err == ERR_NOT_FOUND || err == ERR_REFUSED;
    lv_buffer_printf(&text,
                     "Error: unable to perform an operation on node '%s'. Please see diagnostics "
                     "information and suggestions below.\n\n",
                     i->node);
    if (i->data_dir[0] == '\0' && i->nodes.n > 0)
        put_not_chosen(i, &text);
    else if (is_absent && i->places.n > 0)
        put_not_running(i, &text);
    else
        put_reason(i, err, &text);
    terminal_escape_for(stderr, &text, 0, TERMINAL_LINES);
    fprintf(stderr, "%.*s", SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    return EXIT_UNAVAILABLE;
}

int connect_to_broker(struct invocation *i)
{
    int err = broker_open(i, timeout_ms_of(i));
    return err == 0 ? EXIT_OK : say_unreachable(i, err);
}
