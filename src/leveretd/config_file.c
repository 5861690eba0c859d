/* Reads a config file in the format of rabbitmq.conf, line by line (CRLF is fine):
 *   - `key = value`, with or without the spaces; a `#` begins a comment, also after a value;
 *   - a value with a `#`, or with spaces at its ends, is written in single quotes;
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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
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

static int use_pair(struct config *config, struct slice key, struct slice value,
                    const struct location *location)
{
    char *k = slice_strdup(key);
    char *v = slice_strdup(value);
    int err = config_set_by_key(config, k, v, location);
    if (err == 0)
        config_tell_waiting(k, location);
    if (err == ERR_NOT_FOUND) {
        config_tell_unknown(k, location);
        err = 0;
    }
    free(k);
    free(v);
    return err;
}

static int parse_line(struct config *config, struct slice line, const struct location *location)
{
    struct slice rest = skip_spaces(line);
    if (rest.n == 0 || rest.p[0] == '#')
        return 0;
    if (has_controls(rest)) {
        config_tell(location, LOG_ERROR, "the line contains a control character");
        return ERR_INVALID;
    }
    struct slice key = take_key(&rest);
    rest = skip_spaces(rest);
    if (key.n == 0 || rest.n == 0 || rest.p[0] != '=') {
        config_tell(location, LOG_ERROR, "expected 'key = value' or '# comment'");
        return ERR_INVALID;
    }
    struct slice value;
    if (!take_value(skip_spaces(skip_bytes(rest, 1)), &value)) {
        config_tell(location, LOG_ERROR, "expected a value after '%.*s ='", SLICE_ARG(key));
        return ERR_INVALID;
    }
    return use_pair(config, key, value, location);
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

int config_parse(struct config *config, struct slice text, const char *name, config_say say,
                 void *arg)
{
    struct location location = {name, 0, say, arg};
    if (slice_begins(text, "\xef\xbb\xbf")) /* a byte order mark, which some editors write */
        text = skip_bytes(text, 3);
    int err = 0;
    while (text.n > 0) {
        location.line++;
        if (parse_line(config, config_take_line(&text), &location) < 0)
            err = ERR_INVALID;
    }
    return err;
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

int config_read_file(struct config *config, const char *path, config_say say, void *arg)
{
    struct lv_buffer text = {0};
    int err = config_read_whole(path, &text);
    if (err == 0) {
        err = config_parse(config, lv_buffer_slice(&text), path, say, arg);
        free(config->file);
        config->file = lv_strdup(path);
    }
    lv_buffer_free(&text);
    return err;
}
