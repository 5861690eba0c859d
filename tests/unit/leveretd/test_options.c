#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    assert_string_equal(p.options.management_port, "15999");
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
        .port = 3, .management_port = "4", .config_file = file, .loops = "5", .log_level = "debug"};
    struct config *c = load(&options, pairs);
    assert_string_equal(c->files[0], file);
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
    options = (struct options){.port = -1, .config_file = file};
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
    struct options options = {.port = -1, .data_dir = "/d"};
    char path[200];
    snprintf(path, sizeof path, "%s.conf", file);
    assert_int_equal(rename(file, path), 0);
    struct config *c = load(&options, pairs);
    assert_string_equal(c->files[0], path);
    config_free(&c);
    unlink(path);
    free(file);
}

/* Below a directory of its own: DIR/etc/leveret and DIR/etc/rabbitmq. */
static void make_directories(const char *root)
{
    static const char *const names[] = {
        "", "/etc", "/etc/leveret", "/etc/leveret/conf.d", "/etc/rabbitmq", "/etc/rabbitmq/conf.d"};
    char path[300];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s%s", root, names[i]);
        mkdir(path, 0700);
    }
}

static void write_file(const char *root, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *walk)
{
    (void)facts, (void)type, (void)walk;
    return remove(path);
}

static const struct options no_flags = {.port = -1, .data_dir = "/d"};

static void files_are_read_in_rabbitmqs_order(void **state)
{
    (void)state;
    char root[] = "/tmp/leveret-root-XXXXXX";
    assert_non_null(mkdtemp(root));
    const char *pairs[] = {"SYS_PREFIX", root, NULL, NULL, NULL};
    make_directories(root);

    struct config *c = load(&no_flags, pairs); /* no file is fine */
    assert_int_equal(c->file_count, 0);
    config_free(&c);

    write_file(root, "/etc/rabbitmq/conf.d/20-b.conf", "heartbeat = 3\n");
    write_file(root, "/etc/rabbitmq/conf.d/10-a.conf", "heartbeat = 2\nchannel_max = 2\n");
    write_file(root, "/etc/rabbitmq/conf.d/30-no.conf.old", "heartbeat = 4\n");
    write_file(root, "/etc/rabbitmq/rabbitmq.conf", "channel_max = 1\nframe_max = $(size)\n");
    write_file(root, "/etc/rabbitmq/rabbitmq-env.conf", "size=5000\nNODENAME=hare\n");
    c = load(&no_flags, pairs);
    assert_int_equal(c->file_count, 3);
    assert_non_null(strstr(c->files[0], "/etc/rabbitmq/rabbitmq.conf"));
    assert_non_null(strstr(c->files[1], "/10-a.conf"));
    assert_non_null(strstr(c->files[2], "/20-b.conf"));
    assert_int_equal(c->heartbeat_s, 3);
    assert_int_equal(c->channel_max, 2);
    assert_int_equal(c->frame_bytes_max, 5000);
    assert_string_equal(c->node_name, "hare");
    assert_non_null(
        strstr(c->origins[CONFIG_node_name], "rabbitmq-env.conf:2 (RABBITMQ_NODENAME)"));
    config_free(&c);

    /* A leveret.conf that sets nothing, as a package brings it, changes nothing. */
    write_file(root, "/etc/leveret/leveret.conf", "# heartbeat = 7\n \n\t# more\n");
    c = load(&no_flags, pairs);
    assert_int_equal(c->file_count, 3);
    assert_int_equal(c->heartbeat_s, 3);
    config_free(&c);

    /* A file of its conf.d takes the place of all of /etc/rabbitmq, and so does leveret.conf. */
    write_file(root, "/etc/leveret/conf.d/a.conf", "heartbeat = 9\n");
    c = load(&no_flags, pairs);
    assert_int_equal(c->file_count, 2);
    assert_int_equal(c->heartbeat_s, 9);
    assert_string_equal(c->node_name, "");
    config_free(&c);
    char path[300];
    snprintf(path, sizeof path, "%s/etc/leveret/conf.d/a.conf", root);
    unlink(path);
    write_file(root, "/etc/leveret/leveret.conf", "heartbeat = 7\n");
    c = load(&no_flags, pairs);
    assert_int_equal(c->file_count, 1);
    assert_int_equal(c->heartbeat_s, 7);
    assert_string_equal(c->node_name, "");
    config_free(&c);

    /* A directory or a pattern that is named. */
    char other[300];
    snprintf(other, sizeof other, "%s/etc/rabbitmq/conf.d", root);
    pairs[2] = "RABBITMQ_CONFIG_FILES";
    pairs[3] = other;
    const char *more[] = {pairs[0], pairs[1], pairs[2], pairs[3], NULL};
    c = load(&no_flags, more);
    assert_int_equal(c->file_count, 4);
    assert_int_equal(c->heartbeat_s, 4); /* every file of a directory, as in RabbitMQ */
    config_free(&c);
    strcat(other, "/1*.conf");
    c = load(&no_flags, more);
    assert_int_equal(c->file_count, 2);
    assert_int_equal(c->heartbeat_s, 2);
    config_free(&c);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void advanced_config_is_read_without_rabbitmq_conf(void **state)
{
    (void)state;
    char root[] = "/tmp/leveret-root-XXXXXX";
    assert_non_null(mkdtemp(root));
    const char *pairs[] = {"SYS_PREFIX", root, NULL};
    make_directories(root);
    write_file(root, "/etc/rabbitmq/advanced.config", "[{rabbit, [{heartbeat, 8}]}].\n");
    struct config *c = load(&no_flags, pairs);
    assert_int_equal(c->file_count, 1);
    assert_int_equal(c->heartbeat_s, 8);
    config_free(&c);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void a_file_in_the_classic_format_is_refused(void **state)
{
    (void)state;
    struct options options = no_flags;
    struct config *config = NULL;
    struct lv_buffer said = {0};
    options.config_file = "/tmp/rabbitmq.config";
    environment_set(NULL);
    assert_int_equal(options_load_config(&options, environment_get, said_add, &said, &config),
                     ERR_INVALID);
    said_check(&said, "error: cannot read the config file /tmp/rabbitmq.config: it is in "
                      "RabbitMQ's classic format (Erlang terms); expected a file in the format of "
                      "rabbitmq.conf\n");
}

static void check_checked(const char *text, int status, const char *expected_out,
                          const char *expected_err)
{
    char *file = said_file(text);
    char out[1024] = "";
    char err[4096] = "";
    struct options options = no_flags;
    options.config_file = file;
    FILE *out_file = fmemopen(out, sizeof out, "w");
    FILE *err_file = fmemopen(err, sizeof err, "w");
    environment_set(NULL);
    assert_int_equal(options_check_config(&options, environment_get, out_file, err_file), status);
    fclose(out_file);
    fclose(err_file);
    assert_string_equal(out, expected_out);
    char *from = err;
    for (char *name; (name = strstr(from, file)) != NULL; from = name)
        memmove(name, name + strlen(file), strlen(name + strlen(file)) + 1);
    assert_string_equal(err, expected_err);
    unlink(file);
    free(file);
}

static void a_check_names_every_fault(void **state)
{
    (void)state;
    check_checked("heartbeat = 1\nhart = 1\nnum_acceptors.tcp = 1\n", 0,
                  "The configuration is valid (1 file, 1 warning).\n",
                  "warning: :2: ignoring unknown key 'hart'\n"
                  "info: :3: num_acceptors.tcp has no effect: every loop accepts connections\n");
    check_checked("heartbeat = x\nnonsense\nload_definitions = /no/such\n"
                  "management.tcp.ip = mars\nlisteners.tcp.a = 1\nlisteners.tcp.b = 1\n",
                  OPTIONS_EXIT_CONFIG, "",
                  "error: :2: expected 'key = value' or '# comment'\n"
                  "error: :1: invalid value 'x' for heartbeat: expected a whole number from 0 to "
                  "65535\n"
                  "error: :6: invalid value '1 1' for listeners.tcp.*: expected each address and "
                  "port once\n"
                  "error: :3: invalid value '/no/such' for load_definitions: expected a file that "
                  "can be read (No such file or directory)\n"
                  "error: :4: invalid value 'mars' for management.tcp.ip: expected a numeric IPv4 "
                  "or IPv6 address\n"
                  "The configuration has 5 errors.\n");
}

static void a_named_file_must_be_there(void **state)
{
    (void)state;
    struct options options = {.port = -1, .config_file = "/tmp/leveret-no-such.conf"};
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
    struct options options = {.port = -1, .config_file = file};
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
    static const char *const with_prefix[] = {"SYS_PREFIX", "/nowhere", "HOME", "/h", NULL};
    char *file = said_file("");
    struct options options = {.port = -1, .config_file = file};
    bool is_systems = geteuid() == 0 || access("/var/lib/leveret", W_OK) == 0;
    struct config *c = load(&options, with_state);
    assert_string_equal(c->data_dir, is_systems ? "/var/lib/leveret" : "/s/leveret");
    config_free(&c);
    c = load(&options, with_home);
    assert_string_equal(c->data_dir, is_systems ? "/var/lib/leveret" : "/h/.local/state/leveret");
    config_free(&c);
    c = load(&options, with_prefix);
    assert_string_equal(c->data_dir,
                        geteuid() == 0 ? "/nowhere/var/lib/leveret" : "/h/.local/state/leveret");
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
        cmocka_unit_test(files_are_read_in_rabbitmqs_order),
        cmocka_unit_test(advanced_config_is_read_without_rabbitmq_conf),
        cmocka_unit_test(a_file_in_the_classic_format_is_refused),
        cmocka_unit_test(a_check_names_every_fault),
        cmocka_unit_test(a_named_file_must_be_there),
        cmocka_unit_test(a_bad_value_anywhere_refuses_the_start),
        cmocka_unit_test(the_data_directory_is_the_systems_or_the_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
