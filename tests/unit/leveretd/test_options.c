#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "leveretd/options.h"
#include "leveretd/said.h"

struct parsed {
    struct options options;
    bool is_good;
    int status;
    char out[4096];
    char err[4096];
};

/* Parses the command line "leveretd WORDS". */
static struct parsed parse(const char *words)
{
    struct parsed p = {.status = -1};
    static char line[1024];
    char *argv[32] = {"leveretd"};
    int argc = 1;
    FILE *out = fmemopen(p.out, sizeof p.out, "w");
    FILE *err = fmemopen(p.err, sizeof p.err, "w");
    snprintf(line, sizeof line, "%s", words);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    p.is_good = options_parse(argc, argv, &p.options, &p.status, out, err);
    fclose(out);
    fclose(err);
    return p;
}

static void flags_are_taken(void **state)
{
    (void)state;
    struct parsed p = parse("--config /x.conf --data-dir=/d --bind ::1 --port 0 "
                            "--management-port 15999 --loops 3 --log-level debug");
    assert_true(p.is_good);
    assert_string_equal(p.options.config_file, "/x.conf");
    assert_string_equal(p.options.data_dir, "/d");
    assert_string_equal(p.options.bind, "::1");
    assert_string_equal(p.options.loops, "3");
    assert_string_equal(p.options.log_level, "debug");
    assert_int_equal(p.options.port, 0);
    assert_int_equal(p.options.management_port, 15999);
    assert_string_equal(p.err, "");
}

static void no_flags_are_fine(void **state)
{
    (void)state;
    struct parsed p = parse("");
    assert_true(p.is_good);
    assert_null(p.options.config_file);
    assert_int_equal(p.options.port, -1);
}

static void help_and_version_end_with_0(void **state)
{
    (void)state;
    struct parsed p = parse("--help");
    assert_false(p.is_good);
    assert_int_equal(p.status, 0);
    assert_non_null(strstr(p.out, "\n  --management-port N     serve the management API"));
    assert_string_equal(p.err, "");
    p = parse("--version --nonsense");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.out, "leveretd " LEVERET_VERSION "\n");
}

static void check_bad(const char *words, const char *expected)
{
    struct parsed p = parse(words);
    char whole[512];
    snprintf(whole, sizeof whole, "leveretd: %s\nTry 'leveretd --help'.\n", expected);
    assert_false(p.is_good);
    assert_int_equal(p.status, OPTIONS_EXIT_USAGE);
    assert_string_equal(p.err, whole);
    assert_string_equal(p.out, "");
}

static void a_bad_flag_is_named_and_ends_with_64(void **state)
{
    (void)state;
    check_bad("--nonsense", "unknown flag --nonsense");
    check_bad("--port", "--port requires a value");
    check_bad("--port 65536", "--port: invalid value '65536': expected a port from 0 to 65535");
    check_bad("--port x", "--port: invalid value 'x': expected a port from 0 to 65535");
    check_bad("--management-port -1",
              "--management-port: invalid value '-1' for management.tcp.port: expected a "
              "whole number from 0 to 65535");
    check_bad("--loops 1000",
              "--loops: invalid value '1000' for loops: expected a whole number from 0 to 64");
    check_bad("--log-level loud",
              "--log-level: invalid value 'loud' for log.level: expected debug, info, warning, "
              "error, critical or none");
    check_bad("--bind nowhere",
              "--bind: invalid value 'nowhere': expected a numeric IPv4 or IPv6 address");
    check_bad("stray", "unexpected argument 'stray'");
}

/* --- From flags to a config ------------------------------------------------------------------- */

static struct config *load(const struct options *options, const char *const *pairs)
{
    environment_set(pairs);
    struct config *config = NULL;
    struct lv_buffer said = {0};
    assert_int_equal(options_load_config(options, environment_get, said_add, &said, &config), 0);
    said_check(&said, "");
    return config;
}

static void flags_win_over_environment_over_file_over_defaults(void **state)
{
    (void)state;
    char *file = said_file("listeners.tcp.a = 127.0.0.1:1\nlog.level = error\nheartbeat = 9\n"
                           "log.console.level = warning\nloops = 2\n"
                           "data_dir = /from-the-file\ndefault_user = file\n");
    const char *pairs[] = {"RABBITMQ_NODE_PORT", "2", "RABBITMQ_DEFAULT_USER", "environment", NULL};
    struct options options = {
        .port = 3, .management_port = 4, .config_file = file, .loops = "5", .log_level = "debug"};
    struct config *c = load(&options, pairs);
    assert_string_equal(c->file, file);
    assert_int_equal(c->listeners.count, 1);
    assert_int_equal(c->listeners.items[0].port, 3);
    assert_string_equal(c->listeners.items[0].address, "127.0.0.1");
    assert_int_equal(c->management_port, 4);
    assert_int_equal(c->loops, 5);
    assert_int_equal(config_log_level(c), LOG_DEBUG);
    assert_string_equal(c->default_user, "environment");
    assert_string_equal(c->data_dir, "/from-the-file");
    assert_int_equal(c->heartbeat_s, 9);
    config_free(&c);
    options = (struct options){.port = -1, .management_port = -1, .config_file = file};
    c = load(&options, pairs);
    assert_int_equal(c->listeners.items[0].port, 2);
    assert_int_equal(config_log_level(c), LOG_WARNING);
    config_free(&c);
    unlink(file);
    free(file);
}

static void rabbitmqs_config_file_may_lack_its_suffix(void **state)
{
    (void)state;
    char *file = said_file("");
    const char *pairs[] = {"RABBITMQ_CONFIG_FILE", file, NULL};
    struct options options = {.port = -1, .management_port = -1, .data_dir = "/d"};
    char path[200];
    snprintf(path, sizeof path, "%s.conf", file);
    assert_int_equal(rename(file, path), 0);
    struct config *c = load(&options, pairs);
    assert_string_equal(c->file, path);
    config_free(&c);
    unlink(path);
    free(file);
}

static void a_named_file_must_be_there(void **state)
{
    (void)state;
    struct options options = {
        .port = -1, .management_port = -1, .config_file = "/tmp/leveret-no-such.conf"};
    environment_set(NULL);
    struct config *config = NULL;
    struct lv_buffer said = {0};
    assert_int_equal(options_load_config(&options, environment_get, said_add, &said, &config),
                     ERR_NOT_FOUND);
    said_check(&said, "error: cannot read the config file /tmp/leveret-no-such.conf: not found\n");
    assert_null(config);
}

static void a_bad_value_anywhere_refuses_the_start(void **state)
{
    (void)state;
    char *file = said_file("\nheartbeat = soon\n");
    struct options options = {.port = -1, .management_port = -1, .config_file = file};
    environment_set(NULL);
    struct config *config = NULL;
    struct lv_buffer said = {0};
    assert_int_equal(options_load_config(&options, environment_get, said_add, &said, &config),
                     ERR_INVALID);
    assert_non_null(
        strstr((const char *)said.p, ":2: invalid value 'soon' for heartbeat: expected"));
    assert_null(config);
    lv_buffer_free(&said);
    unlink(file);
    free(file);
}

static void the_data_directory_is_the_systems_or_the_users(void **state)
{
    (void)state;
    static const char *const with_state[] = {"XDG_STATE_HOME", "/s", "HOME", "/h", NULL};
    static const char *const with_name[] = {"LEVERET_DATA_DIR", "/named", "HOME", "/h", NULL};
    static const char *const with_home[] = {"XDG_STATE_HOME", "relative", "HOME", "/h", NULL};
    char *file = said_file("");
    struct options options = {.port = -1, .management_port = -1, .config_file = file};
    bool is_systems = geteuid() == 0 || access("/var/lib/leveret", W_OK) == 0;
    struct config *c = load(&options, with_state);
    assert_string_equal(c->data_dir, is_systems ? "/var/lib/leveret" : "/s/leveret");
    config_free(&c);
    c = load(&options, with_home);
    assert_string_equal(c->data_dir, is_systems ? "/var/lib/leveret" : "/h/.local/state/leveret");
    config_free(&c);
    c = load(&options, with_name);
    assert_string_equal(c->data_dir, "/named");
    config_free(&c);
    options.data_dir = "/chosen";
    c = load(&options, with_name);
    assert_string_equal(c->data_dir, "/chosen");
    config_free(&c);
    unlink(file);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_taken),
        cmocka_unit_test(no_flags_are_fine),
        cmocka_unit_test(help_and_version_end_with_0),
        cmocka_unit_test(a_bad_flag_is_named_and_ends_with_64),
        cmocka_unit_test(flags_win_over_environment_over_file_over_defaults),
        cmocka_unit_test(rabbitmqs_config_file_may_lack_its_suffix),
        cmocka_unit_test(a_named_file_must_be_there),
        cmocka_unit_test(a_bad_value_anywhere_refuses_the_start),
        cmocka_unit_test(the_data_directory_is_the_systems_or_the_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
