#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leveretd/config_private.h"
#include "leveretd/said.h"

static void check_printed(const struct config_pairs *pairs, bool has_names, const char *expected)
{
    struct lv_buffer out = {0};
    config_pairs_print(pairs, has_names, true, &out);
    said_check(&out, expected);
}

static void a_list_is_in_the_order_of_its_numbers(void **state)
{
    (void)state;
    struct config_pairs list = {0};
    config_pairs_put(&list, "10", "ten", "f:1", true);
    config_pairs_put(&list, "x", "last", "f:2", true);
    config_pairs_put(&list, "2", "two", "f:3", true);
    config_pairs_put(&list, "2", "two again", "f:4", true);
    config_pairs_put(&list, "a", "letter", "f:5", true);
    check_printed(&list, true, "2 = two again 10 = ten a = letter x = last");
    assert_string_equal(list.items[0].origin, "f:4");
    config_pairs_clear(&list);
    check_printed(&list, true, "none");
}

static void pairs_are_in_the_order_of_the_file(void **state)
{
    (void)state;
    struct config_pairs pairs = {0};
    config_pairs_put(&pairs, "z.name", "1", "f:1", false);
    config_pairs_put(&pairs, "a", "2", "f:2", false);
    config_pairs_put(&pairs, "z.name", "3", "f:3", false);
    check_printed(&pairs, true, "z.name = 3 a = 2");
    assert_string_equal(config_pairs_find(&pairs, "a"), "2");
    assert_null(config_pairs_find(&pairs, "z"));
    config_pairs_clear(&pairs);
}

static void the_words_of_a_default_are_numbered(void **state)
{
    (void)state;
    struct config_pairs list = {0};
    config_pairs_put_words(&list, "PLAIN  AMQPLAIN");
    check_printed(&list, true, "1 = PLAIN 2 = AMQPLAIN");
    check_printed(&list, false, "PLAIN AMQPLAIN");
    assert_null(list.items[0].origin);
    config_pairs_clear(&list);
}

static void a_password_in_a_pair_is_a_secret(void **state)
{
    (void)state;
    assert_true(config_pair_is_secret(&(struct config_pair){.name = "ann.password"}));
    assert_true(config_pair_is_secret(&(struct config_pair){.name = "password"}));
    assert_false(config_pair_is_secret(&(struct config_pair){.name = "password.x"}));
    assert_true(config_pair_is_secret(&(struct config_pair){.name = "x.client_secret"}));
    assert_true(config_pair_is_secret(&(struct config_pair){.name = "a", .is_hidden = true}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_in_the_order_of_its_numbers),
        cmocka_unit_test(pairs_are_in_the_order_of_the_file),
        cmocka_unit_test(the_words_of_a_default_are_numbered),
        cmocka_unit_test(a_password_in_a_pair_is_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
