/* What stands in parentheses after a dollar sign in a value: $(KEY) is the value of another key of
 * the files, or its default; $(VARIABLE) is that of an environment variable, if there is no such
 * key; $(<FILE), if it is the whole value, is the content of a file.
 *
 * A value is resolved once and then used wherever it is referred to, so the work is in proportion
 * to the text. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_lines.h"
#include "leveretd/config_private.h"

/* References within what is referred to, and the bytes of a value. */
enum { DEPTH_MAX = 32, VALUE_BYTES_MAX = 1 << 20 };

struct resolver {
    struct config_lines *lines;
    const struct config_environment *environment; /* NULL: there is none */
    config_say say;
    void *arg;
    const struct config_line *at; /* the line that is resolved, for reports */
    int depth;
};

static void tell(const struct resolver *r, const char *what, struct slice name)
{
    const struct location location = {
        .source = r->at->source, .line = r->at->line, .say = r->say, .arg = r->arg};
    config_tell(&location, LOG_ERROR, "%s: $(%.*s) %s", r->at->key, SLICE_ARG(name), what);
}

/* Returns the last line that sets the key, which is the one that counts, or NULL. */
static struct config_line *find_line(const struct config_lines *lines, const char *key)
{
    const char *meant = config_canonical_key(key);
    for (size_t i = lines->count; i-- > 0;)
        if (strcmp(config_canonical_key(lines->items[i].key), meant) == 0)
            return &lines->items[i];
    return NULL;
}

static int resolve_line(struct resolver *r, struct config_line *line);
static int expand(struct resolver *r, const char *text, struct lv_buffer *out);

/* Appends the value of a key or a variable. */
static int add_named(struct resolver *r, struct slice name, struct lv_buffer *out)
{
    char *key = slice_strdup(name);
    struct config_line *line = find_line(r->lines, key);
    const char *text = NULL;
    int err = 0;
    if (line && line->state == LINE_RESOLVING) {
        tell(r, "refers back to itself", name);
        err = ERR_INVALID;
    } else if (line) {
        err = resolve_line(r, line);
        text = line->value;
    } else if (r->environment && (text = config_environment_get(r->environment, key)) != NULL) {
        struct lv_buffer value = {0};
        err = expand(r, text, &value);
        text = NULL;
        lv_buffer_add_slice(out, lv_buffer_slice(&value));
        lv_buffer_free(&value);
    } else if ((text = config_default_of(key)) == NULL) {
        tell(r, "is neither a key of the configuration nor an environment variable", name);
        err = ERR_INVALID;
    }
    if (err == 0 && text)
        lv_buffer_printf(out, "%s", text);
    free(key);
    return err;
}

static struct slice trim(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    return slice_of(from, (size_t)(to - from));
}

static int add_reference(struct resolver *r, struct slice name, struct lv_buffer *out)
{
    if (r->depth == DEPTH_MAX) {
        tell(r, "is within too many others", name);
        return ERR_INVALID;
    }
    r->depth++;
    int err = add_named(r, name, out);
    r->depth--;
    if (err == 0 && out->n > VALUE_BYTES_MAX) {
        tell(r, "makes the value larger than 1 MiB", name);
        err = ERR_INVALID;
    }
    return err;
}

/* Appends the text with each $(NAME) replaced. A `$(` without its end is plain text. */
static int expand(struct resolver *r, const char *text, struct lv_buffer *out)
{
    for (const char *begin; (begin = strstr(text, "$(")) != NULL;) {
        const char *end = strchr(begin, ')');
        if (!end)
            break;
        lv_buffer_add(out, text, (size_t)(begin - text));
        int err = add_reference(r, trim(begin + 2, end), out);
        if (err < 0)
            return err;
        text = end + 1;
    }
    lv_buffer_printf(out, "%s", text);
    return 0;
}

/* Returns the path of the file whose content the value is, or NULL. The path is relative to the
 * directory of the config file. The caller owns it. */
static char *included_path(const struct config_line *line)
{
    size_t n = strlen(line->value);
    if (n < 4 || strncmp(line->value, "$(<", 3) != 0 ||
        strchr(line->value, ')') != line->value + n - 1)
        return NULL;
    struct slice name = trim(line->value + 3, line->value + n - 1);
    if (name.n > 0 && name.p[0] == '/')
        return slice_strdup(name);
    char *source = lv_strdup(line->source);
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/%.*s", dirname(source), SLICE_ARG(name));
    free(source);
    return (char *)path.p;
}

/* Appends the file's content without the line end at its end. */
static int add_file(const struct resolver *r, const char *path, struct lv_buffer *out)
{
    int err = config_read_whole(path, out);
    const char *reason = err < 0 ? lv_error_text(err) : NULL;
    if (err == 0 && memchr(out->p, '\0', out->n))
        reason = "it contains a NUL";
    if (!reason && out->n > 0 && out->p[out->n - 1] == '\n')
        out->n--;
    if (!reason && out->n > 0 && out->p[out->n - 1] == '\r')
        out->n--;
    if (!reason)
        return 0;
    const struct location location = {
        .source = r->at->source, .line = r->at->line, .say = r->say, .arg = r->arg};
    config_tell(&location, LOG_ERROR, "%s: cannot read %s: %s", r->at->key, path, reason);
    return ERR_INVALID;
}

static int resolve_line(struct resolver *r, struct config_line *line)
{
    if (line->state == LINE_RESOLVED)
        return line->is_bad ? ERR_INVALID : 0;
    if (!strstr(line->value, "$(")) {
        line->state = LINE_RESOLVED;
        return 0;
    }
    const struct config_line *outer = r->at;
    struct lv_buffer out = {0};
    line->state = LINE_RESOLVING;
    r->at = line;
    char *path = included_path(line);
    int err = path ? add_file(r, path, &out) : expand(r, line->value, &out);
    if (err == 0) {
        free(line->value);
        line->value = slice_strdup(lv_buffer_slice(&out));
    }
    line->is_bad |= err < 0;
    line->state = LINE_RESOLVED;
    r->at = outer;
    free(path);
    lv_buffer_free(&out);
    return err;
}

int config_lines_resolve(struct config_lines *lines, const struct config_environment *environment,
                         config_say say, void *arg)
{
    struct resolver r = {.lines = lines, .environment = environment, .say = say, .arg = arg};
    int err = 0;
    for (size_t i = 0; i < lines->count; i++)
        if (resolve_line(&r, &lines->items[i]) < 0)
            err = ERR_INVALID;
    return err;
}
