#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "leveretd/config_lines.h"
#include "leveretd/said.h"

/* Reads a text as advanced.config, and checks its lines ("key = value\n") and what is said. */
static void assert_read(const char *text, int expected, const char *lines, const char *said)
{
    struct config_lines found = {0};
    struct lv_buffer report = {0}, out = {0};
    assert_int_equal(
        config_advanced_parse(&found, slice_str(text), "advanced.config", said_add, &report),
        expected);
    for (size_t i = 0; i < found.count; i++)
        lv_buffer_printf(&out, "%d %s = %s\n", found.items[i].line, found.items[i].key,
                         found.items[i].value);
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p, lines);
    said_check(&report, said);
    lv_buffer_free(&out);
    lv_buffer_free(&report);
    config_lines_free(&found);
}

static void the_section_of_ldap_is_read_as_lines(void **state)
{
    (void)state;
    assert_read("%% the directory\n"
                "[{rabbitmq_auth_backend_ldap, [\n"
                "  {servers, [\"ldap1\", \"ldap2\"]}, {port, 636}, {pool_size, 8},\n"
                "  {dn_lookup_bind, {\"cn=admin\", <<\"secret\">>}}, {other_bind, anon},\n"
                "  {use_ssl, true}, {timeout, infinity},\n"
                "  {ssl_options, [{cacertfile, \"/ca.pem\"}, {verify, verify_peer},\n"
                "                 {versions, ['tlsv1.2']}, {server_name_indication, \"ldap\"}]},\n"
                "  {vhost_access_query, {'or', [{constant, true}, % yes\n"
                "                               {exists, \"cn=${vhost}\"}]}}]}].\n",
                0,
                "3 auth_ldap.servers.1 = ldap1\n"
                "3 auth_ldap.servers.2 = ldap2\n"
                "3 auth_ldap.port = 636\n"
                "3 auth_ldap.connection_pool_size = 8\n"
                "4 auth_ldap.dn_lookup_bind.user_dn = cn=admin\n"
                "4 auth_ldap.dn_lookup_bind.password = secret\n"
                "4 auth_ldap.other_bind = anon\n"
                "5 auth_ldap.use_ssl = true\n"
                "5 auth_ldap.timeout = infinity\n"
                "6 auth_ldap.ssl_options.cacertfile = /ca.pem\n"
                "6 auth_ldap.ssl_options.verify = verify_peer\n"
                "7 auth_ldap.ssl_options.versions.1 = tlsv1.2\n"
                "7 auth_ldap.ssl_options.sni = ldap\n"
                "8 auth_ldap.queries.vhost_access = {'or', [{constant, true}, % yes\n"
                "                               {exists, \"cn=${vhost}\"}]}\n",
                "");
}

static void the_section_of_the_broker_is_read_as_lines(void **state)
{
    (void)state;
    assert_read("[{rabbit, [\n"
                "  {heartbeat, 30}, {default_user, <<\"ann\">>}, {cluster_name, []},\n"
                "  {tcp_listeners, [5673, {\"127.0.0.1\", 5674}]}, {ssl_listeners, []},\n"
                "  {loopback_users, [<<\"ann.smith\">>]},\n"
                "  {vm_memory_high_watermark, 0.5}, {disk_free_limit, {mem_relative, 1.5}},\n"
                "  {default_pass, {encrypted, <<\"AbC=\">>}},\n"
                "  {config_entry_decoder, [{passphrase, {file, \"/p\"}}, {iterations, 9}]},\n"
                "  {ssl_options, [{password, {encrypted, \"x\"}}]}, {cluster_nodes, {[a], disc}}\n"
                "]}].\n",
                0,
                "2 heartbeat = 30\n"
                "2 default_user = ann\n"
                "2 cluster_name = \n"
                "3 listeners.tcp = none\n"
                "3 listeners.tcp.1 = 5673\n"
                "3 listeners.tcp.2 = 127.0.0.1:5674\n"
                "3 listeners.ssl = none\n"
                "4 loopback_users = none\n"
                "4 loopback_users.ann\\.smith = true\n"
                "5 vm_memory_high_watermark.relative = 0.5\n"
                "5 disk_free_limit.relative = 1.5\n"
                "6 default_pass = encrypted:AbC=\n"
                "7 config_entry_decoder.passphrase_file = /p\n"
                "7 config_entry_decoder.iterations = 9\n"
                "8 ssl_options.password = encrypted:x\n",
                "warning: advanced.config:8: cluster_nodes has no effect: set the keys of "
                "rabbitmq.conf instead\n");
    assert_read("[{rabbit, [{tcp_listeners, [{x, y}]}, {loopback_users, 5}]}].", ERR_INVALID,
                "1 listeners.tcp = none\n",
                "error: advanced.config:1: column 29: invalid value for listeners.tcp.1: expected "
                "PORT or {\"ADDRESS\", PORT}\n"
                "error: advanced.config:1: column 56: invalid value for loopback_users: expected a "
                "list of names\n");
}

static void other_sections_are_reported(void **state)
{
    (void)state;
    assert_read("[{kernel, [{net_ticktime, 5}]},\n {rabbitmq_auth_backend_ldap, []}].", 0, "",
                "warning: advanced.config:1: the section kernel has no effect: set the keys of "
                "rabbitmq.conf instead\n");
    assert_read("[].", 0, "", "");
    assert_read("", 0, "", "");
}

static void every_fault_is_reported_with_its_place(void **state)
{
    (void)state;
    assert_read("[{rabbitmq_auth_backend_ldap, [\n"
                "  {servers, \"ldap\"},\n"
                "  {port, {a}},\n"
                "  {other_bind, \"cn=x\"},\n"
                "  verify_none]}].\n",
                ERR_INVALID, "",
                "error: advanced.config:2: column 13: invalid value for auth_ldap.servers: "
                "expected a list\n"
                "error: advanced.config:3: column 10: invalid value for auth_ldap.port: expected "
                "an atom, a string, a binary or a number\n"
                "error: advanced.config:4: column 16: invalid value for auth_ldap.other_bind: "
                "expected as_user, anon or {\"NAME\", \"PASSWORD\"}\n"
                "error: advanced.config:5: column 3: invalid value for auth_ldap.: expected "
                "{KEY, VALUE}\n");
    assert_read("[{rabbit, [}].", ERR_INVALID, "",
                "error: advanced.config:1: column 12: expected a term, not '}'\n");
    assert_read("{rabbit, []}.", ERR_INVALID, "",
                "error: advanced.config:1: column 1: invalid value for the file: expected one "
                "list: [{SECTION, [...]}, ...].\n");
}

static void settings_of_ldap_are_checked_before_the_start(void **state)
{
    (void)state;
    struct config *config = config_create();
    struct lv_buffer said = {0};
    assert_int_equal(config_parse(config,
                                  slice_str("auth_ldap.servers.1 = ldap\n"
                                            "auth_ldap.user_dn_pattern = cn=${user}\n"
                                            "auth_ldap.queries.tags = [{a, b}]\n"
                                            "auth_ldap.queries.vhost_access = '''\n"
                                            "{'not',\n {exist, \"x\"}}\n"
                                            "'''\n"
                                            "auth_ldap.queries.topic_access = {constant, true}.\n"
                                            "auth_ldap.ssl_options.cacertfile = /nowhere/ca\n"),
                                  "file", said_add, &said),
                     0);
    said_check(&said, "");
    assert_int_equal(config_check(config, said_add, &said), ERR_INVALID);
    said_check(&said,
               "error: file:2: invalid value 'cn=${user}' for auth_ldap.user_dn_pattern: expected "
               "a pattern; there is no variable ${user}\n"
               "error: file:3: invalid value '[{a, b}]' for auth_ldap.queries.tags: expected "
               "[{Tag, Query}, ...]; line 1, column 6: expected a query, such as {constant, "
               "true}\n"
               "error: file:4: invalid value '{'not',\n {exist, \"x\"}}' for "
               "auth_ldap.queries.vhost_access: expected a query; line 2, column 2: there is no "
               "query 'exist'\n"
               "error: file:9: invalid value '/nowhere/ca' for auth_ldap.ssl_options.cacertfile: "
               "expected a file that can be read (No such file or directory)\n");
    lv_buffer_free(&said);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_section_of_ldap_is_read_as_lines),
        cmocka_unit_test(the_section_of_the_broker_is_read_as_lines),
        cmocka_unit_test(other_sections_are_reported),
        cmocka_unit_test(every_fault_is_reported_with_its_place),
        cmocka_unit_test(settings_of_ldap_are_checked_before_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
