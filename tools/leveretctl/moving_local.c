/* What import_from and export_to ask of this machine's broker, over its control socket. */
#include <string.h>

#include "base/error.h"
#include "leveretctl/moving.h"

enum { ANSWER_MS = 30 * 1000 };

int moving_open_local(void *arg, int *ret_fd, struct lv_buffer *reason)
{
    const struct moving *m = arg;
    json_t *request = json_pack("{s:s}", "command", "amqp"), *answer = NULL;
    struct ask ask;
    int err = ask_open(&ask, m->i->data_dir, ANSWER_MS);
    if (err == 0)
        err = ask_send(&ask, request);
    if (err == 0)
        err = ask_line(&ask, &answer);
    if (err == 0 && json_is_true(json_object_get(answer, "ok"))) {
        *ret_fd = ask.fd;
        ask.fd = -1;
    } else {
        const char *text = json_string_value(json_object_get(answer, "text"));
        lv_buffer_printf(reason, "cannot connect to the broker of this machine: %s",
                         text ? text : lv_error_text(err));
        err = ERR_CLOSED;
    }
    json_decref(answer);
    json_decref(request);
    ask_close(&ask);
    return err;
}

/* --- definitions ------------------------------------------------------------------------------ */

static void add_part(void *text, const json_t *row)
{
    const json_t *part = json_array_get(row, 0);
    lv_buffer_add(text, json_string_value(part), json_string_length(part));
}

int moving_local_definitions(struct moving *m, json_t **ret)
{
    struct lv_buffer text = {0};
    json_t *answer, *definitions;
    json_error_t fault;
    int code = converse(m->i, m->c, json_pack("{s:s}", "command", "export_definitions"), add_part,
                        &text, &answer);
    if (code == EXIT_OK) {
        json_decref(answer);
        definitions = json_loadb(text_of(&text), text.n, JSON_ALLOW_NUL, &fault);
        if (definitions)
            *ret = definitions;
        else
            code =
                say_error(EXIT_SOFTWARE, "the broker's definitions are not JSON: %s", fault.text);
    }
    lv_buffer_free(&text);
    return code;
}

/* --- queues ----------------------------------------------------------------------------------- */

#define QUEUE_COLUMNS                                                                              \
    "name", "type", "exclusive", "arguments", "messages_ready", "messages_unacknowledged",         \
        "message_bytes"

struct listed {
    const char *vhost;
    json_t *queues;
};

static void add_vhost(void *vhosts, const json_t *row)
{
    json_array_append(vhosts, json_array_get(row, 0));
}

/* Returns whether a table of the control protocol has an argument that is true. */
static bool is_set(const json_t *table, const char *name)
{
    const json_t *argument;
    size_t n;
    json_array_foreach(json_object_get(table, "table"), n, argument)
    {
        const char *its_name = json_string_value(json_array_get(argument, 0));
        if (its_name && strcmp(its_name, name) == 0)
            return json_is_true(json_array_get(argument, 2));
    }
    return false;
}

static void add_queue(void *arg, const json_t *row)
{
    static const char *const columns[] = {QUEUE_COLUMNS};
    static const char single[] = "x-single-active-consumer";
    const struct listed *l = arg;
    json_t *queue = json_pack("{s:s}", "vhost", l->vhost);
    for (size_t n = 0; n < sizeof columns / sizeof *columns; n++)
        json_object_set(queue, columns[n], json_array_get(row, n));
    bool is_single = is_set(json_object_get(queue, "arguments"), single);
    json_object_set_new(queue, "arguments",
                        is_single ? json_pack("{s:b}", single, true) : json_object());
    json_array_append_new(l->queues, queue);
}

int moving_local_queues(struct moving *m, json_t **ret)
{
    json_t *vhosts = json_array(), *queues = json_array(), *answer, *vhost;
    size_t n;
    int code =
        converse(m->i, m->c, json_pack("{s:s, s:[s]}", "command", "list_vhosts", "columns", "name"),
                 add_vhost, vhosts, &answer);
    if (code == EXIT_OK)
        json_decref(answer);
    json_array_foreach(vhosts, n, vhost)
    {
        struct listed listed = {.vhost = json_string_value(vhost), .queues = queues};
        if (code == EXIT_OK)
            code = converse(m->i, m->c,
                            json_pack("{s:s, s:s, s:[sssssss]}", "command", "list_queues", "vhost",
                                      listed.vhost, "columns", QUEUE_COLUMNS),
                            add_queue, &listed, &answer);
        if (code == EXIT_OK)
            json_decref(answer);
    }
    json_decref(vhosts);
    if (code == EXIT_OK)
        *ret = queues;
    else
        json_decref(queues);
    return code;
}
