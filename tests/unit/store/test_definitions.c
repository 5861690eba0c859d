#include "store/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#define S(text) slice_str(text)

static struct definitions *opened(const char *dir)
{
    struct definitions *d = NULL;

    assert_int_equal(definitions_open(dir, &d), 0);
    return d;
}

static void submit(struct definitions *d, struct definition_change *change)
{
    definitions_submit(d, change, NULL, NULL);
}

static struct definition_change *queue_named(const char *vhost, const char *name)
{
    return definition_put_queue(&(struct definition_queue){.vhost = S(vhost), .name = S(name)});
}

static struct definition_change *bound(const char *vhost, const char *source, const char *to,
                                       bool is_to_queue, const char *key)
{
    return definition_put_binding(&(struct definition_binding){.vhost = S(vhost),
                                                               .source = S(source),
                                                               .destination = S(to),
                                                               .is_to_queue = is_to_queue,
                                                               .routing_key = S(key)});
}

/* Closes, opens again, and compares every row. */
static void check_rows_after_restart(const char *dir, struct definitions **d, const char *expected)
{
    char *text;

    definitions_close(d);
    *d = opened(dir);
    text = rows_text(*d);
    assert_string_equal(text, expected);
    free(text);
}

static void one_of_each(struct definitions *d, const char *vhost)
{
    submit(d, definition_put_vhost(
                  &(struct definition_vhost){S(vhost), S("the shop"), S("a,b"), S("classic")}));
    submit(d, definition_put_user(&(struct definition_user){
                  S("ann"), S("aGFzaA=="), S("rabbit_password_hashing_sha256"), S("management"),
                  S("{\"max-connections\":3}")}));
    submit(d, definition_put_permission(
                  &(struct definition_permission){S(vhost), S("ann"), S("^c"), S("^w"), S("")}));
    submit(d, definition_put_topic_permission(&(struct definition_topic_permission){
                  S(vhost), S("ann"), S("amq.topic"), S("^a"), S("^b")}));
    submit(d, definition_put_parameter(
                  &(struct definition_parameter){S(vhost), S("shovel"), S("s1"), S("{}")}));
    submit(d, definition_put_policy(&(struct definition_policy){
                  S(vhost), S("p1"), true, S("^o"), S("queues"), -3, S("{\"expires\":1}")}));
    submit(d, definition_put_exchange(&(struct definition_exchange){
                  S(vhost), S("order"), S("direct"), true, true, slice_of("\1a\0\0", 4)}));
    submit(d, definition_put_queue(
                  &(struct definition_queue){S(vhost), S("order_mail"), true, slice_of("\1b", 2)}));
    submit(d, bound(vhost, "order", "order_mail", true, "order.notify"));
}

static const char one_of_each_rows[] =
    "vhost|/|the shop|a,b|classic\n"
    "user|ann|aGFzaA==|rabbit_password_hashing_sha256|management|{\"max-connections\":3}\n"
    "permission|/|ann|^c|^w|\n"
    "topic_permission|/|ann|amq.topic|^a|^b\n"
    "parameter|/|shovel|s1|{}\n"
    "policy|/|p1|1|^o|queues|-3|{\"expires\":1}\n"
    "exchange|/|order|direct|1|1|4\n"
    "queue|/|order_mail|1|2\n"
    "binding|/|order|order_mail|1|order.notify|0\n";

static void every_kind_of_row_survives_a_restart(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    one_of_each(d, "/");
    check_rows_after_restart(dir, &d, one_of_each_rows);
    definitions_close(&d);
    scratch_remove(&dir);
}

static void a_put_replaces_the_row_of_the_same_identity(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    submit(d, definition_put_global_parameter(
                  &(struct definition_global_parameter){S("cluster_name"), S("\"a\"")}));
    submit(d, definition_put_global_parameter(
                  &(struct definition_global_parameter){S("cluster_name"), S("\"b\"")}));
    submit(d, bound("/", "e", "q", true, "k"));
    submit(d, bound("/", "e", "q", true, "k"));
    check_rows_after_restart(dir, &d, "global_parameter|cluster_name|\"b\"\nbinding|/|e|q|1|k|0\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void deleting_a_vhost_deletes_everything_within_and_nothing_else(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    one_of_each(d, "other");
    one_of_each(d, "/");
    submit(d, definition_delete_vhost(S("other")));
    check_rows_after_restart(dir, &d, one_of_each_rows);
    definitions_close(&d);
    scratch_remove(&dir);
}

static void deleting_a_user_deletes_its_permissions(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    one_of_each(d, "/");
    submit(d, definition_delete_user(S("ann")));
    submit(d, definition_delete_vhost(S("/")));
    check_rows_after_restart(dir, &d, "");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void deleting_a_queue_or_an_exchange_deletes_its_bindings(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    submit(d, queue_named("/", "x"));
    submit(d, bound("/", "e", "x", true, "to the queue"));
    submit(d, bound("/", "e", "x", false, "to the exchange"));
    submit(d, bound("/", "x", "y", true, "from the exchange"));
    submit(d, bound("/2", "x", "x", true, "of another vhost"));
    submit(d, definition_delete_queue(S("/"), S("x")));
    check_rows_after_restart(dir, &d,
                             "binding|/|e|x|0|to the exchange|0\n"
                             "binding|/|x|y|1|from the exchange|0\n"
                             "binding|/2|x|x|1|of another vhost|0\n");
    submit(d, definition_delete_exchange(S("/"), S("x")));
    check_rows_after_restart(dir, &d, "binding|/2|x|x|1|of another vhost|0\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void every_delete_undoes_its_put(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    one_of_each(d, "/");
    submit(d,
           definition_put_global_parameter(&(struct definition_global_parameter){S("g"), S("1")}));
    submit(d, definition_put_topic_permission(&(struct definition_topic_permission){
                  S("/"), S("ann"), S("second"), S(""), S("")}));
    submit(d, definition_delete_permission(S("/"), S("ann")));
    submit(d, definition_delete_topic_permission(S("/"), S("ann"), S("amq.topic")));
    submit(d, definition_delete_parameter(S("/"), S("shovel"), S("s1")));
    submit(d, definition_delete_policy(S("/"), S("p1"), false)); /* not the operator's */
    submit(
        d,
        definition_delete_binding(&(struct definition_binding){
            .vhost = S("/"), S("order"), S("order_mail"), true, S("order.notify"), SLICE_EMPTY}));
    submit(d, definition_delete_queue(S("/"), S("order_mail")));
    submit(d, definition_delete_exchange(S("/"), S("order")));
    check_rows_after_restart(
        dir, &d,
        "vhost|/|the shop|a,b|classic\n"
        "user|ann|aGFzaA==|rabbit_password_hashing_sha256|management|{\"max-connections\":3}\n"
        "topic_permission|/|ann|second||\n"
        "global_parameter|g|1\n"
        "policy|/|p1|1|^o|queues|-3|{\"expires\":1}\n");
    submit(d, definition_delete_topic_permission(S("/"), S("ann"), SLICE_EMPTY));
    submit(d, definition_delete_global_parameter(S("g")));
    submit(d, definition_delete_policy(S("/"), S("p1"), true));
    submit(d, definition_delete_user(S("ann")));
    check_rows_after_restart(dir, &d, "vhost|/|the shop|a,b|classic\n");
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
    struct slice expected[] = {slice_of("\xff\xfe", 2), slice_of("a\0b'\x80\n", 6),
                               slice_of("\0\0\0", 3)};
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    struct definition_queue row = {expected[0], expected[1], false, expected[2]};
    char *text;

    (void)state;
    submit(d, definition_put_queue(&row));
    definitions_close(&d);
    d = opened(dir);
    assert_int_equal(
        definitions_load(d, &(struct definitions_visitor){.queue = check_odd_queue}, expected), 0);
    submit(d, definition_delete_queue(row.vhost, row.name));
    definitions_close(&d);
    d = opened(dir);
    text = rows_text(d);
    assert_string_equal(text, "");
    free(text);
    definitions_close(&d);
    scratch_remove(&dir);
}

static int refuse(void *arg, const struct definition_queue *row)
{
    (void)row;
    ++*(int *)arg;
    return ERR_REFUSED;
}

static void a_visitor_ends_the_walk(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    int calls = 0;

    (void)state;
    submit(d, queue_named("/", "a"));
    submit(d, queue_named("/", "b"));
    definitions_close(&d);
    d = opened(dir);
    assert_int_equal(definitions_load(d, &(struct definitions_visitor){.queue = refuse}, &calls),
                     ERR_REFUSED);
    assert_int_equal(calls, 1);
    definitions_close(&d);
    scratch_remove(&dir);
}

/* --- done ------------------------------------------------------------------------------------- */

struct sequence {
    unsigned expected;
    unsigned wrong;
};

struct numbered {
    struct sequence *sequence;
    unsigned number;
};

static void check_number(void *arg, int error)
{
    struct numbered *n = arg;

    if (error != 0 || n->number != n->sequence->expected++)
        n->sequence->wrong++;
}

static void done_is_called_in_the_order_of_the_submits(void **state)
{
    enum { COUNT = 5000 };
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    struct numbered *numbers = lv_calloc(COUNT, sizeof *numbers);
    struct sequence sequence = {0};
    char name[32];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        numbers[i] = (struct numbered){&sequence, i};
        snprintf(name, sizeof name, "q%u", i % 7);
        definitions_submit(
            d, i % 2 ? definition_delete_queue(S("/"), S(name)) : queue_named("/", name),
            check_number, &numbers[i]);
    }
    definitions_close(&d);
    assert_int_equal(sequence.expected, COUNT);
    assert_int_equal(sequence.wrong, 0);
    free(numbers);
    scratch_remove(&dir);
}

/* What another process would see: a connection of its own. */
static int count_queues(const char *dir)
{
    char path[4200];
    sqlite3 *db;
    sqlite3_stmt *statement;
    int count;

    snprintf(path, sizeof path, "%s/%s", dir, DEFINITIONS_FILE);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM queues", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void a_change_is_committed_when_done_is_called(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    struct outcome outcome = {0};

    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        char name[32];

        snprintf(name, sizeof name, "q%u", i);
        definitions_submit(d, queue_named("/", name), outcome_done, &outcome);
        outcome_wait(&outcome, i);
        assert_int_equal(count_queues(dir), i);
    }
    assert_int_equal(outcome.failed, 0);
    definitions_close(&d);
    scratch_remove(&dir);
}

struct chain {
    struct definitions *d;
    int left;
};

static void submit_next(void *arg, int error)
{
    struct chain *chain = arg;
    char name[32];

    assert_int_equal(error, 0);
    if (chain->left-- == 0)
        return;
    snprintf(name, sizeof name, "chained%d", chain->left);
    definitions_submit(chain->d, queue_named("/", name), submit_next, chain);
}

static void what_done_submits_while_closing_is_committed_too(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    struct chain chain = {d, 5};

    (void)state;
    definitions_submit(d, queue_named("/", "first"), submit_next, &chain);
    definitions_close(&d);
    assert_int_equal(count_queues(dir), 6);
    scratch_remove(&dir);
}

struct submitter {
    struct definitions *d;
    struct outcome *outcome;
    unsigned number;
};

static void *submit_many(void *arg)
{
    struct submitter *s = arg;
    char name[32];

    for (unsigned i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "q%u.%u", s->number, i);
        definitions_submit(s->d, queue_named("/", name), outcome_done, s->outcome);
    }
    return NULL;
}

static void many_threads_submit_at_once(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    struct outcome outcome = {0};
    struct submitter submitters[4];
    pthread_t threads[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        submitters[i] = (struct submitter){d, &outcome, i};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    outcome_wait(&outcome, 2000);
    assert_int_equal(outcome.failed, 0);
    definitions_close(&d);
    assert_int_equal(count_queues(dir), 2000);
    scratch_remove(&dir);
}

/* --- What has been seen ----------------------------------------------------------------------- */

static struct definition_seen seen(const char *vhost, const char *name, bool is_queue, uint64_t low,
                                   uint64_t number)
{
    return (struct definition_seen){S(vhost), S(name), is_queue, low, UINT64_MAX, number, 7};
}

static void see(struct definitions *d, const char *vhost, const char *name, bool is_queue,
                uint64_t low, uint64_t number)
{
    struct definition_seen row = seen(vhost, name, is_queue, low, number);

    submit(d, definition_put_seen(&row));
}

static void values_come_back_in_the_order_of_their_numbers(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    struct definition_seen gone = seen("/", "x", false, 1, 0);

    (void)state;
    see(d, "/", "x", false, 1, 1);
    see(d, "/", "x", false, 3, 2);
    see(d, "/", "x", false, 2, 3);
    see(d, "/", "x", false, 3, 4); /* again: newer */
    submit(d, definition_delete_seen(&gone));
    check_rows_after_restart(dir, &d,
                             "seen|/|x|0|2|ffffffffffffffff|3|7\n"
                             "seen|/|x|0|3|ffffffffffffffff|4|7\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void what_has_been_seen_goes_with_who_saw_it(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    see(d, "/", "same", true, 1, 1);
    see(d, "/", "same", false, 1, 2);
    see(d, "/", "other", true, 1, 3);
    see(d, "b", "same", true, 1, 4);
    submit(d, definition_delete_queue(S("/"), S("same")));
    check_rows_after_restart(dir, &d,
                             "seen|/|same|0|1|ffffffffffffffff|2|7\n"
                             "seen|/|other|1|1|ffffffffffffffff|3|7\n"
                             "seen|b|same|1|1|ffffffffffffffff|4|7\n");
    submit(d, definition_delete_exchange(S("/"), S("same")));
    submit(d, definition_delete_vhost(S("b")));
    check_rows_after_restart(dir, &d, "seen|/|other|1|1|ffffffffffffffff|3|7\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

/* --- The file --------------------------------------------------------------------------------- */

static void change_file(const char *dir, const char *sql)
{
    char path[4200];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/%s", dir, DEFINITIONS_FILE);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_file_that_is_older_than_its_mark_says_so_until_it_is_changed(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = NULL;

    (void)state;
    assert_int_equal(definitions_open(dir, &d), 0);
    assert_false(definitions_are_behind(d));
    definitions_submit(d, definition_delete_user(slice_str("nobody")), NULL, NULL);
    definitions_submit(d, definition_delete_user(slice_str("nobody")), NULL, NULL);
    definitions_close(&d);
    assert_int_equal(definitions_open(dir, &d), 0);
    assert_false(definitions_are_behind(d));
    definitions_close(&d);
    change_file(dir, "UPDATE state SET value = 0");
    assert_int_equal(definitions_open(dir, &d), 0);
    assert_true(definitions_are_behind(d));
    definitions_submit(d, definition_delete_user(slice_str("nobody")), NULL, NULL);
    definitions_close(&d);
    assert_int_equal(definitions_open(dir, &d), 0);
    assert_false(definitions_are_behind(d));
    definitions_close(&d);
    scratch_remove(&dir);
}

static void the_file_of_a_newer_version_is_refused_and_left_alone(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    submit(d, queue_named("/", "kept"));
    definitions_close(&d);
    change_file(dir, "PRAGMA user_version = 999");
    assert_int_equal(definitions_open(dir, &d), ERR_FORMAT);
    assert_null(d);
    assert_int_equal(count_queues(dir), 1);
    scratch_remove(&dir);
}

static void a_file_from_before_there_was_deduplication_gets_its_table(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);

    (void)state;
    submit(d, queue_named("/", "kept"));
    definitions_close(&d);
    change_file(dir, "DROP TABLE seen");
    d = opened(dir);
    see(d, "/", "kept", true, 1, 1);
    check_rows_after_restart(dir, &d, "queue|/|kept|0|0\nseen|/|kept|1|1|ffffffffffffffff|1|7\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

static void a_file_that_is_not_ours_is_refused(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = NULL;
    char path[4200];
    FILE *file;

    (void)state;
    change_file(dir, "CREATE TABLE somebody_elses (x)");
    assert_int_equal(definitions_open(dir, &d), ERR_FORMAT);
    snprintf(path, sizeof path, "%s/%s", dir, DEFINITIONS_FILE);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 300; i++)
        fputs("this is no database, just a text.\n", file);
    fclose(file);
    assert_int_equal(definitions_open(dir, &d), ERR_FORMAT);
    assert_null(d);
    scratch_remove(&dir);
}

static void a_missing_directory_is_not_found(void **state)
{
    struct definitions *d = NULL;

    (void)state;
    assert_int_equal(definitions_open("/tmp/leveret-is-not-here", &d), ERR_NOT_FOUND);
    assert_null(d);
}

static void only_the_owner_can_read_the_file(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = opened(dir);
    char path[4200];
    struct stat st;

    (void)state;
    snprintf(path, sizeof path, "%s/%s-wal", dir, DEFINITIONS_FILE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    path[strlen(path) - 4] = '\0';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    definitions_close(&d);
    scratch_remove(&dir);
}

/* --- The failing disk ------------------------------------------------------------------------- */

/* Three batches on a disk whose n-th operation fails. Returns whether any failed. What was
 * reported as done must be there, and what was reported as failed must not. */
static bool three_batches(unsigned fail_at)
{
    char *dir = scratch_create();
    struct outcome outcomes[3] = {0};
    struct definitions *d;
    char expected[200] = "";
    char *text;
    bool has_failed = false;

    disk_fail_at(0);
    d = opened(dir);
    disk_fail_at(fail_at);
    for (int i = 0; i < 3; i++) {
        char name[32];

        snprintf(name, sizeof name, "q%d", i);
        definitions_submit(d, queue_named("/", name), outcome_done, &outcomes[i]);
        outcome_wait(&outcomes[i], 1);
        if (outcomes[i].failed) {
            assert_int_equal(outcomes[i].last_error, ERR_IO);
            has_failed = true;
        } else {
            sprintf(expected + strlen(expected), "queue|/|q%d|0|0\n", i);
        }
    }
    text = rows_text(d);
    assert_string_equal(text, expected);
    free(text);
    disk_fail_at(0);
    check_rows_after_restart(dir, &d, expected);
    definitions_close(&d);
    scratch_remove(&dir);
    return has_failed;
}

static void a_write_that_fails_fails_its_batch_and_no_other(void **state)
{
    unsigned number = 1;

    (void)state;
    log_set_level(LOG_NONE);
    while (three_batches(number)) /* until one run needs no failing operation */
        number++;
    log_set_level(LOG_INFO);
    assert_true(number > 6); /* at least a write and a sync for each */
}

/* Keeps the writer busy until it may go on, so that what is submitted meanwhile is one batch. */
static void hold_writer(void *arg, int error)
{
    assert_int_equal(error, 0);
    for (int ms = 0; !atomic_load((_Atomic bool *)arg); ms++) {
        assert_true(ms < 10000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void a_failed_commit_is_reported_to_every_change_in_it(void **state)
{
    char *dir = scratch_create();
    struct definitions *d = NULL;
    struct outcome outcome = {0};
    _Atomic bool may_go_on = false;
    char name[32];

    (void)state;
    log_set_level(LOG_NONE);
    disk_fail_at(0);
    d = opened(dir);
    definitions_submit(d, queue_named("/", "first"), hold_writer, &may_go_on);
    for (int i = 0; count_queues(dir) == 0; i++) {
        assert_true(i < 10000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "q%d", i);
        definitions_submit(d, queue_named("/", name), outcome_done, &outcome);
    }
    disk_fail_at(1);
    atomic_store(&may_go_on, true);
    outcome_wait(&outcome, 10);
    assert_int_equal(outcome.failed, 10);
    assert_int_equal(count_queues(dir), 1);
    log_set_level(LOG_INFO);
    disk_fail_at(0);
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
        cmocka_unit_test(done_is_called_in_the_order_of_the_submits),
        cmocka_unit_test(a_change_is_committed_when_done_is_called),
        cmocka_unit_test(what_done_submits_while_closing_is_committed_too),
        cmocka_unit_test(many_threads_submit_at_once),
        cmocka_unit_test(a_file_that_is_older_than_its_mark_says_so_until_it_is_changed),
        cmocka_unit_test(the_file_of_a_newer_version_is_refused_and_left_alone),
        cmocka_unit_test(values_come_back_in_the_order_of_their_numbers),
        cmocka_unit_test(what_has_been_seen_goes_with_who_saw_it),
        cmocka_unit_test(a_file_from_before_there_was_deduplication_gets_its_table),
        cmocka_unit_test(a_file_that_is_not_ours_is_refused),
        cmocka_unit_test(a_missing_directory_is_not_found),
        cmocka_unit_test(only_the_owner_can_read_the_file),
        cmocka_unit_test(a_write_that_fails_fails_its_batch_and_no_other),
        cmocka_unit_test(a_failed_commit_is_reported_to_every_change_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
