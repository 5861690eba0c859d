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
#include "leveretd/config_environment.h"
#include "leveretd/said.h"

static const char *const nothing[] = {NULL};

/* Checks the variables of a rabbitmq-env.conf with this text, as "NAME=VALUE\n", after what is
 * reported about its lines. */
static void check_file(const char *text, const char *expected)
{
    static const char *const pairs[] = {"HOST", "mq1", NULL};
    struct config_environment e = {.get = environment_get};
    struct lv_buffer said = {0};
    environment_set(pairs);
    config_environment_parse(&e, slice_str(text), "e", said_add, &said);
    for (size_t i = 0; i < e.file.count; i++)
        lv_buffer_printf(&said, "%s=%s\n", e.file.items[i].name, e.file.items[i].value);
    said_check(&said, expected);
    config_environment_free(&e);
}

static void assignments_are_read_as_a_shell_does(void **state)
{
    (void)state;
    check_file("# a comment\n\n  NODE_PORT=5673  # why\nexport  NODENAME=rabbit@$HOST\r\n",
               "NODE_PORT=5673\nNODENAME=rabbit@mq1\n");
    check_file("A='$HOST #'\nB=\"${HOST} x\"'y'\nC=$A.$NONE.\nD=\n",
               "A=$HOST #\nB=mq1 xy\nC=$HOST #..\nD=\n");
}

#define USELESS(line)                                                                              \
    "warning: e:" line ": the line has no effect: only NAME=VALUE is read, with $NAME or ${NAME} " \
    "in the value\n"

static void what_a_shell_would_execute_is_reported(void **state)
{
    (void)state;
    check_file("A=$(hostname)\nB=`hostname`\nif true; then\nC=1; D=2\nE = 5\nF=\"open\n"
               "G=${A:-b}\n. /etc/other\nH=a b\nI=~/x\nJ=\\$\nK=1\n",
               USELESS("1") USELESS("2") USELESS("3") USELESS("4") USELESS("5") USELESS("6")
                   USELESS("7") USELESS("8") USELESS("9") USELESS("10") USELESS("11") "K=1\n");
}

static void the_process_wins_over_the_file(void **state)
{
    (void)state;
    static const char *const pairs[] = {"RABBITMQ_NODE_PORT", "1", "EMPTY", "", NULL};
    struct config_environment e = {.get = environment_get};
    struct lv_buffer said = {0};
    environment_set(pairs);
    config_environment_parse(&e, slice_str("NODE_PORT=2\nRABBITMQ_NODENAME=a\nNODENAME=b\nEMPTY=x"),
                             "e", said_add, &said);
    assert_string_equal(config_environment_get(&e, "RABBITMQ_NODE_PORT"), "1");
    assert_string_equal(config_environment_get(&e, "RABBITMQ_NODENAME"), "a");
    assert_string_equal(config_environment_get(&e, "EMPTY"), "x");
    assert_null(config_environment_get(&e, "NODE"));
    char *origin = config_environment_origin(&e, "RABBITMQ_NODENAME");
    assert_string_equal(origin, "e:2 (RABBITMQ_NODENAME)");
    free(origin);
    config_environment_free(&e);
}

static void each_variable_sets_its_key(void **state)
{
    (void)state;
    static const char *const pairs[] = {"RABBITMQ_NODENAME",
                                        "hare@mq1",
                                        "RABBITMQ_MNESIA_BASE",
                                        "/base",
                                        "RABBITMQ_PRODUCT_NAME",
                                        "Hare",
                                        "RABBITMQ_PRODUCT_VERSION",
                                        "9",
                                        NULL};
    struct config *c = config_create();
    struct lv_buffer said = {0};
    environment_set(pairs);
    assert_int_equal(config_apply_environment(c, environment_get, said_add, &said), 0);
    said_check(&said, "");
    assert_string_equal(c->node_name, "hare@mq1");
    assert_string_equal(c->data_dir, "/base/leveret");
    assert_string_equal(c->server_product, "Hare");
    assert_string_equal(c->server_version, "9");
    static const char *const more[] = {"RABBITMQ_MNESIA_BASE", "/base", "RABBITMQ_MNESIA_DIR",
                                       "/dir", NULL};
    environment_set(more);
    assert_int_equal(config_apply_environment(c, environment_get, said_add, &said), 0);
    assert_string_equal(c->data_dir, "/dir");
    config_free(&c);
}

static void a_variable_without_effect_is_reported(void **state)
{
    (void)state;
    static const char *const pairs[] = {"RABBITMQ_ENABLED_PLUGINS_FILE", "/x", "RABBITMQ_PID_FILE",
                                        "/y", NULL};
    struct config *c = config_create();
    struct lv_buffer said = {0};
    environment_set(pairs);
    assert_int_equal(config_apply_environment(c, environment_get, said_add, &said), 0);
    said_check(&said, "info: RABBITMQ_ENABLED_PLUGINS_FILE: has no effect: there are no plugins\n"
                      "warning: RABBITMQ_PID_FILE: has no effect: no such file is written\n");
    config_free(&c);
    environment_set(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assignments_are_read_as_a_shell_does),
        cmocka_unit_test(what_a_shell_would_execute_is_reported),
        cmocka_unit_test(the_process_wins_over_the_file),
        cmocka_unit_test(each_variable_sets_its_key),
        cmocka_unit_test(a_variable_without_effect_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
