/* Which files a config is read from: the environment's file, the main file, then those of conf.d,
 * and advanced.config.
 *
 * The main file is the one that is named; else that of /etc/leveret, or that of /etc/rabbitmq if
 * nothing in /etc/leveret sets anything, as after a change from RabbitMQ: the file that a package
 * installs in /etc/leveret has comments only. Without a main file conf.d alone is read. */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/encrypted.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_environment.h"
#include "leveretd/config_lines.h"
#include "leveretd/config_private.h"

struct sources {
    struct config *config;
    struct config_environment environment;
    struct config_lines lines;
    const char *root; /* SYS_PREFIX: what precedes /etc */
    const struct defaults *defaults;
    config_say say;
    void *arg;
};

/* The config files of a package, below the root. */
static const struct defaults {
    const char *directory;
    const char *file;
} of_leveret = {"/etc/leveret", "leveret.conf"}, of_rabbitmq = {"/etc/rabbitmq", "rabbitmq.conf"};

static bool is_file(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

static bool is_directory(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* Returns "ROOT/DIRECTORY/FILE". The caller owns it. */
static char *default_path(const struct sources *s, const struct defaults *of, const char *file)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s%s/%s", s->root, of->directory, file);
    return (char *)path.p;
}

static void tell_unreadable(const struct sources *s, const char *what, const char *path,
                            const char *reason)
{
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "cannot read %s %s: %s", what, path, reason);
    s->say(s->arg, LOG_ERROR, (const char *)text.p);
    lv_buffer_free(&text);
}

/* --- One file --------------------------------------------------------------------------------- */

/* Notes that the config uses this file, and returns its name, which lives as long as the config. */
static const char *add_file(struct config *config, const char *path)
{
    config->files = lv_realloc(config->files, (config->file_count + 1) * sizeof *config->files);
    config->files[config->file_count] = lv_strdup(path);
    return config->files[config->file_count++];
}

/* Adds the lines of a file. Returns ERR_INVALID after reporting bad lines, or, unreported, why the
 * file cannot be read. */
static int read_file(struct sources *s, const char *path)
{
    struct lv_buffer text = {0};
    int err = config_read_whole(path, &text);
    if (err == 0)
        err = config_lines_parse(&s->lines, lv_buffer_slice(&text), add_file(s->config, path),
                                 s->say, s->arg);
    encrypted_wipe(&text);
    return err;
}

/* The same for a file that is known to exist: reports also why it cannot be read. */
static int read_existing(struct sources *s, const char *path)
{
    int err = read_file(s, path);
    if (err < 0 && err != ERR_INVALID)
        tell_unreadable(s, "the config file", path, lv_error_text(err));
    return err;
}

/* --- /etc/leveret or /etc/rabbitmq ------------------------------------------------------------ */

/* Returns whether a file has more than comments and empty lines, or cannot be read, which whoever
 * reads it reports. */
static bool has_settings(const char *path)
{
    struct lv_buffer text = {0};
    bool has_some = config_read_whole(path, &text) < 0;
    struct slice rest = lv_buffer_slice(&text);
    while (rest.n > 0 && !has_some) {
        struct slice line = config_take_line(&rest);
        size_t i = 0;
        while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '\r'))
            i++;
        has_some = i < line.n && line.p[i] != '#';
    }
    encrypted_wipe(&text);
    return has_some;
}

static bool matches_file(const char *pattern)
{
    glob_t found = {0};
    bool is_there = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
    globfree(&found);
    return is_there;
}

/* Chooses the directory that counts. A file that a flag names counts alone, whatever is there. */
static const struct defaults *choose_defaults(const struct sources *s, const char *flag)
{
    if (flag)
        return &of_leveret;
    char *file = default_path(s, &of_leveret, of_leveret.file);
    char *pattern = default_path(s, &of_leveret, "conf.d/*.conf");
    bool is_used = (is_file(file) && has_settings(file)) || matches_file(pattern);
    free(file);
    free(pattern);
    return is_used ? &of_leveret : &of_rabbitmq;
}

/* --- The main file ---------------------------------------------------------------------------- */

static char *with_suffix(const char *path)
{
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "%s.conf", path);
    return (char *)text.p;
}

static bool is_classic(const char *path)
{
    size_t n = strlen(path);
    return n > 7 && strcmp(path + n - 7, ".config") == 0;
}

/* Returns the main file, which need not exist if it is named, or NULL if there is none. The caller
 * owns it. */
static char *choose_main_file(const struct sources *s, const char *flag)
{
    const char *named = config_environment_get(&s->environment, "RABBITMQ_CONFIG_FILE");
    if (flag)
        return lv_strdup(flag);
    if (named)
        return is_file(named) ? lv_strdup(named) : with_suffix(named);
    char *path = default_path(s, s->defaults, s->defaults->file);
    if (is_file(path))
        return path;
    free(path);
    return NULL;
}

static int read_main_file(struct sources *s, const char *path)
{
    if (!path)
        return 0;
    if (is_classic(path)) {
        tell_unreadable(s, "the config file", path,
                        "it is in RabbitMQ's classic format (Erlang terms); expected a file in the "
                        "format of rabbitmq.conf");
        return ERR_INVALID;
    }
    return read_existing(s, path);
}

/* --- conf.d ----------------------------------------------------------------------------------- */

/* Returns the pattern of further files. The caller owns it. */
static char *choose_pattern(const struct sources *s, const char *main_file)
{
    const char *named = config_environment_get(&s->environment, "RABBITMQ_CONFIG_FILES");
    struct lv_buffer pattern = {0};
    if (named) {
        lv_buffer_printf(&pattern, is_directory(named) ? "%s/*" : "%s", named);
        return (char *)pattern.p;
    }
    if (main_file) {
        char *copy = lv_strdup(main_file);
        lv_buffer_printf(&pattern, "%s/conf.d/*.conf", dirname(copy));
        free(copy);
        return (char *)pattern.p;
    }
    return default_path(s, s->defaults, "conf.d/*.conf");
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A pattern that somebody wrote is meant to name something. */
static void tell_no_files(const struct sources *s, const char *pattern)
{
    if (!config_environment_get(&s->environment, "RABBITMQ_CONFIG_FILES"))
        return;
    char *origin = config_environment_origin(&s->environment, "RABBITMQ_CONFIG_FILES");
    const struct location location = {.source = origin, .say = s->say, .arg = s->arg};
    config_tell(&location, LOG_WARNING, "%s names no file", pattern);
    free(origin);
}

/* Reads the files of a pattern in the order of their names' bytes. */
static int read_pattern(struct sources *s, const char *pattern)
{
    glob_t found = {0};
    size_t files_before = s->config->file_count;
    int err = 0;
    int status = glob(pattern, GLOB_NOSORT, NULL, &found);
    if (status == GLOB_NOSPACE || status == GLOB_ABORTED) {
        tell_unreadable(s, "the config files", pattern, strerror(errno));
        err = ERR_IO;
    }
    if (found.gl_pathc > 0) /* there is no array without a file */
        qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_paths);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (is_file(found.gl_pathv[i]) && read_existing(s, found.gl_pathv[i]) < 0)
            err = ERR_INVALID;
    globfree(&found);
    if (err == 0 && s->config->file_count == files_before)
        tell_no_files(s, pattern);
    return err;
}

/* --- The environment's file ------------------------------------------------------------------- */

/* Returns rabbitmq-env.conf, or NULL if there is none to be read: /etc/rabbitmq is not asked if the
 * config is elsewhere. The caller owns it. */
static char *choose_env_file(const struct sources *s, const char *flag)
{
    const char *named = config_environment_get(&s->environment, "RABBITMQ_CONF_ENV_FILE");
    if (named)
        return lv_strdup(named);
    if (flag || s->defaults == &of_leveret)
        return NULL;
    char *path = default_path(s, &of_rabbitmq, "rabbitmq-env.conf");
    if (is_file(path))
        return path;
    free(path);
    return NULL;
}

static int read_env_file(struct sources *s, const char *flag)
{
    char *path = choose_env_file(s, flag);
    if (!path)
        return 0;
    struct lv_buffer text = {0};
    int err = config_read_whole(path, &text);
    if (err == 0)
        config_environment_parse(&s->environment, lv_buffer_slice(&text), path, s->say, s->arg);
    else
        tell_unreadable(s, "the environment's file", path, lv_error_text(err));
    encrypted_wipe(&text);
    free(path);
    return err;
}

/* --- advanced.config -------------------------------------------------------------------------- */

/* Returns the path of advanced.config, or NULL if there is no such file. The caller owns it. */
static char *choose_advanced(const struct sources *s, const char *main_file)
{
    const char *named = config_environment_get(&s->environment, "RABBITMQ_ADVANCED_CONFIG_FILE");
    char *path;
    if (named) {
        path = lv_strdup(named);
    } else if (main_file) {
        struct lv_buffer beside = {0};
        char *copy = lv_strdup(main_file);
        lv_buffer_printf(&beside, "%s/advanced.config", dirname(copy));
        free(copy);
        path = (char *)beside.p;
    } else {
        path = default_path(s, s->defaults, "advanced.config");
    }
    if (is_file(path))
        return path;
    free(path);
    return NULL;
}

/* Adds the settings of advanced.config, which RabbitMQ reads after the others. */
static int read_advanced(struct sources *s, const char *main_file)
{
    char *path = choose_advanced(s, main_file);
    if (!path)
        return 0;
    struct lv_buffer text = {0};
    int err = config_read_whole(path, &text);
    if (err == 0)
        err = config_advanced_parse(&s->lines, lv_buffer_slice(&text), add_file(s->config, path),
                                    s->say, s->arg);
    else
        tell_unreadable(s, "the config file", path, lv_error_text(err));
    encrypted_wipe(&text);
    free(path);
    return err;
}

/* --- All of them ------------------------------------------------------------------------------ */

static int first_of(int err, int next)
{
    return err < 0 ? err : next;
}

static int read_files(struct sources *s, const char *flag)
{
    char *main_file = choose_main_file(s, flag);
    char *pattern = choose_pattern(s, main_file);
    int err = read_main_file(s, main_file);
    err = first_of(err, read_pattern(s, pattern));
    err = first_of(err, read_advanced(s, main_file));
    free(pattern);
    free(main_file);
    return err;
}

int config_read_sources(struct config *config, const char *flag, config_getenv get, config_say say,
                        void *arg)
{
    struct sources s = {.config = config, .environment = {.get = get}, .say = say, .arg = arg};
    const char *root = config_environment_get(&s.environment, "SYS_PREFIX");
    s.root = root ? root : "";
    s.defaults = choose_defaults(&s, flag);
    int err = read_env_file(&s, flag);
    err = first_of(err, read_files(&s, flag));
    err = first_of(err, config_lines_resolve(&s.lines, &s.environment, say, arg));
    err = first_of(err, config_lines_apply(&s.lines, config, say, arg));
    err = first_of(err, config_environment_apply(&s.environment, config, say, arg));
    config_lines_free(&s.lines);
    config_environment_free(&s.environment);
    return err;
}
