/* The command line of leveretd, and the config it leads to.
 *
 * Each flag is tried out on a scratch config as soon as it is read, so a bad flag ends the process
 * with exit status 64 and one sentence before any file is read. */
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

/*    letter  flag  argument ("" if it takes none; in [] if it may be missing)  help text */
#define FLAGS(F)                                                                                   \
    F('c', "config", "FILE", "read this config file (/etc/leveret/leveret.conf)")                  \
    F('C', "check-config", "[FILE]", "say what is wrong with the configuration, and exit")         \
    F('d', "data-dir", "DIR", "keep all files in this directory (" SYSTEM_DATA_DIR ")")            \
    F('b', "bind", "ADDR", "listen on this address (every address)")                               \
    F('p', "port", "N", "listen for AMQP on this port (5672)")                                     \
    F('m', "management-port", "N", "serve the management API on this port (15672)")                \
    F('M', "metrics-port", "N", "serve metrics for Prometheus on this port (15692)")               \
    F('l', "loops", "N", "serve connections with this many threads (one per CPU)")                 \
    F('L', "log-level", "LEVEL", "debug, info, warning, error, critical or none (info)")           \
    F('R', "recover-definitions", "", "recreate lost queues from the log, and exit")               \
    F('N', "new-log", "", "start with empty queues if the log is lost")                            \
    F('h', "help", "", "print this and exit")                                                      \
    F('V', "version", "", "print the version and exit")

static const struct option long_options[] = {
#define FLAG_ROW(letter, name, argument, text)                                                     \
    {name,                                                                                         \
     sizeof(argument) == 1                 ? no_argument                                           \
     : sizeof(argument) == sizeof "[FILE]" ? optional_argument                                     \
                                           : required_argument,                                    \
     NULL, letter},
    FLAGS(FLAG_ROW)
#undef FLAG_ROW
        {0},
};

static void print_flag(FILE *out, const char *name, const char *argument, const char *text)
{
    struct lv_buffer flag = {0};
    lv_buffer_printf(&flag, "--%s %s", name, argument);
    fprintf(out, "  %-22s  %s\n", (const char *)flag.p, text);
    lv_buffer_free(&flag);
}

static void print_help(FILE *out)
{
    fprintf(out, "Usage: leveretd [FLAG]...\nThe Leveret message broker. Without flags it serves "
                 "AMQP 0-9-1 on port 5672. Defaults are in parentheses.\n\n");
#define HELP_ROW(letter, name, argument, text) print_flag(out, name, argument, text);
    FLAGS(HELP_ROW)
#undef HELP_ROW
    fprintf(out, "\nFlags override the environment (RABBITMQ_DEFAULT_USER, RABBITMQ_NODE_PORT, "
                 "...), which\noverrides the config files, which have the format of "
                 "rabbitmq.conf.\n");
}

/* --- Flags ------------------------------------------------------------------------------------ */

static void say_to_file(void *arg, enum log_level level, const char *text)
{
    (void)level;
    fprintf(arg, "leveretd: %s\n", text);
}

/* Returns the key of the setting that the flag sets, or NULL if there is no single one. */
static const char *flag_key(int letter)
{
    switch (letter) {
    case 'd': return "data_dir";
    case 'm': return "management.tcp.port";
    case 'M': return "prometheus.tcp.port";
    case 'l': return "loops";
    case 'L': return "log.level";
    default: return NULL;
    }
}

static const char *flag_name(int letter)
{
    switch (letter) {
#define NAME_CASE(letter, name, argument, text)                                                    \
    case letter: return "--" name;
        FLAGS(NAME_CASE)
#undef NAME_CASE
    default: return "";
    }
}

/* Reads a port from 0 to 65535. Returns false if the text is anything else. */
static bool read_port(const char *text, int *ret)
{
    errno = 0;
    char *end;
    long n = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n > 65535)
        return false;
    *ret = (int)n;
    return true;
}

/* Takes over a flag with an argument. Returns false after reporting a bad one. */
static bool take_flag(struct options *options, int letter, char *value, struct config *scratch,
                      FILE *err)
{
    const char *key = flag_key(letter);
    if (key && config_set(scratch, key, value, flag_name(letter), say_to_file, err) < 0)
        return false;
    switch (letter) {
    case 'c': options->config_file = value; return true;
    case 'd': options->data_dir = value; return true;
    case 'l': options->loops = value; return true;
    case 'L': options->log_level = value; return true;
    case 'm': options->management_port = value; return true;
    case 'M': options->metrics_port = value; return true;
    case 'b':
        options->bind = value;
        return config_set_listener(scratch, value, -1, "--bind", say_to_file, err) == 0;
    case 'p':
        if (read_port(value, &options->port))
            return true;
        fprintf(err, "leveretd: --port: invalid value '%s': expected a port from 0 to 65535\n",
                value);
        return false;
    default: lv_unreachable();
    }
}

/* Reports what getopt_long() found: ':' a missing argument, '?' an unknown flag. */
static void tell_bad_flag(int result, char **argv, FILE *err)
{
    const char *flag = argv[optind - 1];
    if (result == ':')
        fprintf(err, "leveretd: %s requires a value\n", flag);
    else
        fprintf(err, "leveretd: unknown flag %s\n", flag);
}

/* Takes --check-config with its file, which may also be the next argument. */
static void take_check(int argc, char **argv, struct options *options)
{
    options->checks_config = true;
    if (optarg)
        options->config_file = optarg;
    else if (optind < argc && argv[optind][0] != '-')
        options->config_file = argv[optind++];
}

/* Takes the next flag. Returns true if it was taken, or if there is none (*ret_is_end); false if
 * the process must exit with *ret_exit. */
static bool next_flag(int argc, char **argv, struct options *options, struct config *scratch,
                      bool *ret_is_end, int *ret_exit, FILE *out, FILE *err)
{
    int letter = getopt_long(argc, argv, ":", long_options, NULL);
    *ret_exit = 0;
    if (letter == -1) {
        *ret_is_end = true;
        return true;
    }
    if (letter == 'C') {
        take_check(argc, argv, options);
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
    struct options options = {.port = -1};
    struct config *scratch = config_create();
    optind = 0; /* glibc: start from the beginning, also after an earlier call */
    opterr = 0;
    bool is_good = true;
    bool is_end = false;
    int status = 0;
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

/* Returns the first error of two steps. Both have run by then, so every error is reported at once.
 */
static int first_of(int err, int next)
{
    return err < 0 ? err : next;
}

static int apply_flag(struct config *config, int letter, const char *value, config_say say,
                      void *arg)
{
    return value ? config_set(config, flag_key(letter), value, flag_name(letter), say, arg) : 0;
}

static int apply_flags(struct config *config, const struct options *o, config_say say, void *arg)
{
    int err = 0;
    if (o->bind || o->port >= 0)
        err =
            config_set_listener(config, o->bind, o->port, o->bind ? "--bind" : "--port", say, arg);
    if (o->bind) {
        err = first_of(err, config_set(config, "management.tcp.ip", o->bind, "--bind", say, arg));
        err = first_of(err, config_set(config, "prometheus.tcp.ip", o->bind, "--bind", say, arg));
        err = first_of(err, config_set(config, "prometheus.ssl.ip", o->bind, "--bind", say, arg));
    }
    err = first_of(err, apply_flag(config, 'm', o->management_port, say, arg));
    err = first_of(err, apply_flag(config, 'M', o->metrics_port, say, arg));
    err = first_of(err, apply_flag(config, 'd', o->data_dir, say, arg));
    err = first_of(err, apply_flag(config, 'l', o->loops, say, arg));
    err = first_of(err, apply_flag(config, 'L', o->log_level, say, arg));
    if (o->log_level) /* the flag also overrides the file's log.console.level */
        err = first_of(
            err, config_set(config, "log.console.level", o->log_level, "--log-level", say, arg));
    return err;
}

static bool can_use_system_dir(const char *dir)
{
    return geteuid() == 0 || access(dir, W_OK) == 0;
}

static int choose_data_dir(struct config *config, config_getenv get, config_say say, void *arg)
{
    const char *state = get("XDG_STATE_HOME");
    const char *home = get("HOME");
    const char *prefix = get("SYS_PREFIX");
    if (config->data_dir[0] != '\0')
        return 0;
    struct lv_buffer dir = {0}, system_dir = {0};
    lv_buffer_printf(&system_dir, "%s" SYSTEM_DATA_DIR, prefix ? prefix : "");
    if (can_use_system_dir((const char *)system_dir.p))
        lv_buffer_printf(&dir, "%s", (const char *)system_dir.p);
    else if (state && state[0] == '/')
        lv_buffer_printf(&dir, "%s/leveret", state);
    else if (home && home[0] == '/')
        lv_buffer_printf(&dir, "%s/.local/state/leveret", home);
    int err = 0;
    if (dir.n == 0) {
        say(arg, LOG_ERROR,
            "cannot choose a data directory: neither XDG_STATE_HOME nor HOME is an absolute path; "
            "set it with --data-dir");
        err = ERR_INVALID;
    } else {
        free(config->data_dir);
        config->data_dir = lv_strdup((const char *)dir.p);
    }
    lv_buffer_free(&dir);
    lv_buffer_free(&system_dir);
    return err;
}

int options_load_config(const struct options *options, config_getenv get, config_say say, void *arg,
                        struct config **ret)
{
    struct config *config = config_create();
    int err = config_read_sources(config, options->config_file, get, say, arg);
    err = first_of(err, apply_flags(config, options, say, arg));
    err = first_of(err, choose_data_dir(config, get, say, arg));
    err = first_of(err, config_check(config, say, arg));
    config_forget_secrets(config);
    if (err < 0) {
        config_free(&config);
        return err;
    }
    *ret = config;
    return 0;
}

/* --- Checking a config ------------------------------------------------------------------------ */

struct check {
    FILE *err;
    size_t errors;
    size_t warnings;
};

static void say_check(void *arg, enum log_level level, const char *text)
{
    struct check *check = arg;
    const char *word = level == LOG_ERROR ? "error" : level == LOG_WARNING ? "warning" : "info";
    check->errors += level == LOG_ERROR;
    check->warnings += level == LOG_WARNING;
    fprintf(check->err, "%s: %s\n", word, text);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

int options_check_config(const struct options *options, config_getenv get, FILE *out, FILE *err)
{
    struct check check = {.err = err};
    struct config *config;
    if (options_load_config(options, get, say_check, &check, &config) < 0) {
        fprintf(err, "The configuration has %zu error%s.\n", check.errors, plural(check.errors));
        return OPTIONS_EXIT_CONFIG;
    }
    fprintf(out, "The configuration is valid (%zu file%s, %zu warning%s).\n", config->file_count,
            plural(config->file_count), check.warnings, plural(check.warnings));
    config_free(&config);
    return 0;
}
