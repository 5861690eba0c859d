/* `import_from` moves a running RabbitMQ into this machine's broker, `export_to` the other way.
 *
 * First the definitions, then the messages, queue by queue; the module leveret_migrate.so does the
 * work. Both can be done again at any time: definitions that are there already change nothing, and
 * a message is acknowledged at its old place only once the new one has confirmed it. So when this
 * program or a broker is killed, running it again goes on where it was. */
#include "leveretctl/moving.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "leveretctl/difference.h"

enum {
    HTTP_MS = 60 * 1000,     /* for a request, without --timeout */
    PATIENCE_MS = 60 * 1000, /* for a broker that comes back */
    PASSES_MAX = 5,          /* over all queues, while others publish to them */
    PAUSE_MS = 1000,         /* between passes that wait for others */
};

/* --- RabbitMQ --------------------------------------------------------------------------------- */

static int read_rabbit(struct moving *m)
{
    struct lv_buffer reason = {0};
    json_t *source = NULL;
    int code = EXIT_OK;
    if (m->module->read_to_move(&m->rabbit, &source, &reason) != 0)
        code = say_error(EXIT_UNAVAILABLE, "Cannot read RabbitMQ's HTTP API: %s", text_of(&reason));
    lv_buffer_free(&reason);
    if (code != EXIT_OK)
        return code;
    json_decref(m->source);
    m->source = source;
    return EXIT_OK;
}

/* Finds the vhost, and how the HTTP API is asked. */
static int read_address(struct moving *m)
{
    struct lv_buffer reason = {0};
    int code = EXIT_OK;
    if (m->module->vhost(m->url, &m->path, &reason) != 0)
        code = usage_error(m->i, m->c, EXIT_DATA, "Bad argument: %s", text_of(&reason));
    lv_buffer_free(&reason);
    if (is_given(m->i, OPTION_VHOST))
        m->vhost = m->i->vhost;
    else if (m->path.n > 0)
        m->vhost = text_of(&m->path);
    m->module->api(m->url, m->i->values[OPTION_MANAGEMENT], &m->url_of_api);
    int ms = is_given(m->i, OPTION_TIMEOUT) ? timeout_ms_of(m->i) : HTTP_MS;
    m->rabbit = (struct migrate_api){
        .url = text_of(&m->url_of_api),
        .ca_file = m->i->values[OPTION_CACERT],
        .timeout_ms = ms > 0 ? ms : 1,
    };
    return code;
}

/* --- definitions ------------------------------------------------------------------------------ */

static int import_definitions(struct moving *m, bool is_dry_run, json_t **ret)
{
    json_t *definitions = m->module->definitions(m->source, m->vhost);
    char *text = json_dumps(definitions, JSON_COMPACT);
    json_t *request =
        json_pack("{s:s, s:b, s:b}", "command", "import_definitions", "skip_unsupported",
                  is_given(m->i, OPTION_SKIP_UNSUPPORTED), "dry_run", is_dry_run);
    json_decref(definitions);
    if (!text) {
        json_decref(request);
        return say_error(EXIT_DATA, "RabbitMQ's definitions cannot be written as JSON");
    }
    int code = definitions_send(m->i, m->c, slice_of(text, strlen(text)), request, ret);
    free(text);
    if (code == EXIT_OK)
        definitions_say_notes(m->i, *ret);
    else if (code == EXIT_DATA && !is_given(m->i, OPTION_SKIP_UNSUPPORTED))
        fprintf(stderr, "Nothing was moved. With --skip-unsupported, what this broker does not "
                        "have is left behind.\n");
    return code;
}

/* --- messages --------------------------------------------------------------------------------- */

static bool has_ready(const struct moving *m)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(m->queues, n,
                       queue) if (json_integer_value(json_object_get(queue, "left")) > 0 &&
                                  !json_object_get(queue, "reason")) return true;
    return false;
}

/* One pass over all queues, and more while others publish to them. */
static int move_ready(struct moving *m, const struct migrate_job *job)
{
    struct lv_buffer reason = {0};
    int code = EXIT_OK;
    for (int pass = 0; code == EXIT_OK && pass < PASSES_MAX && (pass == 0 || has_ready(m)); pass++)
        if (m->module->move(job, m->queues, &reason) != 0)
            code = say_error(EXIT_UNAVAILABLE,
                             "Moving has stopped: %s. Nothing is lost: run the same command again "
                             "to go on.",
                             text_of(&reason));
    lv_buffer_free(&reason);
    return code;
}

static int move_messages(struct moving *m, const struct migrate_job *job)
{
    m->since_ms = clock_up_ms();
    int code = move_ready(m, job);
    if (code == EXIT_OK)
        code = moving_look_for_unacked(m);
    while (code == EXIT_OK && is_given(m->i, OPTION_WAIT) && moving_has_left(m)) {
        usleep(PAUSE_MS * 1000);
        code = move_ready(m, job);
        if (code == EXIT_OK)
            code = moving_look_for_unacked(m);
    }
    return code;
}

/* --- import ----------------------------------------------------------------------------------- */

static int say_plan(const struct moving *m, json_t *kinds)
{
    if (m->i->format == FORMAT_JSON) {
        json_t *plan = moving_result(m);
        json_object_set(plan, "definitions", kinds);
        say_json(plan);
        return EXIT_OK;
    }
    difference_print(kinds);
    moving_say_plan(m);
    return EXIT_OK;
}

static int finish(struct moving *m, int code)
{
    if (m->i->format == FORMAT_JSON)
        say_json(moving_result(m));
    else
        moving_say_result(m);
    return code == EXIT_OK && moving_has_left(m) ? EXIT_TIMEOUT : code;
}

static int import(struct moving *m)
{
    bool is_dry_run = is_given(m->i, OPTION_DRY_RUN);
    json_t *answer = NULL;
    int code = import_definitions(m, is_dry_run, &answer);
    if (code != EXIT_OK)
        return code;
    m->queues = m->module->queues(json_object_get(m->source, "queues"), m->vhost,
                                  m->i->values[OPTION_QUEUES]);
    if (is_dry_run) {
        code = say_plan(m, json_object_get(answer, "kinds"));
    } else {
        const struct migrate_job job = {
            .url = m->url,
            .ca_file = m->i->values[OPTION_CACERT],
            .patience_ms = PATIENCE_MS,
            .open_local = moving_open_local,
            .progress = moving_progress,
            .arg = m,
        };
        code = finish(m, move_messages(m, &job));
    }
    json_decref(answer);
    return code;
}

/* --- export ----------------------------------------------------------------------------------- */

/* Counts those of a list that another list has by vhost and name. */
static json_int_t count_known(const json_t *list, json_t *known)
{
    const json_t *one;
    json_int_t count = 0;
    size_t n;
    json_array_foreach(list, n, one) count += moving_namesake(known, one) != NULL;
    return count;
}

/* Returns, by kind, how many definitions RabbitMQ would get, and how many of them it has by name;
 * the caller owns it. */
static json_t *count_definitions(const struct moving *m, const json_t *definitions)
{
    static const char *const kinds[] = {"users", "vhosts", "policies", "queues", "exchanges"};
    const json_t *there = json_object_get(m->source, "definitions");
    json_t *counts = json_object();
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
        const json_t *list = json_object_get(definitions, kinds[n]);
        json_object_set_new(counts, kinds[n],
                            json_pack("{s:I, s:I}", "all", (json_int_t)json_array_size(list),
                                      "known",
                                      count_known(list, json_object_get(there, kinds[n]))));
    }
    return counts;
}

static void print_counts(json_t *counts)
{
    const char *kind;
    json_t *count;
    json_object_foreach(counts, kind, count)
        printf("%s: %lld, of which RabbitMQ has %lld\n", kind,
               (long long)json_integer_value(json_object_get(count, "all")),
               (long long)json_integer_value(json_object_get(count, "known")));
}

/* Returns the only user_id that messages may have at RabbitMQ: the user's own name; NULL: its tags
 * let it use any. `buffer` has the text. */
static const char *user_id(const struct moving *m, struct lv_buffer *buffer)
{
    const json_t *tags = json_object_get(json_object_get(m->source, "whoami"), "tags"), *tag;
    size_t n;
    json_array_foreach(tags, n, tag)
    {
        const char *text = json_string_value(tag);
        if (text && strcmp(text, "impersonator") == 0)
            return NULL;
    }
    m->module->user(m->url, buffer);
    return text_of(buffer);
}

static int export_messages(struct moving *m)
{
    struct lv_buffer user = {0};
    json_t *routes = m->module->routes(m->source);
    const struct migrate_job job = {
        .url = m->url,
        .ca_file = m->i->values[OPTION_CACERT],
        .is_export = true,
        .patience_ms = PATIENCE_MS,
        .open_local = moving_open_local,
        .progress = moving_progress,
        .arg = m,
        .routes = routes,
        .user_id = user_id(m, &user),
    };
    int code = finish(m, move_messages(m, &job));
    json_decref(routes);
    lv_buffer_free(&user);
    return code;
}

static int export_plan(const struct moving *m, const json_t *definitions)
{
    json_t *counts = count_definitions(m, definitions);
    if (m->i->format == FORMAT_JSON) {
        json_t *plan = moving_result(m);
        json_object_set(plan, "definitions", counts);
        say_json(plan);
    } else {
        print_counts(counts);
        moving_say_plan(m);
    }
    json_decref(counts);
    return EXIT_OK;
}

static int export_all(struct moving *m, const json_t *definitions)
{
    int code = moving_send_definitions(m, definitions);
    if (code == EXIT_OK)
        code = read_rabbit(m); /* for the routes that are there now */
    return code == EXIT_OK ? export_messages(m) : code;
}

static int export(struct moving *m)
{
    json_t *local = NULL, *listed = NULL;
    int code = moving_local_definitions(m, &local);
    if (code == EXIT_OK)
        code = moving_local_queues(m, &listed);
    if (code == EXIT_OK) {
        json_t *definitions =
            m->module->definitions_back(local, m->source, m->vhost, m->passwordless);
        m->queues = m->module->queues(listed, m->vhost, m->i->values[OPTION_QUEUES]);
        code = is_given(m->i, OPTION_DRY_RUN) ? export_plan(m, definitions)
                                              : export_all(m, definitions);
        json_decref(definitions);
    }
    json_decref(local);
    json_decref(listed);
    return code;
}

/* --- both ------------------------------------------------------------------------------------- */

/* Does what the two commands have in common, and then `work`. */
static int run(struct invocation *i, const struct command *c, bool is_export,
               int (*work)(struct moving *m))
{
    struct moving m = {.i = i, .c = c, .is_export = is_export, .url = i->arguments[0]};
    int code = migration_load(&m.module);
    if (code == EXIT_OK)
        code = read_address(&m);
    if (code == EXIT_OK)
        code = connect_to_broker(i);
    if (code == EXIT_OK) {
        say_banner(i, command_banner(i, c));
        code = read_rabbit(&m);
    }
    m.passwordless = json_array();
    m.refused = json_array();
    if (code == EXIT_OK)
        code = work(&m);
    json_decref(m.source);
    json_decref(m.queues);
    json_decref(m.passwordless);
    json_decref(m.refused);
    lv_buffer_free(&m.path);
    lv_buffer_free(&m.url_of_api);
    return code;
}

int run_import_from(struct invocation *i, const struct command *c)
{
    return run(i, c, false, import);
}

int run_export_to(struct invocation *i, const struct command *c)
{
    return run(i, c, true, export);
}
