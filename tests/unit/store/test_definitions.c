/* The rows of the definitions: what is put, replaced and deleted, and what a load visits. */
#include "store/definitions_world.h"

#include <stdlib.h>

#include "base/error.h"

static void submit_one_of_each(struct definitions *d, const char *vhost)
{
    submit_change(d, definition_put_vhost(&(struct definition_vhost){
                         S(vhost), S("the shop"), S("a,b"), S("classic"), true}));
    submit_change(d, definition_put_user(&(struct definition_user){
                         S("ann"), S("aGFzaA=="), S("rabbit_password_hashing_sha256"),
                         S("management"), S("{\"max-connections\":3}")}));
    submit_change(d, definition_put_permission(&(struct definition_permission){
                         S(vhost), S("ann"), S("^c"), S("^w"), S("")}));
    submit_change(d, definition_put_topic_permission(&(struct definition_topic_permission){
                         S(vhost), S("ann"), S("amq.topic"), S("^a"), S("^b")}));
    submit_change(d, definition_put_parameter(
                         &(struct definition_parameter){S(vhost), S("shovel"), S("s1"), S("{}")}));
    submit_change(d, definition_put_policy(&(struct definition_policy){
                         S(vhost), S("p1"), true, S("^o"), S("queues"), -3, S("{\"expires\":1}")}));
    submit_change(d, definition_put_exchange(&(struct definition_exchange){
                         S(vhost), S("order"), S("direct"), true, true, slice_of("\1a\0\0", 4)}));
    submit_change(d,
                  definition_put_queue(&(struct definition_queue){
                      S(vhost), S("order_mail"), true, slice_of("\1b", 2), S(vhost).n, S("ann")}));
    submit_change(d, put_binding(vhost, "order", "order_mail", true, "order.notify"));
}

static const char one_of_each_rows[] =
    "vhost|/|the shop|a,b|classic|protected\n"
    "user|ann|aGFzaA==|rabbit_password_hashing_sha256|management|{\"max-connections\":3}\n"
    "permission|/|ann|^c|^w|\n"
    "topic_permission|/|ann|amq.topic|^a|^b\n"
    "parameter|/|shovel|s1|{}\n"
    "policy|/|p1|1|^o|queues|-3|{\"expires\":1}\n"
    "exchange|/|order|direct|1|1|4\n"
    "queue|/|order_mail|1|2|ann\n"
    "binding|/|order|order_mail|1|order.notify|0\n";

static void every_kind_of_row_survives_a_restart(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_one_of_each(d, "/");
    check_rows_after_restart(dir, &d, one_of_each_rows);
    definitions_close(&d);
    scratch_remove(&dir);
}

static void a_put_replaces_the_row_of_the_same_identity(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_change(d, definition_put_global_parameter(
                         &(struct definition_global_parameter){S("cluster_name"), S("\"a\"")}));
    submit_change(d, definition_put_global_parameter(
                         &(struct definition_global_parameter){S("cluster_name"), S("\"b\"")}));
    submit_change(d, put_binding("/", "e", "q", true, "k"));
    submit_change(d, put_binding("/", "e", "q", true, "k"));
    check_rows_after_restart(dir, &d, "global_parameter|cluster_name|\"b\"\nbinding|/|e|q|1|k|0\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void deleting_a_vhost_deletes_everything_within_and_nothing_else(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_one_of_each(d, "other");
    submit_one_of_each(d, "/");
    submit_change(d, definition_delete_vhost(S("other")));
    check_rows_after_restart(dir, &d, one_of_each_rows);
    definitions_close(&d);
    scratch_remove(&dir);
}

static void deleting_a_user_deletes_its_permissions(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_one_of_each(d, "/");
    submit_change(d, definition_delete_user(S("ann")));
    submit_change(d, definition_delete_vhost(S("/")));
    check_rows_after_restart(dir, &d, "");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void deleting_a_queue_or_an_exchange_deletes_its_bindings(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_change(d, put_queue("/", "x"));
    submit_change(d, put_binding("/", "e", "x", true, "to the queue"));
    submit_change(d, put_binding("/", "e", "x", false, "to the exchange"));
    submit_change(d, put_binding("/", "x", "y", true, "from the exchange"));
    submit_change(d, put_binding("/2", "x", "x", true, "of another vhost"));
    submit_change(d, definition_delete_queue(S("/"), S("x")));
    check_rows_after_restart(dir, &d,
                             "binding|/|e|x|0|to the exchange|0\n"
                             "binding|/|x|y|1|from the exchange|0\n"
                             "binding|/2|x|x|1|of another vhost|0\n");
    submit_change(d, definition_delete_exchange(S("/"), S("x")));
    check_rows_after_restart(dir, &d, "binding|/2|x|x|1|of another vhost|0\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void every_delete_undoes_its_put(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_one_of_each(d, "/");
    submit_change(
        d, definition_put_global_parameter(&(struct definition_global_parameter){S("g"), S("1")}));
    submit_change(d, definition_put_topic_permission(&(struct definition_topic_permission){
                         S("/"), S("ann"), S("second"), S(""), S("")}));
    submit_change(d, definition_delete_permission(S("/"), S("ann")));
    submit_change(d, definition_delete_topic_permission(S("/"), S("ann"), S("amq.topic")));
    submit_change(d, definition_delete_parameter(S("/"), S("shovel"), S("s1")));
    submit_change(d, definition_delete_policy(S("/"), S("p1"), false)); /* not the operator's */
    submit_change(
        d,
        definition_delete_binding(&(struct definition_binding){
            .vhost = S("/"), S("order"), S("order_mail"), true, S("order.notify"), SLICE_EMPTY}));
    submit_change(d, definition_delete_queue(S("/"), S("order_mail")));
    submit_change(d, definition_delete_exchange(S("/"), S("order")));
    check_rows_after_restart(
        dir, &d,
        "vhost|/|the shop|a,b|classic|protected\n"
        "user|ann|aGFzaA==|rabbit_password_hashing_sha256|management|{\"max-connections\":3}\n"
        "topic_permission|/|ann|second||\n"
        "global_parameter|g|1\n"
        "policy|/|p1|1|^o|queues|-3|{\"expires\":1}\n");
    submit_change(d, definition_delete_topic_permission(S("/"), S("ann"), SLICE_EMPTY));
    submit_change(d, definition_delete_global_parameter(S("g")));
    submit_change(d, definition_delete_policy(S("/"), S("p1"), true));
    submit_change(d, definition_delete_user(S("ann")));
    check_rows_after_restart(dir, &d, "vhost|/|the shop|a,b|classic|protected\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static int check_odd_queue(void *arg, const struct definition_queue *row)
{
    struct slice *expected = arg;
    assert_true(slice_equal(row->vhost, expected[0]));
    assert_true(slice_equal(row->name, expected[1]));
    assert_true(slice_equal(row->arguments, expected[2]));
    return 0;
}

static void names_are_bytes(void **state)
{
    (void)state;
    struct slice expected[] = {slice_of("\xff\xfe", 2), slice_of("a\0b'\x80\n", 6),
                               slice_of("\0\0\0", 3)};
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    struct definition_queue row = {expected[0], expected[1], false, expected[2]};
    submit_change(d, definition_put_queue(&row));
    definitions_close(&d);
    d = definitions_opened(dir);
    assert_int_equal(
        definitions_load(d, &(struct definitions_visitor){.queue = check_odd_queue}, expected), 0);
    submit_change(d, definition_delete_queue(row.vhost, row.name));
    definitions_close(&d);
    d = definitions_opened(dir);
    char *text = rows_text(d);
    assert_string_equal(text, "");
    free(text);
    definitions_close(&d);
    scratch_remove(&dir);
}

static int visit_and_refuse(void *arg, const struct definition_queue *row)
{
    (void)row;
    ++*(int *)arg;
    return ERR_REFUSED;
}

static void a_visitor_ends_the_walk(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_change(d, put_queue("/", "a"));
    submit_change(d, put_queue("/", "b"));
    definitions_close(&d);
    d = definitions_opened(dir);
    int calls = 0;
    assert_int_equal(
        definitions_load(d, &(struct definitions_visitor){.queue = visit_and_refuse}, &calls),
        ERR_REFUSED);
    assert_int_equal(calls, 1);
    definitions_close(&d);
    scratch_remove(&dir);
}

/* --- seen values ------------------------------------------------------------------------------ */

static struct definition_seen seen(const char *vhost, const char *name, bool is_queue, uint64_t low,
                                   uint64_t number)
{
    return (struct definition_seen){S(vhost), S(name), is_queue, low, UINT64_MAX, number, 7};
}

static void put_seen(struct definitions *d, const char *vhost, const char *name, bool is_queue,
                     uint64_t low, uint64_t number)
{
    struct definition_seen row = seen(vhost, name, is_queue, low, number);
    submit_change(d, definition_put_seen(&row));
}

static void seen_values_are_loaded_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    put_seen(d, "/", "x", false, 1, 1);
    put_seen(d, "/", "x", false, 3, 2);
    put_seen(d, "/", "x", false, 2, 3);
    put_seen(d, "/", "x", false, 3, 4); /* again: newer */
    struct definition_seen gone = seen("/", "x", false, 1, 0);
    submit_change(d, definition_delete_seen(&gone));
    check_rows_after_restart(dir, &d,
                             "seen|/|x|0|2|ffffffffffffffff|3|7\n"
                             "seen|/|x|0|3|ffffffffffffffff|4|7\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void seen_values_are_deleted_with_the_queue_or_exchange_that_saw_them(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    put_seen(d, "/", "same", true, 1, 1);
    put_seen(d, "/", "same", false, 1, 2);
    put_seen(d, "/", "other", true, 1, 3);
    put_seen(d, "b", "same", true, 1, 4);
    submit_change(d, definition_delete_queue(S("/"), S("same")));
    check_rows_after_restart(dir, &d,
                             "seen|/|same|0|1|ffffffffffffffff|2|7\n"
                             "seen|/|other|1|1|ffffffffffffffff|3|7\n"
                             "seen|b|same|1|1|ffffffffffffffff|4|7\n");
    submit_change(d, definition_delete_exchange(S("/"), S("same")));
    submit_change(d, definition_delete_vhost(S("b")));
    check_rows_after_restart(dir, &d, "seen|/|other|1|1|ffffffffffffffff|3|7\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_row_survives_a_restart),
        cmocka_unit_test(a_put_replaces_the_row_of_the_same_identity),
        cmocka_unit_test(deleting_a_vhost_deletes_everything_within_and_nothing_else),
        cmocka_unit_test(deleting_a_user_deletes_its_permissions),
        cmocka_unit_test(deleting_a_queue_or_an_exchange_deletes_its_bindings),
        cmocka_unit_test(every_delete_undoes_its_put),
        cmocka_unit_test(names_are_bytes),
        cmocka_unit_test(a_visitor_ends_the_walk),
        cmocka_unit_test(seen_values_are_loaded_in_the_order_of_their_numbers),
        cmocka_unit_test(seen_values_are_deleted_with_the_queue_or_exchange_that_saw_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
