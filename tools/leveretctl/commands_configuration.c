/* The settings in force. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

/* Prints a value as a config file has it: in quotes if it would be read differently without. */
static void print_value(const char *value)
{
    size_t n = strlen(value);
    bool is_plain = n > 0 && !strpbrk(value, "#\n") && value[0] != '\'' && value[0] != ' ' &&
                    value[n - 1] != ' ';
    if (is_plain)
        printf("%s", value);
    else if (strpbrk(value, "\'\n"))
        printf("'''%s'''", value);
    else
        printf("'%s'", value);
}

/* Prints a line that leveretd would read, with the value's origin in a comment. What must not be
 * shown is a comment as a whole. */
static void print_setting(const char *key, const json_t *setting)
{
    const char *value = json_string_value(json_object_get(setting, "value"));
    const char *origin = json_string_value(json_object_get(setting, "origin"));
    const char *fallback = json_string_value(json_object_get(setting, "default"));
    if (strcmp(value, "<redacted>") == 0) {
        printf("# %s = %s", key, value);
        fallback = "";
    } else {
        printf("%s = ", key);
        print_value(value);
    }
    printf("  # %s", origin);
    if (strcmp(origin, "default") != 0 && fallback[0])
        printf("; default: %s", fallback);
    printf("\n");
}

static void print_settings(const struct invocation *i, const json_t *answer)
{
    json_t *settings = json_object_get(answer, "settings");
    if (i->format == FORMAT_JSON) {
        say_json(json_incref(settings));
        return;
    }
    const char *key;
    const json_t *setting;
    json_object_foreach(settings, key, setting) print_setting(key, setting);
}

/* --- the log ---------------------------------------------------------------------------------- */

/* Prints a line of the log at once: whoever reads a pipe wants to see it. */
static void print_log_line(void *arg, const json_t *row)
{
    (void)arg;
    printf("%s\n", json_string_value(json_array_get(row, 0)));
    fflush(stdout);
}

static int run_log_lines(struct invocation *i, const struct command *c)
{
    json_t *answer;
    int code = broker_ask(i, c, c->banner, request_create(i, c), print_log_line, NULL, &answer);
    if (code == EXIT_OK)
        json_decref(answer);
    return code;
}

/* Waits as long as lines are asked for. */
static int run_log_stream(struct invocation *i, const struct command *c)
{
    if (i->timeout_s < 0)
        i->timeout_s = INT_MAX / 1000;
    return run_log_lines(i, c);
}

/* [category] level becomes the members of the request. */
static int add_level(const struct invocation *i, const struct command *c, json_t *request)
{
    (void)c;
    json_object_set_new(request, "level", json_string(i->arguments[i->argument_count - 1]));
    if (i->argument_count > 1)
        json_object_set_new(request, "category", json_string(i->arguments[0]));
    return EXIT_OK;
}

static int check_level(const struct invocation *i, const struct command *c)
{
    static const char levels[] = "debug, info, warning, error, critical, none";
    const char *level = i->arguments[i->argument_count - 1];
    const char *found = strstr(levels, level);
    size_t n = strlen(level);
    bool is_level = n > 2 && found && (found[n] == ',' || found[n] == '\0') &&
                    (found == levels || found[-1] == ' ');
    (void)c;
    if (is_level)
        return EXIT_OK;
    return say_error(EXIT_UNAVAILABLE, "level %s is not supported. Try one of %s", level, levels);
}

/* Returns true if a word precedes the value: a category, `absolute` ... */
static bool has_word(const struct invocation *i)
{
    return i->argument_count > 1;
}

static const struct text_choice level_banners[] = {
    {has_word, "Setting log level of $1 to \"$2\" ..."},
    {NULL, "Setting log level to \"$1\" ..."},
};

static const struct failure level_is_unknown[] = {
    {.error = "bad_level", .exit_code = EXIT_UNAVAILABLE},
    {.error = "bad_category", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

/* --- the limits of memory and disk ------------------------------------------------------------ */

static const struct text_choice watermark_banners[] = {
    {has_word, "Setting memory threshold on $node to $2 bytes ..."},
    {NULL, "Setting memory threshold on $node to $1 ..."},
};

static const struct text_choice disk_limit_banners[] = {
    {has_word, "Setting disk free limit on $node to $2 times the total RAM ..."},
    {NULL, "Setting disk free limit on $node to $1 bytes ..."},
};

static const struct failure limit_is_bad[] = {
    {.error = "bad_limit", .exit_code = EXIT_DATA},
    {.error = NULL},
};

#define ENCRYPTION_USAGE "[--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]"
#define ENCRYPTION_OPTIONS (BIT(OPTION_CIPHER) | BIT(OPTION_HASH) | BIT(OPTION_ITERATIONS))

/* clang-format off */
const struct command configuration_commands[] = {
    {.name = "environment", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Shows the settings in force, as lines of a config file, with where each was set.",
     .banner = "Application environment of node $node ...",
     .answer = {.print = print_settings}},
    {.name = "set_disk_free_limit", .run = run_change,
     .usage = "<disk_limit> | mem_relative <fraction>",
     .help = "Sets the free disk space below which publishers are blocked, such as 2GB, until the next "
             "start.",
     .banners = disk_limit_banners,
     .arguments = {.min = 1, .max = MANY, .check = disk_limit_check},
     .request = {.add = disk_limit_add},
     .failures = limit_is_bad},
    {.name = "activate_free_disk_space_monitoring", .run = run_change,
     .usage = TIMEOUT_USAGE,
     .help = "Watches free disk space again, after deactivate_free_disk_space_monitoring.",
     .banner = "[Re-]activating free disk space monitoring on node $node..."},
    {.name = "deactivate_free_disk_space_monitoring", .run = run_change,
     .usage = TIMEOUT_USAGE,
     .help = "Has publishers go on however little free disk space is left, until the next start. If the disk "
             "has no room for the log, they are still blocked.",
     .banner = "Deactivating free disk space monitoring on node $node..."},
    {.name = "set_log_level", .run = run_change,
     .usage = "[<category>] <log_level>",
     .help = "Sets the least severe level that is logged: debug, info, warning, error, critical or none.",
     .banners = level_banners,
     .arguments = {.min = 1, .max = 2, .check = check_level},
     .request = {.add = add_level},
     .failures = level_is_unknown},
    {.name = "set_vm_memory_high_watermark", .run = run_change,
     .usage = "<fraction> | absolute <value>",
     .help = "Sets the memory above which publishers are blocked, until the next start: a share of the "
             "machine's, or a size such as 2GB.",
     .banners = watermark_banners,
     .arguments = {.min = 1, .max = MANY, .check = watermark_check},
     .request = {.add = watermark_add},
     .failures = limit_is_bad},
    {.name = "log_tail", .run = run_log_lines,
     .usage = "[--number|-N <number>]",
     .help = "Prints the last lines of the log: of its file, or those kept in memory.",
     .banner = "Last log lines on node $node ...",
     .arguments = {.options = BIT(OPTION_NUMBER)}},
    {.name = "log_tail_stream", .run = run_log_stream,
     .usage = "[--duration|-d <seconds>]",
     .help = "Prints lines of the log as they are logged, for some seconds or until it is stopped.",
     .banner = "Streaming logs from node $node ...",
     .arguments = {.options = BIT(OPTION_DURATION)}},
    {.name = "log_location", .run = run_log_lines,
     .usage = "[--all|-a]",
     .help = "Shows where the log is written to.",
     .banner = "Log file location(s) on node $node ...",
     .arguments = {.options = BIT(OPTION_ALL)}},
    {.name = "rotate_logs", .run = run_change,
     .usage = "",
     .help = "Opens the log files again, after logrotate has moved them."},
    {.name = "encode", .run = run_encode,
     .usage = "[<value> [<passphrase>]] " ENCRYPTION_USAGE,
     .help = "Encrypts a value for a config file; what is missing is read from standard input.",
     .banner = "Encrypting value ...",
     .arguments = {.max = 2, .options = ENCRYPTION_OPTIONS}},
    {.name = "decode", .run = run_decode,
     .usage = "<value> [<passphrase>] " ENCRYPTION_USAGE,
     .help = "Decrypts what encode has made; the passphrase may be given on standard input.",
     .banner = "Decrypting value...",
     .arguments = {.min = 1, .max = 2, .options = ENCRYPTION_OPTIONS}},
    {.name = "encrypt_conf_value", .run = run_encrypt_conf_value,
     .usage = "[<value> [<passphrase>]] " ENCRYPTION_USAGE,
     .help = "Encrypts a value as encode does, and prints it as a line of rabbitmq.conf has it.",
     .banner = "Encrypting value to be used in rabbitmq.conf...",
     .arguments = {.max = 2, .options = ENCRYPTION_OPTIONS}},
    {.name = "decrypt_conf_value", .run = run_decode,
     .usage = "<value> [<passphrase>] " ENCRYPTION_USAGE,
     .help = "Decrypts what encrypt_conf_value has made.",
     .banner = "Decrypting value...",
     .arguments = {.min = 1, .max = 2, .options = ENCRYPTION_OPTIONS}},
    {.name = "cipher_suites", .run = run_cipher_suites,
     .usage = "[--format <openssl | erlang | map>] [--all]" TIMEOUT_USAGE,
     .help = "Lists the ciphers that listeners for AMQP over TLS offer, the preferred one first; with --all, those "
             "that ssl_options.ciphers may name.",
     .banners = cipher_banners,
     .arguments = {.options = BIT(OPTION_FORMAT) | BIT(OPTION_ALL), .check = ciphers_check}},
    {.name = "list_ciphers", .run = run_list_ciphers,
     .usage = "",
     .help = "Lists the ciphers for encode.",
     .banner = "Listing supported ciphers ..."},
    {.name = "list_hashes", .run = run_list_hashes,
     .usage = "",
     .help = "Lists the hashes for encode.",
     .banner = "Listing supported hash algorithms ..."},
    {.name = NULL},
};
/* clang-format on */
