/* The command line of leveretd, and the whole way from it to a config.
 *
 * A flag's value is checked against an untouched config as soon as it is read: a bad flag ends
 * the process with 64 and one sentence before any file has been looked at. */
#include "leveretd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

#define SYSTEM_DATA_DIR "/var/lib/leveret"

/*    letter  flag  argument, "" where it takes none  what it does */
#define FLAGS(F)                                                                                   \
    F('c', "config", "FILE", "read this config file (" OPTIONS_DEFAULT_CONFIG_FILE ")")            \
    F('d', "data-dir", "DIR", "keep everything in this directory (" SYSTEM_DATA_DIR ")")           \
    F('b', "bind", "ADDR", "listen on this address (every address)")                               \
    F('p', "port", "N", "listen for AMQP on this port (5672)")                                     \
    F('m', "management-port", "N", "serve the management API on this port (15672)")                \
    F('l', "loops", "N", "serve connections with this many threads (one for each CPU)")            \
    F('L', "log-level", "LEVEL", "debug, info, warning, error, critical or none (info)")           \
    F('R', "recover-definitions", "", "make lost definitions anew from the log, and exit")         \
    F('N', "new-log", "", "start where the log is lost: the queues are empty")                     \
    F('h', "help", "", "print this and exit")                                                      \
    F('V', "version", "", "print the version and exit")

static const struct option long_options[] = {
#define FLAG_ROW(letter, name, argument, text)                                                     \
    {name, sizeof(argument) > 1 ? required_argument : no_argument, NULL, letter},
    FLAGS(FLAG_ROW)
#undef FLAG_ROW
        {0},
};

static void print_flag(FILE *out, const char *name, const char *argument, const char *text)
{
    struct lv_buffer left = {0};

    lv_buffer_printf(&left, "--%s %s", name, argument);
    fprintf(out, "  %-22s  %s\n", (const char *)left.p, text);
    lv_buffer_free(&left);
}

static void print_help(FILE *out)
{
    fprintf(out, "Usage: leveretd [FLAG]...\nThe Leveret message broker. Without flags it serves "
                 "AMQP 0-9-1 on port 5672.\n\n");
#define HELP_ROW(letter, name, argument, text) print_flag(out, name, argument, text);
    FLAGS(HELP_ROW)
#undef HELP_ROW
    fprintf(out, "\nFlags win over the environment (RABBITMQ_DEFAULT_USER, RABBITMQ_NODE_PORT, "
                 "...), which wins\nover the config file, which has rabbitmq.conf's format.\n");
}

/* --- Flags ------------------------------------------------------------------------------------ */

static void say_to_file(void *arg, enum log_level level, const char *text)
{
    (void)level;
    fprintf(arg, "leveretd: %s\n", text);
}

/* A setting that a flag stands for. */
static const char *key_of(int letter)
{
    switch (letter) {
    case 'd': return "data_dir";
    case 'm': return "management.tcp.port";
    case 'l': return "loops";
    case 'L': return "log.level";
    default: return NULL;
    }
}

static const char *name_of(int letter)
{
    switch (letter) {
#define NAME_CASE(letter, name, argument, text)                                                    \
    case letter: return "--" name;
        FLAGS(NAME_CASE)
#undef NAME_CASE
    default: return "";
    }
}

/* False unless the whole text is a number that a port can be. */
static bool read_port(const char *text, int *ret)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n > 65535)
        return false;
    *ret = (int)n;
    return true;
}

static bool take_flag(struct options *options, int letter, char *value, struct config *scratch,
                      FILE *err)
{
    const char *key = key_of(letter);

    if (key && config_set(scratch, key, value, name_of(letter), say_to_file, err) < 0)
        return false;
    switch (letter) {
    case 'c': options->config_file = value; return true;
    case 'd': options->data_dir = value; return true;
    case 'l': options->loops = value; return true;
    case 'L': options->log_level = value; return true;
    case 'm': return read_port(value, &options->management_port);
    case 'b':
        options->bind = value;
        return config_set_listener(scratch, value, -1, "--bind", say_to_file, err) == 0;
    case 'p':
        if (read_port(value, &options->port))
            return true;
        fprintf(err, "leveretd: --port: '%s': expected a whole number from 0 to 65535\n", value);
        return false;
    default: lv_unreachable();
    }
}

/* What getopt_long found wrong: ':' a missing argument, '?' an unknown flag. */
static void tell_bad_flag(int result, char **argv, FILE *err)
{
    const char *flag = argv[optind - 1];

    if (result == ':')
        fprintf(err, "leveretd: %s: expected a value behind it\n", flag);
    else
        fprintf(err, "leveretd: unknown flag %s\n", flag);
}

/* True: a flag was taken, or *ret_is_end. False: it is over, with *ret_exit. */
static bool next_flag(int argc, char **argv, struct options *options, struct config *scratch,
                      bool *ret_is_end, int *ret_exit, FILE *out, FILE *err)
{
    int letter = getopt_long(argc, argv, ":", long_options, NULL);

    *ret_exit = 0;
    if (letter == -1) {
        *ret_is_end = true;
        return true;
    }
    if (letter == 'R' || letter == 'N') {
        options->recovers_definitions |= letter == 'R';
        options->begins_new_log |= letter == 'N';
        return true;
    }
    if (letter == 'h') {
        print_help(out);
        return false;
    }
    if (letter == 'V') {
        fprintf(out, "leveretd %s\n", LEVERET_VERSION);
        return false;
    }
    *ret_exit = OPTIONS_EXIT_USAGE;
    if (letter == '?' || letter == ':') {
        tell_bad_flag(letter, argv, err);
        return false;
    }
    return take_flag(options, letter, optarg, scratch, err);
}

bool options_parse(int argc, char **argv, struct options *ret, int *ret_exit, FILE *out, FILE *err)
{
    struct options options = {.port = -1, .management_port = -1};
    struct config *scratch = config_create();
    bool is_good = true;
    bool is_end = false;
    int status = 0;

    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while (is_good && !is_end)
        is_good = next_flag(argc, argv, &options, scratch, &is_end, &status, out, err);
    if (is_good && optind < argc) {
        fprintf(err, "leveretd: unexpected argument '%s'\n", argv[optind]);
        status = OPTIONS_EXIT_USAGE;
        is_good = false;
    }
    config_free(&scratch);
    if (!is_good && status == OPTIONS_EXIT_USAGE)
        fprintf(err, "Try 'leveretd --help'.\n");
    if (is_good)
        *ret = options;
    else
        *ret_exit = status;
    return is_good;
}

/* --- From flags to a config ------------------------------------------------------------------- */

static void tell(config_say say, void *arg, const char *path, int err)
{
    struct lv_buffer text = {0};

    lv_buffer_printf(&text, "cannot read the config file %s: %s", path, lv_error_text(err));
    say(arg, LOG_ERROR, (const char *)text.p);
    lv_buffer_free(&text);
}

/* A file that was named must be there. */
static int read_named(struct config *config, const char *path, bool may_lack_suffix, config_say say,
                      void *arg)
{
    int err = config_read_file(config, path, say, arg);

    if (err == ERR_NOT_FOUND && may_lack_suffix) {
        struct lv_buffer with_suffix = {0};

        lv_buffer_printf(&with_suffix, "%s.conf", path);
        err = config_read_file(config, (const char *)with_suffix.p, say, arg);
        lv_buffer_free(&with_suffix);
    }
    if (err < 0 && err != ERR_INVALID)
        tell(say, arg, path, err);
    return err;
}

static int read_default(struct config *config, config_say say, void *arg)
{
    int err = config_read_file(config, OPTIONS_DEFAULT_CONFIG_FILE, say, arg);

    if (err == ERR_NOT_FOUND)
        return 0;
    if (err < 0 && err != ERR_INVALID)
        tell(say, arg, OPTIONS_DEFAULT_CONFIG_FILE, err);
    return err;
}

static int read_config_file(struct config *config, const struct options *options, config_getenv get,
                            config_say say, void *arg)
{
    const char *named = get("RABBITMQ_CONFIG_FILE");

    if (options->config_file)
        return read_named(config, options->config_file, false, say, arg);
    if (named && named[0] != '\0')
        return read_named(config, named, true, say, arg);
    return read_default(config, say, arg);
}

/* Of two steps, both of which are done, so that every fault is said at once. */
static int first_of(int err, int next)
{
    return err < 0 ? err : next;
}

static int apply_flag(struct config *config, int letter, const char *value, config_say say,
                      void *arg)
{
    return value ? config_set(config, key_of(letter), value, name_of(letter), say, arg) : 0;
}

static int apply_flags(struct config *config, const struct options *o, config_say say, void *arg)
{
    char port[16];
    int err = 0;

    if (o->bind || o->port >= 0)
        err =
            config_set_listener(config, o->bind, o->port, o->bind ? "--bind" : "--port", say, arg);
    if (o->management_port >= 0) {
        snprintf(port, sizeof port, "%d", o->management_port);
        err = first_of(err, apply_flag(config, 'm', port, say, arg));
    }
    err = first_of(err, apply_flag(config, 'd', o->data_dir, say, arg));
    err = first_of(err, apply_flag(config, 'l', o->loops, say, arg));
    err = first_of(err, apply_flag(config, 'L', o->log_level, say, arg));
    if (o->log_level) /* the flag wins over the file's log.console.level, too */
        err = first_of(
            err, config_set(config, "log.console.level", o->log_level, "--log-level", say, arg));
    return err;
}

static bool can_use_system_dir(void)
{
    return geteuid() == 0 || access(SYSTEM_DATA_DIR, W_OK) == 0;
}

static int choose_data_dir(struct config *config, config_getenv get, config_say say, void *arg)
{
    const char *state = get("XDG_STATE_HOME");
    const char *home = get("HOME");
    struct lv_buffer dir = {0};
    int err = 0;

    if (config->data_dir[0] != '\0')
        return 0;
    if (can_use_system_dir())
        lv_buffer_printf(&dir, "%s", SYSTEM_DATA_DIR);
    else if (state && state[0] == '/')
        lv_buffer_printf(&dir, "%s/leveret", state);
    else if (home && home[0] == '/')
        lv_buffer_printf(&dir, "%s/.local/state/leveret", home);
    if (dir.n == 0) {
        say(arg, LOG_ERROR, "there is no data directory to choose: name one with --data-dir");
        err = ERR_INVALID;
    } else {
        free(config->data_dir);
        config->data_dir = lv_strdup((const char *)dir.p);
    }
    lv_buffer_free(&dir);
    return err;
}

int options_load_config(const struct options *options, config_getenv get, config_say say, void *arg,
                        struct config **ret)
{
    struct config *config = config_create();
    int err = read_config_file(config, options, get, say, arg);

    err = first_of(err, config_apply_environment(config, get, say, arg));
    err = first_of(err, apply_flags(config, options, say, arg));
    err = first_of(err, choose_data_dir(config, get, say, arg));
    if (err < 0) {
        config_free(&config);
        return err;
    }
    *ret = config;
    return 0;
}
