/* Reads a config file in the format of rabbitmq.conf into lines (CRLF is fine):
 *   - `key = value`, with or without the spaces; a `#` begins a comment, also after a value;
 *   - a value with a `#`, or with spaces at its ends, is written in single quotes; one of several
 *     lines between two times three single quotes;
 *   - a dot within a name in a key is written `\.`: loopback_users.ann\.smith = true;
 *   - if a key is set more than once, the last line wins.
 *
 * Why not inih, which also reads `key = value`: it takes `;` for the beginning of a comment and `:`
 * for the end of a key; a line that begins with a space continues the previous value, so an
 * indented setting would vanish into the one above it; a line has at most 200 bytes; and it does
 * not tell the line number of a pair, which all our errors name. All it would save is
 * parse_line(). */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/vec.h"
#include "leveretd/config_lines.h"
#include "leveretd/config_private.h"

enum { FILE_BYTES_MAX = 1 << 20 };

/* --- A line ----------------------------------------------------------------------------------- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct slice skip_bytes(struct slice s, size_t n)
{
    lv_assert(n <= s.n);
    return slice_of(s.p + n, s.n - n);
}

static struct slice skip_spaces(struct slice s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = skip_bytes(s, 1);
    return s;
}

static bool has_controls(struct slice line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] < ' ' && line.p[i] != '\t')
            return true;
    return false;
}

static struct slice take_key(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->n && !is_space(rest->p[n]) && rest->p[n] != '=' && rest->p[n] != '#')
        n++;
    *rest = skip_bytes(*rest, n);
    return slice_of(rest->p - n, n);
}

/* Takes the value: what is between quotes, or all up to a comment. Returns false if there is no
 * value, no closing quote, or more text after it. */
static bool take_value(struct slice rest, struct slice *ret)
{
    if (rest.n > 0 && rest.p[0] == '\'') {
        const uint8_t *quote = memchr(rest.p + 1, '\'', rest.n - 1);
        if (!quote)
            return false;
        *ret = slice_of(rest.p + 1, (size_t)(quote - rest.p) - 1);
        rest = skip_spaces(skip_bytes(rest, (size_t)(quote - rest.p) + 1));
        return rest.n == 0 || rest.p[0] == '#';
    }
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '#')
        n++;
    while (n > 0 && is_space(rest.p[n - 1]))
        n--;
    *ret = slice_of(rest.p, n);
    return n > 0;
}

void config_lines_add(struct config_lines *lines, struct slice key, struct slice value,
                      const struct location *location)
{
    lv_vec_room(lines->items, lines->count, lines->capacity);
    lines->items[lines->count++] = (struct config_line){.key = slice_strdup(key),
                                                        .value = slice_strdup(value),
                                                        .source = location->source,
                                                        .line = location->line};
}

static bool is_line_end(uint8_t c)
{
    return c == '\n' || c == '\r';
}

/* Takes a value between three single quotes off *rest, which begins with the first three, without
 * the line ends next to the quotes, and counts the lines. Returns false if there is no end. */
static bool take_long_value(struct slice *rest, struct slice *ret, int *line)
{
    const uint8_t *begin = rest->p + 3;
    const uint8_t *end = memmem(begin, rest->n - 3, "'''", 3);
    if (!end)
        return false;
    for (const uint8_t *p = begin; p < end; p++)
        *line += *p == '\n';
    *rest = skip_bytes(*rest, (size_t)(end - rest->p) + 3);
    while (begin < end && is_line_end(*begin))
        begin++;
    while (end > begin && is_line_end(end[-1]))
        end--;
    *ret = slice_of(begin, (size_t)(end - begin));
    return memchr(begin, '\0', (size_t)(end - begin)) == NULL;
}

static void tell_bad_line(struct slice line, const struct location *location)
{
    if (slice_begins(line, "include ") || slice_begins(line, "include\t"))
        config_tell(location, LOG_ERROR,
                    "include is not supported: put the file into conf.d, or name it with "
                    "RABBITMQ_CONFIG_FILES");
    else
        config_tell(location, LOG_ERROR, "expected 'key = value' or '# comment'");
}

/* Takes `key =` off *line. Returns false after reporting a line that has none. */
static bool take_key_of(struct slice *line, struct slice *ret_key, const struct location *location)
{
    const struct slice whole = *line;
    *ret_key = take_key(line);
    *line = skip_spaces(*line);
    if (ret_key->n == 0 || line->n == 0 || line->p[0] != '=') {
        tell_bad_line(whole, location);
        return false;
    }
    *line = skip_spaces(skip_bytes(*line, 1));
    return true;
}

/* Takes what is left of a line. Returns false after reporting anything but a comment. */
static bool take_end_of_line(struct slice *text, struct slice key, const struct location *location)
{
    struct slice line = text->n ? skip_spaces(config_take_line(text)) : *text;
    if (line.n == 0 || line.p[0] == '#')
        return true;
    config_tell(location, LOG_ERROR, "expected nothing after the quotes that end %.*s",
                SLICE_ARG(key));
    return false;
}

/* Takes a setting whose value begins three quotes before the end of the line, at `value`. */
static int parse_long_value(struct config_lines *lines, struct slice *text, struct slice key,
                            const uint8_t *value, struct location *location)
{
    const struct location first = *location;
    struct slice rest = slice_of(value, (size_t)(text->p + text->n - value));
    struct slice taken;
    if (!take_long_value(&rest, &taken, &location->line)) {
        config_tell(&first, LOG_ERROR, "expected the value of %.*s to end with '''",
                    SLICE_ARG(key));
        return ERR_INVALID;
    }
    *text = rest;
    if (!take_end_of_line(text, key, location))
        return ERR_INVALID;
    config_lines_add(lines, key, taken, &first);
    return 0;
}

/* Takes the next line off *text, or several if a value takes several. */
static int parse_line(struct config_lines *lines, struct slice *text, struct location *location)
{
    struct slice rest = skip_spaces(config_take_line(text));
    struct slice key;
    if (rest.n == 0 || rest.p[0] == '#')
        return 0;
    if (has_controls(rest)) {
        config_tell(location, LOG_ERROR, "the line contains a control character");
        return ERR_INVALID;
    }
    if (!take_key_of(&rest, &key, location))
        return ERR_INVALID;
    if (slice_begins(rest, "'''"))
        return parse_long_value(lines, text, key, rest.p, location);
    struct slice value;
    if (!take_value(rest, &value)) {
        config_tell(location, LOG_ERROR, "expected a value after '%.*s ='", SLICE_ARG(key));
        return ERR_INVALID;
    }
    config_lines_add(lines, key, value, location);
    return 0;
}

/* --- Lines ------------------------------------------------------------------------------------ */

struct slice config_take_line(struct slice *rest)
{
    lv_assert(rest->n > 0);
    const uint8_t *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct slice line = slice_of(rest->p, n);

    *rest = skip_bytes(*rest, end ? n + 1 : n);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

int config_lines_parse(struct config_lines *lines, struct slice text, const char *name,
                       config_say say, void *arg)
{
    struct location location = {.source = name, .say = say, .arg = arg};
    if (slice_begins(text, "\xef\xbb\xbf")) /* a byte order mark, which some editors write */
        text = skip_bytes(text, 3);
    int err = 0;
    while (text.n > 0) {
        location.line++;
        if (parse_line(lines, &text, &location) < 0)
            err = ERR_INVALID;
    }
    return err;
}

void config_lines_free(struct config_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        OPENSSL_cleanse(lines->items[i].value, strlen(lines->items[i].value));
        free(lines->items[i].key);
        free(lines->items[i].value);
    }
    free(lines->items);
    *lines = (struct config_lines){0};
}

int config_read_whole(const char *path, struct lv_buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    int err = fd < 0 ? lv_error_from_errno(errno) : 0;
    while (err == 0 && n > 0) {
        n = read(fd, lv_buffer_reserve(out, 4096), 4096);
        if (n < 0)
            err = lv_error_from_errno(errno);
        else
            out->n += (size_t)n;
        if (out->n > FILE_BYTES_MAX)
            err = ERR_TOO_LARGE;
    }
    if (fd >= 0)
        close(fd);
    return err;
}
