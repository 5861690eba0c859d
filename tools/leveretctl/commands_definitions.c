/* Exporting and importing definitions: JSON, which the broker writes and reads in parts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leveretctl/difference.h"
#include "leveretctl/talk.h"
#include "leveretctl/upload.h"

enum { A_DAY_S = 24 * 60 * 60, READ_BYTES = 64 * 1024 };

static bool is_dash(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* Refuses --format with another value than "json". RabbitMQ also has its own binary form. */
static int check_format(const struct invocation *i, const struct command *c)
{
    const char *format = i->values[OPTION_FORMAT];
    if (!format || strcmp(format, "json") == 0)
        return EXIT_OK;
    if (strcmp(format, "erlang") == 0)
        return usage_error(i, c, EXIT_DATA,
                           "Bad argument: Format 'erlang' is not supported, only "
                           "json");
    return usage_error(i, c, EXIT_DATA, "Bad argument: Format should be either json or erlang");
}

/* --- export ----------------------------------------------------------------------------------- */

struct writing {
    FILE *out;
    bool has_failed;
};

static void part_write(void *arg, const json_t *row)
{
    struct writing *w = arg;
    const json_t *part = json_array_get(row, 0);
    size_t n = json_string_length(part);
    w->has_failed |= n > 0 && fwrite(json_string_value(part), 1, n, w->out) != n;
}

/* Password hashes are in the file, so a new one is for its owner alone. */
static FILE *file_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

static int export_to(struct invocation *i, const struct command *c, FILE *out)
{
    struct writing w = {.out = out};
    json_t *answer;
    int code = converse(i, c, request_create(i, c), part_write, &w, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    if (out == stdout)
        w.has_failed |= putchar('\n') == EOF;
    if (fflush(out) != 0 || w.has_failed)
        return say_error(EXIT_SOFTWARE, "cannot write the definitions: %s", strerror(errno));
    return EXIT_OK;
}

static int run_export(struct invocation *i, const struct command *c)
{
    const char *path = i->arguments[0];
    int code = connect_to_broker(i);
    if (code != EXIT_OK)
        return code;
    if (is_dash(path))
        return export_to(i, c, stdout);
    FILE *out = file_create(path);
    if (!out)
        return usage_error(i, c, EXIT_DATA, "Bad argument: cannot write %s: %s", path,
                           strerror(errno));
    say_banner(i, "Exporting definitions in JSON to a file at \"$1\" ...");
    code = export_to(i, c, out);
    if (fclose(out) != 0 && code == EXIT_OK)
        code = say_error(EXIT_SOFTWARE, "cannot write %s: %s", path, strerror(errno));
    return code;
}

/* --- import ----------------------------------------------------------------------------------- */

static bool has_file(const struct invocation *i)
{
    return i->argument_count > 0 && !is_dash(i->arguments[0]);
}

static int check_import(const struct invocation *i, const struct command *c)
{
    if (has_file(i) && access(i->arguments[0], F_OK) != 0)
        return usage_error(i, c, EXIT_DATA, "Bad argument: File %s does not exist",
                           i->arguments[0]);
    return check_format(i, c);
}

static bool read_all(FILE *in, struct lv_buffer *text)
{
    size_t n;
    do {
        n = fread(lv_buffer_reserve(text, READ_BYTES), 1, READ_BYTES, in);
        text->n += n;
    } while (n > 0);
    return !ferror(in);
}

static int read_source(const struct invocation *i, struct lv_buffer *text)
{
    if (!has_file(i))
        return read_all(stdin, text)
                   ? EXIT_OK
                   : say_error(EXIT_DATA, "cannot read standard input: %s", strerror(errno));
    FILE *in = fopen(i->arguments[0], "re");
    bool is_read = in && read_all(in, text);
    int error = errno;
    if (in)
        fclose(in);
    return is_read ? EXIT_OK
                   : say_error(EXIT_DATA, "cannot read %s: %s", i->arguments[0], strerror(error));
}

/* Checks that the text is JSON: then it is UTF-8, too, and can be sent in strings. */
static int check_json(const struct lv_buffer *text)
{
    static const char failed[] = "Failed to deserialise input (format: JSON) (error:";
    json_error_t fault;
    json_t *json = json_loadb(text->n ? (const char *)text->p : "", text->n,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
    json_decref(json);
    if (json)
        return EXIT_OK;
    if (json_error_code(&fault) == json_error_premature_end_of_input)
        return say_error(EXIT_DATA, "%s :unexpected_end_of_buffer)", failed);
    return say_error(EXIT_DATA, "%s line %d, column %d: %s)", failed, fault.line, fault.column,
                     fault.text);
}

int definitions_send(struct invocation *i, const struct command *c, struct slice text,
                     json_t *request, json_t **ret)
{
    int code = EXIT_OK;
    for (size_t at = 0; at < text.n && code == EXIT_OK;) {
        json_t *answer = NULL;
        code = converse(i, c, upload_request(text, &at), NULL, NULL, &answer);
        json_decref(answer);
    }
    if (code == EXIT_OK)
        return converse(i, c, request, NULL, NULL, ret);
    json_decref(request);
    return code;
}

/* What was ignored is told on standard error, so that the output stays rabbitmqctl's. */
void definitions_say_notes(const struct invocation *i, const json_t *answer)
{
    const char *notes = json_string_value(json_object_get(answer, "notes"));
    if (notes && notes[0] && !is_quiet(i))
        fprintf(stderr, "%s", notes);
}

static int import_text(struct invocation *i, const struct command *c, const struct lv_buffer *text)
{
    json_t *answer;
    int code = check_json(text);
    if (code == EXIT_OK)
        code = definitions_send(i, c, lv_buffer_slice(text), request_create(i, c), &answer);
    if (code != EXIT_OK)
        return code;
    definitions_say_notes(i, answer);
    if (is_given(i, OPTION_DRY_RUN))
        difference_say(i, json_object_get(answer, "kinds"));
    else
        say_done(i, i->format == FORMAT_JSON ? NULL
                                             : "Successfully started definition import. This "
                                               "process is asynchronous and can take some time.");
    json_decref(answer);
    return EXIT_OK;
}

static int run_import(struct invocation *i, const struct command *c)
{
    struct lv_buffer text = {0};
    int code = connect_to_broker(i);
    if (code != EXIT_OK)
        return code;
    if (is_given(i, OPTION_DRY_RUN))
        say_banner(i, "Comparing definitions in JSON with those of the broker ...");
    else
        say_banner(i, has_file(i) ? "Importing definitions in JSON from a file at \"$1\" ..."
                                  : "Importing definitions in JSON from standard input ...");
    code = read_source(i, &text);
    if (code == EXIT_OK)
        code = import_text(i, c, &text);
    lv_buffer_free(&text);
    return code;
}

static const struct failure import_fails[] = {
    {.error = "invalid_definitions", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = "invalid_json", .exit_code = EXIT_DATA},
    {.error = NULL},
};

#define MOVING_OPTIONS                                                                             \
    (BIT(OPTION_MANAGEMENT) | BIT(OPTION_CACERT) | BIT(OPTION_QUEUES) | BIT(OPTION_DRY_RUN) |      \
     BIT(OPTION_WAIT) | BIT(OPTION_SKIP_UNSUPPORTED))

/* clang-format off */
const struct command definition_commands[] = {
    {.name = "check_migration", .run = run_check_migration,
     .usage = "<url> [--cacert <file>]" TIMEOUT_USAGE,
     .help = "Shows what a running RabbitMQ uses that Leveret does not have, or does differently "
             "(docs/moving-over.md). The URL is that of its HTTP API: "
             "http://USER:PASSWORD@HOST:15672, of an administrator. Nothing is changed there. Exit "
             "status 69: something blocks a move.",
     .banner = "Looking at what a RabbitMQ uses ...",
     .arguments = {.min = 1, .max = 1, .names = "url", .not_empty = "url",
                   .options = BIT(OPTION_CACERT)}},
    {.name = "import_from", .run = run_import_from,
     .usage = "<amqp_url> [--management <url>] [--cacert <file>] [--queues <pattern>] [--dry-run] [--wait] "
              "[--skip-unsupported]" TIMEOUT_USAGE,
     .help = "Moves a running RabbitMQ into this broker: its definitions, which are read over its "
             "HTTP API, and then its messages, queue by queue (docs/moving-over.md). The URL is "
             "amqp://USER:PASSWORD@HOST[:PORT][/VHOST], of an administrator. Run it again to go "
             "on after an interruption. Exit status 75: messages are left to be moved.",
     .banner = "Moving from RabbitMQ to node $node ...",
     .arguments = {.min = 1, .max = 1, .names = "url", .not_empty = "url",
                   .options = MOVING_OPTIONS},
     .request = {.timeout_s = A_DAY_S},
     .failures = import_fails},
    {.name = "export_to", .run = run_export_to,
     .usage = "<amqp_url> [--management <url>] [--cacert <file>] [--queues <pattern>] [--dry-run] [--wait] "
              "[--skip-unsupported]" TIMEOUT_USAGE,
     .help = "Moves what this broker has to a running RabbitMQ: the way back of import_from, with "
             "the same arguments (docs/moving-over.md).",
     .banner = "Moving from node $node to RabbitMQ ...",
     .arguments = {.min = 1, .max = 1, .names = "url", .not_empty = "url",
                   .options = MOVING_OPTIONS},
     .request = {.timeout_s = A_DAY_S}},
    {.name = "export_definitions", .run = run_export,
     .usage = "<file_path | \"-\"> [--format <json>]" TIMEOUT_USAGE,
     .help = "Exports definitions as JSON.",
     .arguments = {.min = 1, .max = 1, .options = BIT(OPTION_FORMAT), .check = check_format},
     .request = {.timeout_s = A_DAY_S}},
    {.name = "import_definitions", .run = run_import,
     .usage = "[<file_path> | \"-\"] [--format <json>] [--dry-run] [--skip-if-unchanged] [--skip-unsupported]" TIMEOUT_USAGE,
     .help = "Imports definitions from JSON, all of them or none; with --skip-unsupported, all but "
             "those of types that this broker does not have. With --dry-run nothing is changed: "
             "what would change is printed.",
     .arguments = {.min = 0, .max = 1,
                   .options = BIT(OPTION_FORMAT) | BIT(OPTION_SKIP_IF_UNCHANGED) |
                              BIT(OPTION_SKIP_UNSUPPORTED) | BIT(OPTION_DRY_RUN),
                   .check = check_import},
     .request = {.timeout_s = A_DAY_S},
     .failures = import_fails},
    {.name = NULL},
};
/* clang-format on */
