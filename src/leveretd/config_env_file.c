/* rabbitmq-env.conf: variables, one in a line, as a shell has them:
 *
 *   NODE_PORT=5673
 *   export RABBITMQ_MNESIA_BASE="/data/$HOSTNAME"
 *
 * RabbitMQ has a shell execute the file. Leveret reads it: a broker that is asked to check a config
 * must not run a program, and a shell's answer would not tell which line sets what. So only
 * assignments have an effect; a warning names every other line. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "leveretd/config_environment.h"
#include "leveretd/config_private.h"

static bool is_name_byte(uint8_t c, bool is_first)
{
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (!is_first && c >= '0' && c <= '9');
}

/* Takes a variable's name off *rest; it is empty if there is none. */
static struct slice take_name(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->n && is_name_byte(rest->p[n], n == 0))
        n++;
    struct slice name = slice_of(rest->p, n);
    *rest = slice_of(rest->p + n, rest->n - n);
    return name;
}

static void skip(struct slice *rest, size_t n)
{
    *rest = slice_of(rest->p + n, rest->n - n);
}

static void add_variable(const struct config_environment *e, struct slice name,
                         struct lv_buffer *out)
{
    char *text = slice_strdup(name);
    const char *value = config_environment_get(e, text);
    lv_buffer_printf(out, "%s", value ? value : "");
    free(text);
}

/* Appends what `$NAME` or `${NAME}` stands for; *rest begins with the dollar. Returns false if it
 * is anything else that a shell would replace. */
static bool take_variable(const struct config_environment *e, struct slice *rest,
                          struct lv_buffer *out)
{
    skip(rest, 1);
    bool has_braces = rest->n > 0 && rest->p[0] == '{';
    if (has_braces)
        skip(rest, 1);
    struct slice name = take_name(rest);
    if (name.n == 0 || (has_braces && (rest->n == 0 || rest->p[0] != '}')))
        return false;
    if (has_braces)
        skip(rest, 1);
    add_variable(e, name, out);
    return true;
}

/* Appends a value up to its end: a space, or a comment after it. Returns false if a shell would do
 * more than replace variables. */
static bool take_value(const struct config_environment *e, struct slice *rest,
                       struct lv_buffer *out)
{
    uint8_t quote = 0;
    while (rest->n > 0 && (quote || (rest->p[0] != ' ' && rest->p[0] != '\t'))) {
        uint8_t c = rest->p[0];
        if (c == '$' && quote != '\'') {
            if (!take_variable(e, rest, out))
                return false;
            continue;
        }
        if ((c == '`' || c == '\\') && quote != '\'')
            return false;
        if (!quote && strchr(";&|<>()*?[~", c))
            return false;
        skip(rest, 1);
        if (c == quote)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else
            lv_buffer_add_u8(out, c);
    }
    return quote == 0;
}

static void skip_spaces(struct slice *rest)
{
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
        skip(rest, 1);
}

/* Takes `NAME=VALUE` or `export NAME=VALUE`. Returns false if the line is neither. */
static bool take_assignment(struct config_environment *e, struct slice line, const char *origin)
{
    struct lv_buffer value = {0};
    if (slice_begins(line, "export ")) {
        skip(&line, strlen("export "));
        skip_spaces(&line);
    }
    struct slice name = take_name(&line);
    bool is_good = name.n > 0 && line.n > 0 && line.p[0] == '=';
    if (is_good) {
        skip(&line, 1);
        is_good = take_value(e, &line, &value);
        skip_spaces(&line);
        is_good &= line.n == 0 || line.p[0] == '#';
        is_good &= value.n == 0 || !memchr(value.p, '\0', value.n);
    }
    if (is_good) {
        char *n = slice_strdup(name);
        char *v = slice_strdup(lv_buffer_slice(&value));
        config_pairs_put(&e->file, n, v, origin, false);
        free(n);
        free(v);
    }
    lv_buffer_free(&value);
    return is_good;
}

void config_environment_parse(struct config_environment *e, struct slice text, const char *name,
                              config_say say, void *arg)
{
    struct location location = {.source = name, .say = say, .arg = arg};
    while (text.n > 0) {
        struct slice line = config_take_line(&text);
        struct lv_buffer origin = {0};
        location.line++;
        skip_spaces(&line);
        lv_buffer_printf(&origin, "%s:%d", name, location.line);
        if (line.n > 0 && line.p[0] != '#' && !take_assignment(e, line, (const char *)origin.p))
            config_tell(&location, LOG_WARNING,
                        "the line has no effect: only NAME=VALUE is read, with $NAME or ${NAME} "
                        "in the value");
        lv_buffer_free(&origin);
    }
}
