/* The table of commands: what every row must say, and the templates in its texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "leveretctl/talk.h"

static void check_row(const struct command *c)
{
    const struct command_arguments *a = &c->arguments;
    if (!c->run || !c->usage || !c->help)
        fail_msg("%s: run, usage and help are needed", c->name);
    if (a->max != MANY && a->min > a->max)
        fail_msg("%s: more arguments needed than taken", c->name);
    if (a->not_empty && a->min == 0)
        fail_msg("%s: the first argument may be missing, so it may not be said to be not empty",
                 c->name);
    if (a->exit_without_password && a->max != a->min + 1)
        fail_msg("%s: a password is the last argument and may be missing", c->name);
    if (c->run == run_listing && !c->listing.columns)
        fail_msg("%s: a listing needs columns", c->name);
    if (c->run == run_change && c->listing.columns)
        fail_msg("%s: columns are for listings", c->name);
    if (c->listing.columns && (c->answer.done || c->answer.print))
        fail_msg("%s: a listing has rows and no answer", c->name);
    if (c->banner && c->banners)
        fail_msg("%s: two banners", c->name);
    if (c->answer.form == DONE_UNLESS_QUIET && !c->answer.done)
        fail_msg("%s: in JSON this form needs a text", c->name);
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++)
            check_row(c);
}

static void every_option_is_a_bit_of_its_own(void **state)
{
    (void)state;
    option_set seen = 0;
    for (size_t o = 0; o < OPTION_COUNT; o++) {
        assert_true(BIT(o) != 0 && (seen & BIT(o)) == 0);
        seen |= BIT(o);
    }
}

static void no_two_commands_have_one_name(void **state)
{
    (void)state;
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++)
            assert_ptr_equal(command_find(c->name), c);
}

static void a_command_is_found_by_its_name_with_either_dash(void **state)
{
    (void)state;
    assert_string_equal(command_find("list_queues")->name, "list_queues");
    assert_string_equal(command_find("list-queues")->name, "list_queues");
    assert_null(command_find("list_queue"));
    assert_null(command_find("list_queues_"));
    assert_null(command_find(""));
}

/* --- templates -------------------------------------------------------------------------------- */

static void check_expansion(const struct invocation *i, const json_t *answer, const char *text,
                            const char *wanted)
{
    struct lv_buffer out = {0};
    expand(i, answer, text, &out);
    assert_string_equal(text_of(&out), wanted);
    lv_buffer_free(&out);
}

static void a_template_is_filled_in_from_what_was_typed_and_the_answer(void **state)
{
    (void)state;
    const struct invocation i = {
        .program = "leveretctl",
        .node = "leveret@here",
        .vhost = "/",
        .timeout_s = 7,
        .arguments = {"clerk", "a", "b"},
        .argument_count = 3,
        .values = {[OPTION_PRIORITY] = "+5"},
    };
    json_t *answer = json_pack("{s:i}", "moved", 12);
    check_expansion(&i, NULL, "", "");
    check_expansion(&i, NULL, "'$1' on $vhost...", "'clerk' on /...");
    check_expansion(&i, NULL, "[$rest] of $1, not $9", "[a, b] of clerk, not ");
    check_expansion(&i, NULL, "$program: $node, $timeout.0 s, $timeout_ms ms",
                    "leveretctl: leveret@here, 7.0 s, 7000 ms");
    check_expansion(&i, NULL, "priority \"$priority\"", "priority \"5\"");
    check_expansion(&i, answer, "$moved messages moved, $stayed stayed",
                    "12 messages moved, 0 stayed");
    json_decref(answer);
}

static void a_banner_may_depend_on_options(void **state)
{
    (void)state;
    struct invocation i = {.vhost = "/"};
    const struct command *c = command_find("delete_queue");
    assert_string_equal(command_banner(&i, c), "Deleting queue '$1' on vhost '$vhost' ...");
    i.values[OPTION_IF_UNUSED] = "";
    assert_string_equal(command_banner(&i, c),
                        "Deleting queue '$1' on vhost '$vhost' if queue is unused ...");
    i.values[OPTION_IF_EMPTY] = "";
    assert_string_equal(command_banner(&i, c), "Deleting queue '$1' on vhost '$vhost' if queue is "
                                               "empty and if queue is unused ...");
}

/* --- requests --------------------------------------------------------------------------------- */

static void a_request_has_the_arguments_and_options_under_the_brokers_names(void **state)
{
    (void)state;
    struct invocation i = {
        .vhost = "shop",
        .arguments = {"clerk", "a", "b"},
        .argument_count = 3,
    };
    json_t *wanted = json_pack("{s:s, s:s, s:s, s:s}", "command", "set_user_tags", "vhost", "shop",
                               "user", "clerk", "tags", "a,b");
    json_t *request = request_create(&i, command_find("set_user_tags"));
    assert_true(json_equal(request, wanted));
    json_decref(request);
    json_decref(wanted);

    i = (struct invocation){.vhost = "/",
                            .arguments = {"q"},
                            .argument_count = 1,
                            .values = {[OPTION_LIMIT] = "5", [OPTION_KEEP_HISTORY] = ""}};
    wanted = json_pack("{s:s, s:s, s:s, s:i, s:b}", "command", "retry_dead_letters", "vhost", "/",
                       "queue", "q", "limit", 5, "keep_history", 1);
    request = request_create(&i, command_find("retry_dead_letters"));
    assert_true(json_equal(request, wanted));
    json_decref(request);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(every_option_is_a_bit_of_its_own),
        cmocka_unit_test(no_two_commands_have_one_name),
        cmocka_unit_test(a_command_is_found_by_its_name_with_either_dash),
        cmocka_unit_test(a_template_is_filled_in_from_what_was_typed_and_the_answer),
        cmocka_unit_test(a_banner_may_depend_on_options),
        cmocka_unit_test(a_request_has_the_arguments_and_options_under_the_brokers_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
