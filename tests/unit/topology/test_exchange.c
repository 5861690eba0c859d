/* exchange.declare and exchange.delete as RabbitMQ answers them; auto-delete; vhosts. */
#include "base/error.h"
#include "topology_world.h"

static bool declare(struct world *w, const char *name, const char *type, const char *flags)
{
    w->error = (struct broker_error){0};
    return world_exchange_with(w, name, type, flags, SLICE_EMPTY) != NULL;
}

static bool delete (struct world *w, const char *name, bool if_unused)
{
    w->error = (struct broker_error){0};
    return exchange_delete(w->vhost, slice_str(name), if_unused, NOBODY, &w->error) !=
           CHANGE_REFUSED;
}

static void a_vhost_begins_with_the_predeclared_exchanges(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    static const char *const names[][2] = {
        {"", "direct"},
        {"amq.direct", "direct"},
        {"amq.fanout", "fanout"},
        {"amq.headers", "headers"},
        {"amq.match", "headers"},
        {"amq.topic", "topic"},
        {"amq.rabbitmq.trace", "topic"},
        {"amq.rabbitmq.event", "topic"},
    };
    for (size_t i = 0; i < 8; i++) {
        struct exchange *x = exchange_find(w.vhost, slice_str(names[i][0]));
        assert_non_null(x);
        assert_string_equal(x->type->name, names[i][1]);
        assert_true(x->is_durable && x->is_predeclared && !x->is_auto_delete);
        assert_int_equal(x->is_internal, i >= 6);
    }
    assert_int_equal(lv_table_count(w.vhost->exchanges), 7);
    world_stop(&w);
}

static void an_unknown_type_closes_the_connection(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_false(declare(&w, "x", "nonsense", ""));
    assert_error(&w, 503, "unknown exchange type 'nonsense'");
    assert_true(w.error.closes_connection);
    assert_false(declare(&w, "", "nonsense", "")); /* the type is checked before the name */
    assert_error(&w, 503, "unknown exchange type 'nonsense'");
    world_stop(&w);
}

static void the_default_exchange_cannot_be_declared(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_false(declare(&w, "", "direct", "d"));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    assert_false(w.error.closes_connection);
    assert_false(declare(&w, "", "direct", "p"));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    world_stop(&w);
}

static void of_reserved_names_only_existing_exchanges_can_be_declared(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_false(declare(&w, "amq.x", "direct", ""));
    assert_error(&w, 403, "exchange name 'amq.x' contains reserved prefix 'amq.*'");
    assert_true(declare(&w, "amq.direct", "direct", "d"));
    world_stop(&w);
}

static void a_passive_declaration_checks_the_name_alone(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_false(declare(&w, "x", "direct", "p"));
    assert_error(&w, 404, "no exchange 'x' in vhost '/'");
    assert_true(declare(&w, "amq.direct", "nonsense", "p"));
    world_stop(&w);
}

static void an_exchange_is_created_by_its_first_declaration(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct exchange_declaration d = {.name = slice_str("x"), .type = slice_str("direct")};
    bool created = false;
    assert_int_equal(exchange_declare(w.vhost, &d, NOBODY, &w.error, &created), CHANGE_DONE);
    assert_true(created);
    assert_int_equal(exchange_declare(w.vhost, &d, NOBODY, &w.error, &created), CHANGE_DONE);
    assert_false(created);
    world_stop(&w);
}

static void a_redeclaration_must_be_equivalent(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_true(declare(&w, "x", "direct", ""));
    assert_false(declare(&w, "x", "fanout", "dai"));
    assert_error(&w, 406,
                 "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but "
                 "current is 'direct'");
    assert_false(declare(&w, "x", "direct", "dai"));
    assert_error(&w, 406,
                 "inequivalent arg 'durable' for exchange 'x' in vhost '/': received 'true' but "
                 "current is 'false'");
    assert_false(declare(&w, "x", "direct", "ai"));
    assert_error(&w, 406,
                 "inequivalent arg 'auto_delete' for exchange 'x' in vhost '/': received 'true' "
                 "but current is 'false'");
    assert_false(declare(&w, "x", "direct", "i"));
    assert_error(&w, 406,
                 "inequivalent arg 'internal' for exchange 'x' in vhost '/': received 'true' but "
                 "current is 'false'");
    assert_false(declare(&w, "amq.topic", "topic", ""));
    assert_error(&w, 406,
                 "inequivalent arg 'durable' for exchange 'amq.topic' in vhost '/': received "
                 "'false' but current is 'true'");
    world_stop(&w);
}

static bool check(struct world *w, struct vhost *vhost, const char *name, const char *type)
{
    const struct exchange_declaration d = {.name = slice_str(name), .type = slice_str(type)};
    w->error = (struct broker_error){0};
    return exchange_check(vhost, &d, &w->error);
}

static void a_check_answers_as_a_declaration_would_and_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_true(declare(&w, "x", "direct", ""));
    assert_true(check(&w, w.vhost, "x", "direct"));
    assert_false(check(&w, w.vhost, "x", "fanout"));
    assert_error(&w, 406,
                 "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but "
                 "current is 'direct'");
    assert_true(check(&w, w.vhost, "new", "fanout"));
    assert_null(exchange_find(w.vhost, slice_str("new")));
    assert_false(check(&w, w.vhost, "amq.new", "fanout"));
    assert_error(&w, 403, "exchange name 'amq.new' contains reserved prefix 'amq.*'");
    assert_false(check(&w, w.vhost, "", "fanout"));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    world_stop(&w);
}

static void in_a_draft_of_a_vhost_everything_is_new(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_true(declare(&w, "x", "direct", ""));
    struct vhost *draft = vhost_draft(w.topology, slice_str("draft"), SLICE_EMPTY);
    assert_true(check(&w, draft, "x", "fanout"));
    assert_false(check(&w, draft, "y", "none"));
    assert_int_equal(w.error.code, 503);
    assert_null(vhost_find(w.topology, slice_str("draft")));
    vhost_draft_free(&draft);
    assert_null(draft);
    world_stop(&w);
}

static void an_alternate_exchange_is_a_string_and_part_of_equivalence(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer number = {0}, name = {0};
    world_start(&w);
    table_add_int(&number, "alternate-exchange", 'I', 5);
    table_add_str(&name, "alternate-exchange", "zz");
    table_add_int(&name, "unknown", 'I', 5);
    assert_null(world_exchange_with(&w, "x", "direct", "", lv_buffer_slice(&number)));
    assert_error(&w, 406,
                 "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost "
                 "'/'");
    struct exchange *x = world_exchange_with(&w, "x", "direct", "", lv_buffer_slice(&name));
    assert_non_null(x);
    assert_true(slice_is(x->alternate, "zz"));
    assert_false(declare(&w, "x", "direct", ""));
    assert_error(&w, 406,
                 "inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received "
                 "none but current is the value 'zz' of type 'longstr'");
    assert_null(world_exchange_with(&w, "amq.direct", "direct", "d", lv_buffer_slice(&name)));
    assert_error(&w, 406,
                 "inequivalent arg 'alternate-exchange' for exchange 'amq.direct' in vhost '/': "
                 "received the value 'zz' of type 'longstr' but current is none");
    lv_buffer_free(&number);
    lv_buffer_free(&name);
    world_stop(&w);
}

static void cr_and_lf_are_dropped_from_names(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    declare(&w, "ex\r\nch\nange", "direct", "");
    assert_true(world_has_exchange(&w, "exchange"));
    declare(&w, "am\nq.dir\rect", "direct", "d");
    assert_int_equal(w.error.code, 0);
    world_queue(&w, "queue", false);
    world_bind(&w, "\nexchange", "->", "que\r\nue", "k");
    assert_string_equal(world_route(&w, "exchange", "k"), "queue");
    assert_true(delete (&w, "exch\nange", false));
    assert_false(world_has_exchange(&w, "exchange"));
    world_stop(&w);
}

static void predeclared_exchanges_cannot_be_deleted(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_false(delete (&w, "", false));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    assert_int_equal(w.error.refusal, REFUSAL_RESERVED);
    assert_false(delete (&w, "amq.direct", false));
    assert_error(&w, 403, "deletion of system exchange 'amq.direct' in vhost '/' not allowed");
    assert_false(delete (&w, "amq.foo", false));
    assert_error(&w, 403, "deletion of system exchange 'amq.foo' in vhost '/' not allowed");
    world_stop(&w);
}

static void deleting_a_missing_exchange_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_true(delete (&w, "missing", false));
    assert_int_equal(lv_table_count(w.vhost->exchanges), 7);
    world_stop(&w);
}

static void an_exchange_is_in_use_while_there_are_bindings_from_it(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_exchange(&w, "x", "direct");
    world_exchange(&w, "y", "direct");
    world_bind(&w, "x", "=>", "y", "k");
    assert_false(delete (&w, "x", true));
    assert_error(&w, 406, "exchange 'x' in vhost '/' in use");
    assert_int_equal(w.error.refusal, REFUSAL_IN_USE);
    assert_true(delete (&w, "y", true)); /* bindings to it do not count */
    assert_true(delete (&w, "x", true));
    assert_int_equal(lv_table_count(w.vhost->bindings), 0);
    world_stop(&w);
}

static void an_auto_delete_exchange_is_deleted_with_its_last_binding(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    declare(&w, "x", "direct", "a");
    assert_true(world_has_exchange(&w, "x")); /* it had no binding yet */
    world_bind(&w, "x", "->", "q", "a");
    world_bind(&w, "x", "->", "q", "b");
    world_unbind(&w, "x", "->", "q", "a");
    assert_true(world_has_exchange(&w, "x"));
    world_unbind(&w, "x", "->", "q", "b");
    assert_false(world_has_exchange(&w, "x"));
    world_stop(&w);
}

static void deleting_the_queue_deletes_an_auto_delete_exchange(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct queue_entry *q = world_queue(&w, "q", false);
    declare(&w, "x", "topic", "a");
    world_bind(&w, "x", "->", "q", "a.*");
    world_bind(&w, "x", "->", "q", "b");
    world_queue_delete(&w, q);
    assert_false(world_has_exchange(&w, "x"));
    world_stop(&w);
}

static void auto_delete_works_in_long_chains(void **state)
{
    (void)state;
    struct world w;
    char name[16], next[16];
    world_start(&w);
    struct queue_entry *q = world_queue(&w, "q", false);
    enum { CHAIN = 20000 };
    for (int i = 0; i < CHAIN; i++) {
        snprintf(name, sizeof name, "x%d", i);
        declare(&w, name, "fanout", "a");
    }
    for (int i = 0; i < CHAIN - 1; i++) {
        snprintf(name, sizeof name, "x%d", i);
        snprintf(next, sizeof next, "x%d", i + 1);
        world_bind(&w, name, "=>", next, "");
    }
    world_bind(&w, next, "->", "q", "");
    assert_string_equal(world_route(&w, "x0", ""), "q");
    world_queue_delete(&w, q);
    assert_int_equal(lv_table_count(w.vhost->exchanges), 7);
    assert_int_equal(lv_table_count(w.vhost->bindings), 0);
    world_stop(&w);
}

static void auto_delete_works_in_cycles(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    declare(&w, "x", "fanout", "a");
    declare(&w, "y", "fanout", "a");
    declare(&w, "z", "fanout", "a");
    world_exchange(&w, "end", "fanout");
    world_bind(&w, "x", "=>", "y", "");
    world_bind(&w, "y", "=>", "z", "");
    world_bind(&w, "z", "=>", "x", "");
    world_bind(&w, "x", "=>", "x", "self");
    world_bind(&w, "x", "=>", "end", "");
    assert_true(delete (&w, "end", false)); /* x has other bindings */
    assert_true(world_has_exchange(&w, "x"));
    assert_true(delete (&w, "y", false)); /* x is still bound to itself */
    assert_true(world_has_exchange(&w, "x"));
    assert_true(world_has_exchange(&w, "z"));
    world_unbind(&w, "x", "=>", "x", "self"); /* deletes x, and then z */
    assert_int_equal(lv_table_count(w.vhost->exchanges), 7);
    assert_int_equal(lv_table_count(w.vhost->bindings), 0);
    world_stop(&w);
}

static void a_vhost_does_not_have_the_exchanges_of_another(void **state)
{
    (void)state;
    struct world w;
    struct vhost *other = NULL;
    world_start(&w);
    world_vhost_create(&w, slice_str("other"), NOBODY, &other);
    assert_ptr_equal(vhost_find(w.topology, slice_str("other")), other);
    assert_null(vhost_find(w.topology, slice_str("none")));
    world_exchange(&w, "x", "direct");
    assert_null(exchange_find(other, slice_str("x")));
    world_stop(&w);
}

static void a_deleted_vhost_has_no_exchanges_and_accepts_none(void **state)
{
    (void)state;
    struct world w, gone;
    world_start(&w);
    gone = w;
    world_vhost_create(&w, slice_str("gone"), NOBODY, &gone.vhost);
    vhost_ref(gone.vhost); /* a connection's */
    world_exchange(&gone, "x", "direct");
    world_exchange(&gone, "y", "topic");
    world_bind(&gone, "x", "=>", "y", "k");
    world_vhost_delete(&w, slice_str("gone"), NOBODY);
    assert_null(vhost_find(w.topology, slice_str("gone")));
    assert_false(declare(&gone, "z", "direct", ""));
    assert_error(&gone, 530, "vhost gone not found");
    assert_true(gone.error.closes_connection);
    assert_false(world_has_exchange(&gone, "x"));
    assert_string_equal(world_route(&gone, "", "q"), "");
    vhost_unref(&gone.vhost);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vhost_begins_with_the_predeclared_exchanges),
        cmocka_unit_test(an_unknown_type_closes_the_connection),
        cmocka_unit_test(the_default_exchange_cannot_be_declared),
        cmocka_unit_test(of_reserved_names_only_existing_exchanges_can_be_declared),
        cmocka_unit_test(a_passive_declaration_checks_the_name_alone),
        cmocka_unit_test(an_exchange_is_created_by_its_first_declaration),
        cmocka_unit_test(a_redeclaration_must_be_equivalent),
        cmocka_unit_test(an_alternate_exchange_is_a_string_and_part_of_equivalence),
        cmocka_unit_test(cr_and_lf_are_dropped_from_names),
        cmocka_unit_test(predeclared_exchanges_cannot_be_deleted),
        cmocka_unit_test(deleting_a_missing_exchange_changes_nothing),
        cmocka_unit_test(an_exchange_is_in_use_while_there_are_bindings_from_it),
        cmocka_unit_test(an_auto_delete_exchange_is_deleted_with_its_last_binding),
        cmocka_unit_test(deleting_the_queue_deletes_an_auto_delete_exchange),
        cmocka_unit_test(auto_delete_works_in_long_chains),
        cmocka_unit_test(a_check_answers_as_a_declaration_would_and_changes_nothing),
        cmocka_unit_test(in_a_draft_of_a_vhost_everything_is_new),
        cmocka_unit_test(auto_delete_works_in_cycles),
        cmocka_unit_test(a_vhost_does_not_have_the_exchanges_of_another),
        cmocka_unit_test(a_deleted_vhost_has_no_exchanges_and_accepts_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
