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
#include "leveretd/config_lines.h"
#include "leveretd/said.h"

/* Checks the values after all references are replaced, as "key=value\n", or what is reported. */
static void check_lines(const char *text, const char *const *variables, const char *expected)
{
    static const char *const none[] = {NULL};
    const struct config_environment environment = {.get = environment_get};
    struct config_lines lines = {0};
    struct lv_buffer said = {0};
    environment_set(variables ? variables : none);
    int err = config_lines_parse(&lines, slice_str(text), "/tmp/f", said_add, &said);
    if (config_lines_resolve(&lines, &environment, said_add, &said) < 0)
        err = ERR_INVALID;
    assert_int_equal(err, said.n ? ERR_INVALID : 0);
    for (size_t i = 0; i < lines.count && err == 0; i++)
        lv_buffer_printf(&said, "%s=%s\n", lines.items[i].key, lines.items[i].value);
    said_check(&said, expected);
    config_lines_free(&lines);
}

static void a_value_between_three_quotes_may_have_several_lines(void **state)
{
    (void)state;
    check_lines("a = '''one\n  two # no comment\n''' # a comment\nb = 2\n", NULL,
                "a=one\n  two # no comment\nb=2\n");
    check_lines("a = '''\nit's\n\n'''\nb = ''''''\nc = '''x'''", NULL, "a=it's\nb=\nc=x\n");
    check_lines("a = '''\n'''\n\n\nwrong\n", NULL,
                "error: /tmp/f:5: expected 'key = value' or '# comment'\n");
    check_lines("a = '''one\ntwo\n", NULL,
                "error: /tmp/f:1: expected the value of a to end with '''\n"
                "error: /tmp/f:2: expected 'key = value' or '# comment'\n");
    check_lines("a = '''one''' two\n", NULL,
                "error: /tmp/f:1: expected nothing after the quotes that end a\n");
}

static void an_include_is_refused_with_what_to_do(void **state)
{
    (void)state;
    check_lines("include conf.d/*.conf\n", NULL,
                "error: /tmp/f:1: include is not supported: put the file into conf.d, or name it "
                "with RABBITMQ_CONFIG_FILES\n");
}

static void a_value_may_refer_to_keys_and_variables(void **state)
{
    (void)state;
    const char *variables[] = {"HOST_NAME", "mq1", "b", "hidden by the key", NULL};
    check_lines("a = $(b)/$( HOST_NAME )/x\nb = 2\n", variables, "a=2/mq1/x\nb=2\n");
    check_lines("b = 1\na = $(b)\nb = 2\n", variables, "b=1\na=2\nb=2\n"); /* the last counts */
    check_lines("a = '$(c)'\nb = $(a)$(a)\nc = x\n", NULL, "a=x\nb=xx\nc=x\n");
    check_lines("a = $(heartbeat)\n", NULL, "a=60\n"); /* the default */
    check_lines("a = $(log.default.level)\nlog.level = debug\n", NULL,
                "a=debug\nlog.level=debug\n");
    check_lines("a = p$ss(word) $(open\n", NULL, "a=p$ss(word) $(open\n");
}

static void what_a_variable_contains_is_replaced_too(void **state)
{
    (void)state;
    const char *variables[] = {"A", "$(B)", "B", "b", NULL};
    check_lines("a = $(A)\n", variables, "a=b\n");
    const char *circle[] = {"A", "$(B)", "B", "$(A)", NULL};
    check_lines("a = $(A)\n", circle, "error: /tmp/f:1: a: $(A) is within too many others\n");
}

static void a_reference_to_nothing_or_in_a_circle_is_refused(void **state)
{
    (void)state;
    check_lines("a = $(nothing)\nb = $()\n", NULL,
                "error: /tmp/f:1: a: $(nothing) is neither a key of the configuration nor an "
                "environment variable\n"
                "error: /tmp/f:2: b: $() is neither a key of the configuration nor an environment "
                "variable\n");
    check_lines("a = $(b)\nb = $(c)\nc = $(a)\n", NULL,
                "error: /tmp/f:3: c: $(a) refers back to itself\n");
    check_lines("a = $(a)\n", NULL, "error: /tmp/f:1: a: $(a) refers back to itself\n");
}

static void a_value_that_grows_without_end_is_refused(void **state)
{
    (void)state;
    struct lv_buffer text = {0};
    struct lv_buffer said = {0};
    struct config_lines lines = {0};
    lv_buffer_printf(&text, "k0 = 0123456789\n");
    for (int i = 1; i < 25; i++)
        lv_buffer_printf(&text, "k%d = $(k%d)$(k%d)\n", i, i - 1, i - 1);
    assert_int_equal(config_lines_parse(&lines, lv_buffer_slice(&text), "f", said_add, &said), 0);
    assert_int_equal(config_lines_resolve(&lines, NULL, said_add, &said), ERR_INVALID);
    said_check(&said, "error: f:18: k17: $(k16) makes the value larger than 1 MiB\n");
    config_lines_free(&lines);
    lv_buffer_free(&text);
}

static void a_value_may_be_the_content_of_a_file(void **state)
{
    (void)state;
    char *file = said_file("s3cret # all of it\n");
    char text[256];
    snprintf(text, sizeof text, "a = $(<%s)\nb = $(< %s )\nc = $(<%s)\n", file, file, file + 5);
    check_lines(text, NULL, "a=s3cret # all of it\nb=s3cret # all of it\nc=s3cret # all of it\n");
    assert_int_equal(unlink(file), 0);
    char expected[512];
    snprintf(text, sizeof text, "a = $(<%s)\n", file);
    snprintf(expected, sizeof expected, "error: /tmp/f:1: a: cannot read %s: not found\n", file);
    check_lines(text, NULL, expected);
    free(file);
}

/* --- Encrypted values ------------------------------------------------------------------------- */

static void check_config(const char *text, int expected_error, const char *expected,
                         struct config **ret)
{
    struct config *config = config_create();
    struct lv_buffer said = {0};
    assert_int_equal(config_parse(config, slice_str(text), "f", said_add, &said), expected_error);
    said_check(&said, expected);
    if (ret)
        *ret = config;
    else
        config_free(&config);
}

/* "secret", encrypted by rabbitmqctl 3.10.8 with the passphrase "pass". */
#define SECRET "encrypted:fk1oNjjgUasStnuFqpr5ga3x+PLWqfaQ1fbzF8GBQDERsHbObHHJrkgLK+IeEzBE"
#define STRONG_SECRET "encrypted:IreeCDYPAilptar2qS/+WVrpGX5920/hHN8tm6OsH+uoYqxhIga0RQjWq7Q0fRA1"

static void an_encrypted_value_is_decrypted_wherever_the_passphrase_stands(void **state)
{
    (void)state;
    struct config *c;
    check_config("default_pass = " SECRET "\ndefault_user = " SECRET "\n"
                 "config_entry_decoder.passphrase = pass\n",
                 0, "", &c);
    assert_string_equal(c->default_pass, "secret");
    assert_string_equal(c->default_user, "secret");
    assert_true(c->is_hidden[CONFIG_default_user]);
    config_forget_secrets(c);
    assert_string_equal(c->decoder_passphrase, "");
    config_free(&c);
    check_config("config_entry_decoder.passphrase = pass\nconfig_entry_decoder.hash = sha512\n"
                 "config_entry_decoder.cipher = aes_256_cbc\n"
                 "config_entry_decoder.iterations = 1000\ndefault_pass = " STRONG_SECRET "\n",
                 0, "", &c);
    assert_string_equal(c->default_pass, "secret");
    config_free(&c);
}

static void the_passphrase_may_be_in_a_file(void **state)
{
    (void)state;
    struct config *c;
    char *file = said_file("pass\r\nnot this\n");
    char text[512];
    snprintf(text, sizeof text,
             "default_pass = " SECRET "\nconfig_entry_decoder.passphrase_file = %s\n", file);
    check_config(text, 0, "", &c);
    assert_string_equal(c->default_pass, "secret");
    config_free(&c);
    assert_int_equal(unlink(file), 0);
    char expected[512];
    snprintf(expected, sizeof expected,
             "error: f:2: invalid value '%s' for config_entry_decoder.passphrase_file: expected a "
             "file that can be read (not found)\n"
             "error: f:1: the value of default_pass is encrypted: expected its passphrase in "
             "config_entry_decoder.passphrase or .passphrase_file\n",
             file);
    check_config(text, ERR_INVALID, expected, NULL);
    free(file);
}

static void what_was_encrypted_is_never_reported(void **state)
{
    (void)state;
    check_config("config_entry_decoder.passphrase = pass\nheartbeat = " SECRET "\n", ERR_INVALID,
                 "error: f:2: invalid value for heartbeat: expected a whole number from 0 to "
                 "65535\n",
                 NULL);
}

static void a_value_that_cannot_be_decrypted_is_refused(void **state)
{
    (void)state;
    check_config("config_entry_decoder.passphrase = wrong\ndefault_pass = " SECRET "\n",
                 ERR_INVALID,
                 "error: f:2: cannot decrypt the value of default_pass: expected what `leveretctl "
                 "encode` makes with the passphrase, cipher (aes_128_cbc), hash (sha256) and "
                 "iterations (1) of config_entry_decoder\n",
                 NULL);
    check_config("config_entry_decoder.cipher = rot13\nconfig_entry_decoder.hash = crc32\n",
                 ERR_INVALID,
                 "error: f:1: invalid value 'rot13' for config_entry_decoder.cipher: expected one "
                 "of `leveretctl list_ciphers`\n"
                 "error: f:2: invalid value 'crc32' for config_entry_decoder.hash: expected one "
                 "of `leveretctl list_hashes`\n",
                 NULL);
}

/* --- Unknown keys ----------------------------------------------------------------------------- */

static void an_unknown_key_is_ignored_with_the_nearest_known_one(void **state)
{
    (void)state;
    check_config("heartbaet = 1\nlistener.tcp.default = 1\nloop_backusers.x = true\n"
                 "cluster_partition_handlng = x\nmax_connectons = 1\nnothing.like.it = 1\nx = 1\n",
                 0,
                 "warning: f:1: ignoring unknown key 'heartbaet': did you mean heartbeat?\n"
                 "warning: f:2: ignoring unknown key 'listener.tcp.default': did you mean "
                 "listeners.tcp.default?\n"
                 "warning: f:3: ignoring unknown key 'loop_backusers.x': did you mean "
                 "loopback_users.x?\n"
                 "warning: f:4: ignoring unknown key 'cluster_partition_handlng': did you mean "
                 "cluster_partition_handling?\n"
                 "warning: f:5: ignoring unknown key 'max_connectons': did you mean "
                 "max_connections?\n"
                 "warning: f:6: ignoring unknown key 'nothing.like.it'\n"
                 "warning: f:7: ignoring unknown key 'x'\n",
                 NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_between_three_quotes_may_have_several_lines),
        cmocka_unit_test(an_include_is_refused_with_what_to_do),
        cmocka_unit_test(a_value_may_refer_to_keys_and_variables),
        cmocka_unit_test(what_a_variable_contains_is_replaced_too),
        cmocka_unit_test(a_reference_to_nothing_or_in_a_circle_is_refused),
        cmocka_unit_test(a_value_that_grows_without_end_is_refused),
        cmocka_unit_test(a_value_may_be_the_content_of_a_file),
        cmocka_unit_test(an_encrypted_value_is_decrypted_wherever_the_passphrase_stands),
        cmocka_unit_test(the_passphrase_may_be_in_a_file),
        cmocka_unit_test(what_was_encrypted_is_never_reported),
        cmocka_unit_test(a_value_that_cannot_be_decrypted_is_refused),
        cmocka_unit_test(an_unknown_key_is_ignored_with_the_nearest_known_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
