/* A line is written to an output if its level is at least: the level of its category, if that is
 * set; else the output's own, if that is set; else log.level. A category with a file of its own is
 * written there alone. So it is in RabbitMQ. */
#include "leveretd/log_config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "logging/journald.h"
#include "logging/log_file.h"
#include "logging/syslog.h"

enum { TRANSPORT_SSL = SYSLOG_LOCAL + 1 }; /* another word for SYSLOG_TLS */

static const char *const time_words[] = {"rfc3339_space", "rfc3339_T",     "epoch_usecs",
                                         "epoch_secs",    "lager_default", NULL};
static const char *const level_words[] = {"lc", "uc", "lc3", "uc3", "lc4", "uc4", NULL};
static const char *const formatter_words[] = {"plaintext", "json", NULL};
static const char *const output_words[] = {"console", "file", "syslog", "exchange", NULL};

/* Returns the index of the word, or -1. */
static int word_find(const char *const *words, const char *word)
{
    for (int i = 0; word && words[i]; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return -1;
}

/* --- levels ----------------------------------------------------------------------------------- */

/* Returns the level that is set for a category, or CONFIG_NONE. */
static int category_level(const struct config *config, enum log_category category)
{
    enum log_level level;
    const char *text = config_pairs_find(&config->log_category_levels, log_category_name(category));
    return text && log_level_parse(text, &level) ? (int)level : CONFIG_NONE;
}

void log_config_levels(const struct config *config, int own_level, struct log_output_levels *ret)
{
    int level = own_level == CONFIG_NONE ? config->log_level : own_level;
    for (unsigned c = 0; c < LOG_CATEGORY_COUNT; c++) {
        const char *name = log_category_name((enum log_category)c);
        int of_category = category_level(config, (enum log_category)c);
        ret->of[c] = (uint8_t)(of_category == CONFIG_NONE ? level : of_category);
        if (config_pairs_find(&config->log_category_files, name))
            ret->of[c] = LOG_LEFT_OUT;
    }
}

static void levels_of_category(const struct config *config, enum log_category category,
                               struct log_output_levels *ret)
{
    int level = category_level(config, category);
    memset(ret->of, LOG_LEFT_OUT, sizeof ret->of);
    ret->of[category] = (uint8_t)(level == CONFIG_NONE ? config->log_level : level);
}

/* --- formats ---------------------------------------------------------------------------------- */

struct log_format *log_config_format(const struct config *config, const char *output)
{
    const char *line = config_pairs_find(&config->log_line_formats, output);
    const char *fields = config_pairs_find(&config->log_field_maps, output);
    const char *verbosity = config_pairs_find(&config->log_verbosity_maps, output);
    int time = word_find(time_words, config_pairs_find(&config->log_time_formats, output));
    int level = word_find(level_words, config_pairs_find(&config->log_level_formats, output));
    const char *formatter = config_pairs_find(&config->log_formatters, output);
    const char *usual = strcmp(output, "syslog") == 0 ? "$msg" : LOG_FORMAT_LINE_DEFAULT;
    const struct log_format_settings settings = {
        .is_json = formatter && strcmp(formatter, "json") == 0,
        .time = time < 0 ? LOG_TIME_RFC3339_SPACE : (enum log_time_format)time,
        .level = level < 0 ? LOG_LEVEL_LC : (enum log_level_format)level,
        .line = line ? line : usual,
        .field_map = fields ? fields : LOG_FORMAT_FIELD_MAP_DEFAULT,
        .verbosity_map = verbosity ? verbosity : "",
    };
    return log_format_create(&settings);
}

/* --- which outputs there are ------------------------------------------------------------------ */

static bool is_set(const struct config *config, enum config_setting setting)
{
    return config->origins[setting] != NULL;
}

/* Returns the name of the log file, or NULL if there is none. */
static const char *file_name(const struct config *config)
{
    static const enum config_setting of_file[] = {CONFIG_log_dir,
                                                  CONFIG_log_file_level,
                                                  CONFIG_log_rotation_date,
                                                  CONFIG_log_rotation_bytes,
                                                  CONFIG_log_rotation_count,
                                                  CONFIG_log_rotation_compress};
    if (strcmp(config->log_file, "false") == 0)
        return NULL;
    if (config->log_file[0])
        return config->log_file;
    for (size_t i = 0; i < sizeof of_file / sizeof *of_file; i++) {
        if (is_set(config, of_file[i]))
            return "leveret.log";
    }
    return config_pairs_find(&config->log_formatters, "file") ? "leveret.log" : NULL;
}

static bool has_console(const struct config *config)
{
    if (is_set(config, CONFIG_log_console))
        return config->log_console;
    return !file_name(config) && !config->log_journald && !config->log_syslog;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void open_console(const struct config *config)
{
    struct log_output_levels levels;
    bool is_stdout = config->log_console_stdio != 0;
    log_config_levels(config, config->log_console_level, &levels);
    log_output_set(LOG_SLOT_CONSOLE, is_stdout ? "<stdout>" : "<stderr>", &log_console_ops,
                   log_console_create(is_stdout ? STDOUT_FILENO : STDERR_FILENO,
                                      log_config_format(config, "console")),
                   &levels);
}

/* Returns the absolute path of a log file. The caller frees it. */
static char *file_path(const struct config *config, const char *name)
{
    struct lv_buffer path = {0};
    if (name[0] != '/' && config->log_dir[0])
        lv_buffer_printf(&path, "%s/", config->log_dir);
    else if (name[0] != '/')
        lv_buffer_printf(&path, "%s/logs/", config->data_dir);
    lv_buffer_printf(&path, "%s", name);
    char *absolute = path.p[0] == '/' ? NULL : realpath(".", NULL);
    if (!absolute)
        return (char *)path.p;
    struct lv_buffer whole = {0};
    lv_buffer_printf(&whole, "%s/%s", absolute, (const char *)path.p);
    lv_buffer_free(&path);
    free(absolute);
    return (char *)whole.p;
}

static int open_file(const struct config *config, unsigned slot, const char *name,
                     const struct log_output_levels *levels)
{
    struct log_file *file;
    char *path = file_path(config, name);
    struct log_format *format = log_config_format(config, "file");
    struct log_file_settings settings = {
        .path = path,
        .bytes_max = config->log_rotation_bytes,
        .archives = (unsigned)config->log_rotation_count,
        .is_compressed = config->log_rotation_compress,
    };
    rotation_date_parse(config->log_rotation_date, &settings.date);
    int err = log_file_open(&settings, format, &file);
    if (err == 0) {
        log_output_set(slot, path, &log_file_ops, file, levels);
    } else {
        log_error("cannot open the log file %s: %s", path, lv_error_text(err));
        log_format_free(&format);
        err = ERR_INVALID;
    }
    free(path);
    return err;
}

static void open_syslog(const struct config *config)
{
    struct lv_buffer location = {0};
    struct log_output_levels levels;
    bool is_ssl = config->log_syslog_transport == TRANSPORT_SSL;
    struct syslog_settings settings = {
        .transport = is_ssl ? SYSLOG_TLS : (enum syslog_transport)config->log_syslog_transport,
        .protocol = (enum syslog_protocol)config->log_syslog_protocol,
        .port = (uint16_t)config->log_syslog_port,
        .identity = config->log_syslog_identity,
        .ca_file = config->log_syslog_ca,
        .cert_file = config->log_syslog_cert,
        .key_file = config->log_syslog_key,
        .is_verified = config->log_syslog_verify == 0,
    };
    settings.host =
        settings.transport == SYSLOG_LOCAL ? config->log_syslog_socket : config->log_syslog_host;
    syslog_facility_parse(config->log_syslog_facility, &settings.facility);
    log_config_levels(config, config->log_syslog_level, &levels);
    lv_buffer_printf(&location, "syslog:%s", settings.host);
    log_output_set(LOG_SLOT_SYSLOG, (const char *)location.p, &syslog_ops,
                   syslog_create(&settings, log_config_format(config, "syslog")), &levels);
    lv_buffer_free(&location);
}

static void open_journald(const struct config *config)
{
    struct log_output_levels levels;
    log_config_levels(config, config->log_journald_level, &levels);
    log_output_set(LOG_SLOT_JOURNALD, "<journald>", &journald_ops,
                   journald_create(config->log_journald_socket, config->log_syslog_identity,
                                   config->log_journald_fields),
                   &levels);
}

static void close_output(unsigned slot)
{
    if (log_output_is_used(slot))
        log_output_clear(slot);
}

static int open_category_files(const struct config *config)
{
    int err = 0;
    for (unsigned c = 0; c < LOG_CATEGORY_COUNT; c++) {
        struct log_output_levels levels;
        const char *name =
            config_pairs_find(&config->log_category_files, log_category_name((enum log_category)c));
        levels_of_category(config, (enum log_category)c, &levels);
        if (!name)
            close_output(LOG_SLOT_CATEGORIES + c);
        else if (open_file(config, LOG_SLOT_CATEGORIES + c, name, &levels) < 0)
            err = ERR_INVALID;
    }
    return err;
}

int log_config_apply(const struct config *config)
{
    static_assert((int)LOG_SLOT_CATEGORIES + (int)LOG_CATEGORY_COUNT <= LOG_OUTPUTS_MAX, "slots");
    struct log_output_levels levels;
    const char *name = file_name(config);
    log_config_levels(config, config->log_file_level, &levels);
    int err = name ? open_file(config, LOG_SLOT_FILE, name, &levels) : 0;
    if (!name)
        close_output(LOG_SLOT_FILE);
    if (open_category_files(config) < 0)
        err = ERR_INVALID;
    if (config->log_syslog)
        open_syslog(config);
    else
        close_output(LOG_SLOT_SYSLOG);
    if (config->log_journald)
        open_journald(config);
    else
        close_output(LOG_SLOT_JOURNALD);
    /* last, so that what fails is said there */
    if (has_console(config))
        open_console(config);
    else if (err == 0)
        close_output(LOG_SLOT_CONSOLE);
    return err;
}

/* --- checks ----------------------------------------------------------------------------------- */

/* Checks that every entry's name is an output and its value, unless `words` is NULL, one of them.
 */
static int check_formatter(const struct config *config, enum config_setting setting,
                           const struct config_pairs *pairs, const char *const *words,
                           const char *expected, config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        const char *wrong = NULL;
        if (word_find(output_words, pairs->items[i].name) < 0)
            wrong = "an output that has a formatter (console, file, syslog, exchange)";
        else if (words && word_find(words, pairs->items[i].value) < 0)
            wrong = expected;
        if (!wrong)
            continue;
        config_complain_of_entry(config, setting, i, wrong, say, arg);
        err = ERR_INVALID;
    }
    return err;
}

static int check_categories(const struct config *config, config_say say, void *arg)
{
    static const char expected[] = "a category (connection, channel, queue, user, ldap, "
                                   "federation, shovel, upgrade) and a level";
    int err = 0;
    enum log_category category;
    enum log_level level;
    for (size_t i = 0; i < config->log_category_levels.count; i++) {
        const struct config_pair *pair = &config->log_category_levels.items[i];
        if (strcmp(pair->name, "ra") == 0 || strcmp(pair->name, "mirroring") == 0)
            continue; /* RabbitMQ's, without lines here */
        if (log_category_parse(pair->name, &category) && log_level_parse(pair->value, &level))
            continue;
        config_complain_of_entry(config, CONFIG_log_category_levels, i, expected, say, arg);
        err = ERR_INVALID;
    }
    for (size_t i = 0; i < config->log_category_files.count; i++) {
        const char *name = config->log_category_files.items[i].name;
        if (log_category_parse(name, &category) || strcmp(name, "ra") == 0 ||
            strcmp(name, "mirroring") == 0)
            continue;
        config_complain_of_entry(config, CONFIG_log_category_files, i, expected, say, arg);
        err = ERR_INVALID;
    }
    return err;
}

static int check_syslog(const struct config *config, config_say say, void *arg)
{
    static const enum config_setting files[] = {CONFIG_log_syslog_ca, CONFIG_log_syslog_cert,
                                                CONFIG_log_syslog_key};
    const char *const paths[] = {config->log_syslog_ca, config->log_syslog_cert,
                                 config->log_syslog_key};
    int facility, err = 0;
    if (!syslog_facility_parse(config->log_syslog_facility, &facility)) {
        config_complain(config, CONFIG_log_syslog_facility, "a facility such as daemon or local0",
                        say, arg);
        err = ERR_INVALID;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (config_check_readable(config, files[i], paths[i], say, arg) < 0)
            err = ERR_INVALID;
    }
    return err;
}

/* Checks that a log file can be opened, before anything is created. Those in the data directory are
 * left out: it need not exist yet. Returns ERR_... with what is expected instead. */
static int check_place(const struct config *config, const char *name, struct lv_buffer *expected)
{
    if (name[0] != '/' && !config->log_dir[0])
        return 0;
    char *path = file_path(config, name);
    int err = log_file_check(path);
    if (err < 0)
        lv_buffer_printf(expected, "a place for a log file that can be written (%s)",
                         lv_error_reason(err));
    free(path);
    return err;
}

static int check_places(const struct config *config, config_say say, void *arg)
{
    const struct config_pairs *of_categories = &config->log_category_files;
    const char *name = file_name(config);
    struct lv_buffer expected = {0};
    int err = name ? check_place(config, name, &expected) : 0;
    if (err < 0)
        config_complain(config, is_set(config, CONFIG_log_file) ? CONFIG_log_file : CONFIG_log_dir,
                        (const char *)expected.p, say, arg);
    for (size_t i = 0; i < of_categories->count; i++) {
        expected.n = 0;
        if (check_place(config, of_categories->items[i].value, &expected) == 0)
            continue;
        config_complain_of_entry(config, CONFIG_log_category_files, i, (const char *)expected.p,
                                 say, arg);
        err = ERR_INVALID;
    }
    lv_buffer_free(&expected);
    return err;
}

int log_config_check(const struct config *config, config_say say, void *arg)
{
    struct rotation_date date;
    int err = check_categories(config, say, arg);
    if (check_places(config, say, arg) < 0)
        err = ERR_INVALID;
    if (check_syslog(config, say, arg) < 0)
        err = ERR_INVALID;
    if (!journald_fields_check(config->log_journald_fields)) {
        config_complain(config, CONFIG_log_journald_fields,
                        "fields such as priority ERL_PID=pid NAME=\"text\"", say, arg);
        err = ERR_INVALID;
    }
    if (!rotation_date_parse(config->log_rotation_date, &date)) {
        config_complain(config, CONFIG_log_rotation_date, "a notation such as $D0, $W5D16 or $M1D0",
                        say, arg);
        err = ERR_INVALID;
    }
#define CHECK_FORMATTER(setting, words, expected)                                                  \
    if (check_formatter(config, CONFIG_##setting, &config->setting, words, expected, say, arg) <   \
        0)                                                                                         \
        err = ERR_INVALID;
    CHECK_FORMATTER(log_formatters, formatter_words, "plaintext or json")
    CHECK_FORMATTER(log_time_formats, time_words,
                    "rfc3339_space, rfc3339_T, epoch_usecs, epoch_secs or lager_default")
    CHECK_FORMATTER(log_level_formats, level_words, "lc, uc, lc3, uc3, lc4 or uc4")
    CHECK_FORMATTER(log_line_formats, NULL, NULL)
    CHECK_FORMATTER(log_field_maps, NULL, NULL)
    CHECK_FORMATTER(log_verbosity_maps, NULL, NULL)
#undef CHECK_FORMATTER
    return err;
}
