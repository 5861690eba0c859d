/* Sends this machine's definitions to a RabbitMQ.
 *
 * All at once, and what RabbitMQ refuses ends it. With --skip-unsupported, those of a kind at once:
 * if they are refused, each half of them, and so on, until single ones are; these are noted with
 * RabbitMQ's reason and left behind. So it does not matter which RabbitMQ that is, or which plugins
 * it has. Importing what is there already changes nothing, so it may be sent twice. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "leveretctl/moving.h"

/* Those which RabbitMQ may refuse one by one, in its own order: what stands later may need what
 * stands before. `one` is what one of them is called. */
static const struct kind {
    const char *name, *one;
} kinds[] = {
    {"parameters", "parameter"}, {"policies", "policy"},  {"queues", "queue"},
    {"exchanges", "exchange"},   {"bindings", "binding"},
};

/* Returns 0; ERR_INVALID if RabbitMQ refuses them; or another negative error. With a sentence
 * appended to `reason`. */
static int send_all(struct moving *m, const json_t *definitions, struct lv_buffer *reason)
{
    json_t *answer = NULL;
    char *text = json_dumps(definitions, JSON_COMPACT);
    if (!text) {
        lv_buffer_printf(reason, "they cannot be written as JSON");
        return ERR_FORMAT;
    }
    int err = m->module->ask(&m->rabbit, "/api/definitions", text, &answer, reason);
    json_decref(answer);
    free(text);
    return err;
}

static int say_failed(struct lv_buffer *reason)
{
    return say_error(EXIT_UNAVAILABLE, "RabbitMQ does not take the definitions: %s",
                     text_of(reason));
}

/* --- one by one ------------------------------------------------------------------------------- */

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_t *name_of(const struct kind *kind, const json_t *definition)
{
    if (strcmp(kind->one, "binding") == 0)
        return json_sprintf("%s -> %s", text_in(definition, "source"),
                            text_in(definition, "destination"));
    return json_string(text_in(definition, "name"));
}

/* Notes what RabbitMQ does not take, and why; the messages of such a queue are not moved. */
static void note_refused(struct moving *m, const struct kind *kind, const json_t *definition,
                         struct lv_buffer *reason)
{
    json_t *queue = strcmp(kind->one, "queue") == 0 ? moving_namesake(m->queues, definition) : NULL;
    if (queue)
        json_object_set_new(queue, "skipped",
                            json_sprintf("RabbitMQ refuses it: %s", text_of(reason)));
    else
        json_array_append_new(m->refused,
                              json_pack("{s:s, s:s, s:o, s:s}", "kind", kind->one, "vhost",
                                        text_in(definition, "vhost"), "name",
                                        name_of(kind, definition), "reason", text_of(reason)));
}

static int send_some(struct moving *m, const struct kind *kind, json_t *list);

static int send_part(struct moving *m, const struct kind *kind, json_t *list, size_t begin,
                     size_t end)
{
    json_t *part = json_array();
    for (size_t n = begin; n < end; n++)
        json_array_append(part, json_array_get(list, n));
    int code = send_some(m, kind, part);
    json_decref(part);
    return code;
}

/* Sends these, but for those that are refused. As deep as the list can be halved. */
static int send_some(struct moving *m, const struct kind *kind, json_t *list)
{
    struct lv_buffer reason = {0};
    size_t count = json_array_size(list);
    int code = EXIT_OK;
    if (count == 0)
        return EXIT_OK;
    json_t *definitions = json_pack("{s:O}", kind->name, list);
    int err = send_all(m, definitions, &reason);
    json_decref(definitions);
    if (err == ERR_INVALID && count == 1)
        note_refused(m, kind, json_array_get(list, 0), &reason);
    else if (err == ERR_INVALID && (code = send_part(m, kind, list, 0, count / 2)) == EXIT_OK)
        code = send_part(m, kind, list, count / 2, count);
    else if (err && err != ERR_INVALID)
        code = say_failed(&reason);
    lv_buffer_free(&reason);
    return code;
}

/* --- all -------------------------------------------------------------------------------------- */

static int send_what_is_taken(struct moving *m, const json_t *definitions)
{
    struct lv_buffer reason = {0};
    json_t *others = json_copy((json_t *)(uintptr_t)definitions);
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++)
        json_object_del(others, kinds[n].name);
    int code = send_all(m, others, &reason) == 0 ? EXIT_OK : say_failed(&reason);
    for (size_t n = 0; code == EXIT_OK && n < sizeof kinds / sizeof *kinds; n++)
        code = send_some(m, &kinds[n], json_object_get(definitions, kinds[n].name));
    json_decref(others);
    lv_buffer_free(&reason);
    return code;
}

static int send_as_they_are(struct moving *m, const json_t *definitions)
{
    struct lv_buffer reason = {0};
    int err = send_all(m, definitions, &reason);
    int code = err == 0 ? EXIT_OK : say_failed(&reason);
    if (err == ERR_INVALID)
        fprintf(stderr, "No message was moved. With --skip-unsupported, what RabbitMQ refuses is "
                        "left behind.\n");
    lv_buffer_free(&reason);
    return code;
}

int moving_send_definitions(struct moving *m, const json_t *definitions)
{
    return is_given(m->i, OPTION_SKIP_UNSUPPORTED) ? send_what_is_taken(m, definitions)
                                                   : send_as_they_are(m, definitions);
}
