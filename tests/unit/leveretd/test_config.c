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
#include "leveretd/config.h"
#include "leveretd/said.h"

/* Returns the config of a file with this text, which has no unknown key. */
static struct config *config_of(const char *text)
{
    struct config *config = config_create();
    struct lv_buffer said = {0};
    assert_int_equal(config_parse(config, slice_str(text), "f", said_add, &said), 0);
    lv_buffer_printf(&said, " "); /* adds a NUL, also if nothing was said */
    assert_null(strstr((const char *)said.p, "unknown"));
    lv_buffer_free(&said);
    return config;
}

/* The text is refused with these lines. */
static void check_refused(const char *text, const char *expected)
{
    struct config *config = config_create();
    struct lv_buffer said = {0};
    assert_int_equal(config_parse(config, slice_str(text), "f", said_add, &said), ERR_INVALID);
    said_check(&said, expected);
    config_free(&config);
}

static void the_defaults_are_rabbitmqs(void **state)
{
    (void)state;
    struct config *c = config_create();
    assert_int_equal(c->heartbeat_s, 60);
    assert_int_equal(c->frame_bytes_max, 131072);
    assert_int_equal(c->channel_max, 2047);
    assert_int_equal(c->message_bytes_max, 134217728);
    assert_int_equal(c->consumer_timeout_ms, CONFIG_NONE);
    assert_int_equal(c->disk_free_bytes, 50000000);
    assert_string_equal(c->default_user, "guest");
    assert_string_equal(c->default_pass, "guest");
    assert_string_equal(c->default_vhost, "/");
    assert_int_equal(c->loopback_users.count, 1);
    assert_string_equal(c->loopback_users.names[0], "guest");
    assert_int_equal(c->listeners.count, 1);
    assert_string_equal(c->listeners.items[0].address, "");
    assert_int_equal(c->listeners.items[0].port, 5672);
    assert_int_equal(config_log_level(c), LOG_INFO);
    assert_int_equal(c->file_count, 0);
    config_free(&c);
}

static void a_file_in_rabbitmqs_format_is_read(void **state)
{
    (void)state;
    struct config *c = config_of("# a comment\n"
                                 "\n"
                                 "heartbeat=30\r\n"
                                 "\t channel_max\t=\t100   # behind a value\n"
                                 "default_pass = 'a # and spaces '  # quoted\n"
                                 "default_user = h\xc3\xa9lo\n"
                                 "cluster_name = a = b\n"
                                 "heartbeat = 20\n"
                                 "default_vhost = last"); /* without a line's end */
    assert_int_equal(c->heartbeat_s, 20);
    assert_int_equal(c->channel_max, 100);
    assert_string_equal(c->default_pass, "a # and spaces ");
    assert_string_equal(c->default_user, "h\xc3\xa9lo");
    assert_string_equal(c->cluster_name, "a = b");
    assert_string_equal(c->default_vhost, "last");
    assert_string_equal(c->origins[CONFIG_heartbeat_s], "f:8");
    assert_null(c->origins[CONFIG_frame_bytes_max]);
    config_free(&c);
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    struct config *c = config_of("\xef\xbb\xbfheartbeat = 7\n");
    assert_int_equal(c->heartbeat_s, 7);
    config_free(&c);
}

static void a_line_that_is_not_a_setting_is_refused_with_its_number(void **state)
{
    (void)state;
    check_refused("\n; semicolon\n", "error: f:2: expected 'key = value' or '# comment'\n");
    check_refused("[section]\n", "error: f:1: expected 'key = value' or '# comment'\n");
    check_refused("heartbeat : 5\n", "error: f:1: expected 'key = value' or '# comment'\n");
    check_refused("= 5\n", "error: f:1: expected 'key = value' or '# comment'\n");
    check_refused("heartbeat =  # nothing\n", "error: f:1: expected a value after 'heartbeat ='\n");
    check_refused("default_user = 'open\n",
                  "error: f:1: expected a value after 'default_user ='\n");
    check_refused("default_user = 'a' b\n",
                  "error: f:1: expected a value after 'default_user ='\n");
    check_refused("heart\001beat = 5\n", "error: f:1: the line contains a control character\n");
}

static void a_bad_value_is_refused_with_the_expected_ones(void **state)
{
    (void)state;
    check_refused(
        "heartbeat = abc\nchannel_max = 65536\n",
        "error: f:1: invalid value 'abc' for heartbeat: expected a whole number from 0 to 65535\n"
        "error: f:2: invalid value '65536' for channel_max: expected a whole number from 0 to 65535\n");
    check_refused(
        "disk_free_limit.absolute = 5 parsecs\n",
        "error: f:1: invalid value '5 parsecs' for disk_free_limit.absolute: expected a size "
        "from 0 to 9223372036854775807 bytes, such as 1000000, 50MB or 2GiB\n");
    check_refused(
        "tcp_listen_options.nodelay = 1\n",
        "error: f:1: invalid value '1' for tcp_listen_options.nodelay: expected true or false\n");
    check_refused("log.level = loud\n",
                  "error: f:1: invalid value 'loud' for log.level: expected debug, info, "
                  "warning, error, critical or none\n");
    check_refused(
        "vm_memory_high_watermark.relative = nan\n",
        "error: f:1: invalid value 'nan' for vm_memory_high_watermark.relative: expected a number "
        "from 0 to 1, such as 0.4\n");
}

static void the_key_of_a_whole_list_takes_only_none(void **state)
{
    (void)state;
    check_refused("loopback_users = guest\n",
                  "error: f:1: invalid value 'guest' for loopback_users: expected none, or a line "
                  "for each entry: loopback_users.NAME = ...\n");
    check_refused(
        "listeners.tcp = 5672\n",
        "error: f:1: invalid value '5672' for listeners.tcp: expected none, or a line for "
        "each entry: listeners.tcp.NAME = ...\n");
    check_refused("loopback_users.guest = yes\n",
                  "error: f:1: invalid value 'yes' for loopback_users.guest: expected true or "
                  "false\n");
}

static void words_patterns_and_lengths_are_checked_when_the_file_is_read(void **state)
{
    (void)state;
    check_refused(
        "durability = maybe\n"
        "default_queue_type = foo\n"
        "default_queue_type = stream\n"
        "dead_letter.republished_x_death = keep\n"
        "frame_max = 1\n"
        "loops = 65\n"
        "default_permissions.write = *(\n"
        "default_vhost = ''\n",
        "error: f:1: invalid value 'maybe' for durability: expected sync, interval or none\n"
        "error: f:2: invalid value 'foo' for default_queue_type: expected classic or quorum\n"
        "error: f:3: invalid value 'stream' for default_queue_type: expected classic or "
        "quorum\n"
        "error: f:4: invalid value 'keep' for dead_letter.republished_x_death: expected "
        "count or ignore\n"
        "error: f:5: invalid value '1' for frame_max: expected 0 or a whole number from "
        "4096 to 2147483647\n"
        "error: f:6: invalid value '65' for loops: expected a whole number from 0 to 64\n"
        "error: f:7: invalid value '*(' for default_permissions.write: expected a regular "
        "expression\n"
        "error: f:8: invalid value '' for default_vhost: expected text of 1 to 255 bytes\n");
    struct config *c =
        config_of("durability = interval\nframe_max = 0\ndefault_queue_type = quorum\n");
    assert_int_equal(c->durability, CONFIG_DURABILITY_INTERVAL);
    assert_int_equal(c->frame_bytes_max, 0);
    assert_string_equal(config_word(CONFIG_QUEUE_TYPES, c->default_queue_type), "quorum");
    config_free(&c);
}

static void the_number_of_listeners_is_limited(void **state)
{
    (void)state;
    struct config *config = config_create();
    struct lv_buffer said = {0};
    for (int i = 0; i < CONFIG_LISTENERS_MAX; i++) {
        char line[64];
        snprintf(line, sizeof line, "listeners.tcp.l%d = %d\n", i, 1000 + i);
        assert_int_equal(config_parse(config, slice_str(line), "f", said_add, &said), 0);
    }
    assert_int_equal(
        config_parse(config, slice_str("listeners.tcp.more = 1\n"), "f", said_add, &said),
        ERR_INVALID);
    assert_int_equal(config->listeners.count, CONFIG_LISTENERS_MAX);
    said_check(&said, "error: f:1: invalid value '1' for listeners.tcp.more: expected a port such "
                      "as 5672, or a numeric address and a port such as 127.0.0.1:5672 or "
                      "[::1]:5672 (at most 64 listeners)\n");
    config_free(&config);
}

static void a_value_that_turns_out_to_be_bad_later_is_reported_with_its_line(void **state)
{
    (void)state;
    struct config *c = config_of("\nevent_exchange.vhost = nowhere\n");
    struct lv_buffer said = {0};
    config_complain(c, CONFIG_event_exchange_vhost, "a vhost that exists", said_add, &said);
    said_check(&said, "error: f:2: invalid value 'nowhere' for event_exchange.vhost: expected a "
                      "vhost that exists\n");
    config_free(&c);
}

static void keys_that_are_unknown_or_have_no_effect_are_reported(void **state)
{
    (void)state;
    struct config *config = config_create();
    struct lv_buffer said = {0};
    const char *text = "hartbeat = 5\n"
                       "num_acceptors.tcp = 10\n"
                       "stomp.listeners.tcp.1 = 61613\n"
                       "vm_memory_high_watermark_paging_ratio = 0.5\n"
                       "definitions.tls.crl_check = peer\n"
                       "heartbeat = 5\n";
    assert_int_equal(config_parse(config, slice_str(text), "f", said_add, &said), 0);
    said_check(
        &said,
        "warning: f:1: ignoring unknown key 'hartbeat': did you mean heartbeat?\n"
        "info: f:2: num_acceptors.tcp has no effect: every loop accepts connections\n"
        "warning: f:3: stomp.listeners.tcp.1 has no effect: STOMP comes in a later version\n"
        "info: f:4: vm_memory_high_watermark_paging_ratio has no effect: paging out needs no "
        "ratio\n"
        "warning: f:5: definitions.tls.crl_check has no effect: lists of revoked certificates are "
        "not read\n");
    config_free(&config);
}

static void none_and_infinity_are_values_where_rabbitmq_has_them(void **state)
{
    (void)state;
    struct config *c = config_of("consumer_timeout = 1800000\n"
                                 "connection_max = infinity\n"
                                 "handshake_timeout = infinity\n"
                                 "vm_memory_high_watermark.absolute = 2GB\n"
                                 "max_message_size = 16MiB\n");
    assert_int_equal(c->consumer_timeout_ms, 1800000);
    assert_int_equal(c->connection_max, CONFIG_NONE);
    assert_int_equal(c->handshake_timeout_ms, INT32_MAX);
    assert_int_equal(c->memory_bytes, 2000000000);
    assert_int_equal(c->message_bytes_max, 16 << 20);
    config_free(&c);
    c = config_of("consumer_timeout = 5\nconsumer_timeout = undefined\n");
    assert_int_equal(c->consumer_timeout_ms, CONFIG_NONE);
    config_free(&c);
}

/* --- Lists ------------------------------------------------------------------------------------ */

static void check_listeners(const char *text, const char *expected)
{
    struct config *c = config_of(text);
    struct lv_buffer out = {0};
    for (size_t i = 0; i < c->listeners.count; i++)
        lv_buffer_printf(&out, "%s %s %u\n", c->listeners.items[i].name,
                         c->listeners.items[i].address, c->listeners.items[i].port);
    said_check(&out, expected);
    config_free(&c);
}

static void listeners_are_ports_with_or_without_addresses(void **state)
{
    (void)state;
    check_listeners("listeners.tcp.default = 5673\n", "default  5673\n");
    check_listeners("listeners.tcp.1 = 127.0.0.1:5672\nlisteners.tcp.2 = ::1:5672\n",
                    "1 127.0.0.1 5672\n2 ::1 5672\n");
    check_listeners("listeners.tcp.a = [fe80::1]:1\nlisteners.tcp.b = :::2\n",
                    "a fe80::1 1\nb :: 2\n");
    check_listeners("listeners.tcp.a = 1\nlisteners.tcp.a = localhost:2\n", "a 127.0.0.1 2\n");
    check_listeners("listeners.tcp = none\n", "");
    check_listeners("listeners.tcp = none\nlisteners.tcp.x = 7\n", "x  7\n");
}

static void a_listener_without_a_good_address_and_port_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"127.0.0.1", "127.0.0.1:", ":5672", "1.2.3:5",
                                      "host:5672", "65536",      "-1",    "1.2.3.4:99999",
                                      "[::1]",     "::1 5672"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "listeners.tcp.x = %s\n", bad[i]);
        char expected[240];
        snprintf(
            expected, sizeof expected,
            "error: f:1: invalid value '%s' for listeners.tcp.x: expected a port such as 5672, "
            "or a numeric address and a port such as 127.0.0.1:5672 or [::1]:5672 (at most 64 "
            "listeners)\n",
            bad[i]);
        check_refused(text, expected);
    }
}

static void loopback_users_replace_the_default(void **state)
{
    (void)state;
    struct config *c = config_of("loopback_users = none\n");
    assert_int_equal(c->loopback_users.count, 0);
    config_free(&c);
    c = config_of("loopback_users.guest = false\n");
    assert_int_equal(c->loopback_users.count, 0);
    config_free(&c);
    c = config_of("loopback_users.ann\\.smith = true\nloopback_users.bob = true\n"
                  "loopback_users.bob = false\n");
    assert_int_equal(c->loopback_users.count, 1);
    assert_string_equal(c->loopback_users.names[0], "ann.smith");
    config_free(&c);
}

static void the_default_users_tags_and_permissions_can_be_chosen(void **state)
{
    (void)state;
    struct config *c = config_of("default_user_tags.monitoring = true\n"
                                 "default_permissions.configure = ^$\n"
                                 "default_permissions.read = ^q\n");
    assert_int_equal(c->default_user_tags.count, 1);
    assert_string_equal(c->default_user_tags.names[0], "monitoring");
    assert_string_equal(c->default_configure, "^$");
    assert_string_equal(c->default_write, ".*");
    assert_string_equal(c->default_read, "^q");
    config_free(&c);
}

static void the_level_of_the_console_wins(void **state)
{
    (void)state;
    struct config *c = config_of("log.level = error\n");
    assert_int_equal(config_log_level(c), LOG_ERROR);
    config_free(&c);
    c = config_of("log.console.level = debug\nlog.default.level = emergency\n");
    assert_int_equal(c->log_level, LOG_CRITICAL);
    assert_int_equal(config_log_level(c), LOG_DEBUG);
    config_free(&c);
}

/* --- The environment -------------------------------------------------------------------------- */

static void the_environment_wins_over_the_file(void **state)
{
    (void)state;
    static const char *const pairs[] = {"RABBITMQ_DEFAULT_USER",
                                        "ann",
                                        "RABBITMQ_DEFAULT_VHOST",
                                        "shop",
                                        "RABBITMQ_NODE_IP_ADDRESS",
                                        "::1",
                                        "RABBITMQ_NODE_PORT",
                                        "5680",
                                        NULL};
    struct config *c = config_of("default_user = bob\nlisteners.tcp.a = 1\nlisteners.tcp.b = 2\n");
    environment_set(pairs);
    struct lv_buffer said = {0};
    assert_int_equal(config_apply_environment(c, environment_get, said_add, &said), 0);
    said_check(&said, "");
    assert_string_equal(c->default_user, "ann");
    assert_string_equal(c->default_pass, "guest");
    assert_string_equal(c->default_vhost, "shop");
    assert_int_equal(c->listeners.count, 1);
    assert_string_equal(c->listeners.items[0].address, "::1");
    assert_int_equal(c->listeners.items[0].port, 5680);
    config_free(&c);
}

static void a_password_can_be_in_a_file(void **state)
{
    (void)state;
    char *file = said_file("from the file\nnot this\n");
    const char *pairs[] = {"RABBITMQ_DEFAULT_PASS_FILE", file, NULL};
    struct config *c = config_create();
    environment_set(pairs);
    struct lv_buffer said = {0};
    assert_int_equal(config_apply_environment(c, environment_get, said_add, &said), 0);
    assert_string_equal(c->default_pass, "from the file");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(config_apply_environment(c, environment_get, said_add, &said), ERR_INVALID);
    assert_true(strstr((const char *)said.p, "error: RABBITMQ_DEFAULT_PASS_FILE: cannot read"));
    lv_buffer_free(&said);
    config_free(&c);
    free(file);
}

static void a_bad_port_in_the_environment_is_refused(void **state)
{
    (void)state;
    static const char *const pairs[] = {"RABBITMQ_NODE_PORT", "tcp://1.2.3.4:5672", NULL};
    struct config *c = config_create();
    environment_set(pairs);
    struct lv_buffer said = {0};
    assert_int_equal(config_apply_environment(c, environment_get, said_add, &said), ERR_INVALID);
    said_check(&said, "error: RABBITMQ_NODE_PORT: invalid value 'tcp://1.2.3.4:5672': expected a "
                      "port from 0 to 65535\n");
    config_free(&c);
}

/* --- Values as text --------------------------------------------------------------------------- */

static void add_difference(void *arg, const char *key, bool is_reloadable, const char *old,
                           const char *fresh)
{
    lv_buffer_printf(arg, "%s %s -> %s%s\n", key, old, fresh, is_reloadable ? "" : " (restart)");
}

static void differences_are_listed_with_whether_they_need_a_restart(void **state)
{
    (void)state;
    struct config *old = config_create();
    struct config *fresh =
        config_of("heartbeat = 5\ndefault_pass = new\nlisteners.tcp.x = [::1]:1\n"
                  "loopback_users = none\nconsumer_timeout = 9\nlog.level = error\n"
                  "disk_free_limit.relative = 1.5\ntcp_listen_options.nodelay = off\n");
    struct lv_buffer out = {0};
    config_compare(old, old, add_difference, &out);
    said_check(&out, "");
    config_compare(old, fresh, add_difference, &out);
    said_check(&out, "heartbeat 60 -> 5\n"
                     "consumer_timeout none -> 9\n"
                     "default_pass <redacted> -> <redacted> (restart)\n"
                     "loopback_users.* guest -> none\n"
                     "listeners.tcp.* 5672 -> [::1]:1 (restart)\n"
                     "tcp_listen_options.nodelay true -> false\n"
                     "disk_free_limit.relative 0 -> 1.5\n"
                     "log.level info -> error\n");
    config_free(&old);
    config_free(&fresh);
}

static void add_shown(void *arg, const char *key, const char *value, const char *fallback,
                      const char *origin)
{
    lv_buffer_printf(arg, "%s = %s (%s, %s)\n", key, value, fallback, origin ? origin : "-");
}

static void a_copy_is_equal_and_owns_its_memory(void **state)
{
    (void)state;
    struct config *c = config_of("default_pass = s3cret\nlisteners.tcp.a = 127.0.0.1:1\n"
                                 "loopback_users.ann = true\nheartbeat = 5\n"
                                 "auth_mechanisms.1 = PLAIN\nauth_backends.1 = internal\n");
    struct config *copy = config_copy(c);
    struct lv_buffer out = {0}, shown = {0}, shown_of_copy = {0};
    config_compare(c, copy, add_difference, &out);
    said_check(&out, "");
    config_visit_all(c, add_shown, &shown);
    config_free(&c);
    config_visit_all(copy, add_shown, &shown_of_copy);
    assert_true(slice_equal(lv_buffer_slice(&shown), lv_buffer_slice(&shown_of_copy)));
    lv_buffer_free(&shown);
    lv_buffer_free(&shown_of_copy);
    config_free(&copy);
}

static void what_is_shown_has_its_origin_and_no_password(void **state)
{
    (void)state;
    struct config *c = config_of("default_pass = s3cret\nlisteners.tcp.a = 127.0.0.1:1\n"
                                 "loopback_users = none\nheartbeat = 5\n");
    struct lv_buffer out = {0};
    config_visit_all(c, add_shown, &out);
    const char *shown = (const char *)out.p;
    assert_non_null(strstr(shown, "heartbeat = 5 (60, f:4)\n"));
    assert_non_null(strstr(shown, "frame_max = 131072 (131072, -)\n"));
    assert_non_null(strstr(shown, "default_pass = <redacted> (guest, f:1)\n"));
    assert_non_null(strstr(shown, "listeners.tcp.a = 127.0.0.1:1 (5672, f:2)\n"));
    assert_non_null(strstr(shown, "loopback_users = none (guest, f:3)\n"));
    assert_non_null(strstr(shown, "default_user_tags.administrator = true (administrator, -)\n"));
    assert_null(strstr(shown, "s3cret"));
    lv_buffer_free(&out);
    config_free(&c);
}

/* --- The manual ------------------------------------------------------------------------------- */

static const char *reload_word(bool is_reloadable)
{
    return is_reloadable ? "SIGHUP" : "restart";
}

/* Returns the text of docs/configuration.md, which is found relative to this file. */
static char *read_manual(void)
{
    static char text[1 << 17];
    const char *here = __FILE__;
    const char *end = strstr(here, "tests/unit/leveretd/");
    assert_non_null(end);
    char path[1024];
    snprintf(path, sizeof path, "%.*sdocs/configuration.md", (int)(end - here), here);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    return text;
}

static void the_manual_has_the_row_of_every_setting(void **state)
{
    (void)state;
    const char *manual = read_manual();
    char row[1024];
    int missing = 0;
#define CHECK_ROW(member, key, type, value, reload, from, to, text)                                \
    snprintf(row, sizeof row, "| `%s` | %s | %s | %s |", key, (value)[0] ? "`" value "`" : "none", \
             reload_word(reload), text);                                                           \
    if (!strstr(manual, row)) {                                                                    \
        print_error("docs/configuration.md lacks: %s\n", row);                                     \
        missing++;                                                                                 \
    }
    CONFIG_SETTINGS(CHECK_ROW)
#undef CHECK_ROW
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_rabbitmqs),
        cmocka_unit_test(a_file_in_rabbitmqs_format_is_read),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(a_line_that_is_not_a_setting_is_refused_with_its_number),
        cmocka_unit_test(a_bad_value_is_refused_with_the_expected_ones),
        cmocka_unit_test(the_key_of_a_whole_list_takes_only_none),
        cmocka_unit_test(words_patterns_and_lengths_are_checked_when_the_file_is_read),
        cmocka_unit_test(the_number_of_listeners_is_limited),
        cmocka_unit_test(a_value_that_turns_out_to_be_bad_later_is_reported_with_its_line),
        cmocka_unit_test(keys_that_are_unknown_or_have_no_effect_are_reported),
        cmocka_unit_test(none_and_infinity_are_values_where_rabbitmq_has_them),
        cmocka_unit_test(listeners_are_ports_with_or_without_addresses),
        cmocka_unit_test(a_listener_without_a_good_address_and_port_is_refused),
        cmocka_unit_test(loopback_users_replace_the_default),
        cmocka_unit_test(the_default_users_tags_and_permissions_can_be_chosen),
        cmocka_unit_test(the_level_of_the_console_wins),
        cmocka_unit_test(the_environment_wins_over_the_file),
        cmocka_unit_test(a_password_can_be_in_a_file),
        cmocka_unit_test(a_bad_port_in_the_environment_is_refused),
        cmocka_unit_test(differences_are_listed_with_whether_they_need_a_restart),
        cmocka_unit_test(a_copy_is_equal_and_owns_its_memory),
        cmocka_unit_test(what_is_shown_has_its_origin_and_no_password),
        cmocka_unit_test(the_manual_has_the_row_of_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
