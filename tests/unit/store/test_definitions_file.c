/* The file of the definitions: whose it is, of which version, and whether it is older than its
 * mark. */
#include "store/definitions_world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

static void a_file_older_than_its_mark_is_detected_until_it_is_changed(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = NULL;
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
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_change(d, put_queue("/", "kept"));
    definitions_close(&d);
    change_file(dir, "PRAGMA user_version = 999");
    assert_int_equal(definitions_open(dir, &d), ERR_FORMAT);
    assert_null(d);
    assert_int_equal(count_queues(dir), 1);
    scratch_remove(&dir);
}

static void an_older_file_gets_the_table_of_seen_values(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    submit_change(d, put_queue("/", "kept"));
    definitions_close(&d);
    change_file(dir, "DROP TABLE seen");
    d = definitions_opened(dir);
    submit_change(d, definition_put_seen(
                         &(struct definition_seen){S("/"), S("kept"), true, 1, UINT64_MAX, 1, 7}));
    check_rows_after_restart(dir, &d, "queue|/|kept|0|0\nseen|/|kept|1|1|ffffffffffffffff|1|7\n");
    definitions_close(&d);
    scratch_remove(&dir);
}

/* An older Leveret knows no users of queues: what it has deleted leaves its user. */
static void an_older_file_gets_the_users_of_new_queues(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    struct definition_queue row = {S("/"), S("new"), false, SLICE_EMPTY, 8, S("ann")};
    submit_change(d, put_queue("/", "kept"));
    definitions_close(&d);
    change_file(dir, "DROP TABLE queue_users");
    d = definitions_opened(dir);
    submit_change(d, definition_put_queue(&row));
    check_rows_after_restart(dir, &d, "queue|/|kept|0|0\nqueue|/|new|0|0|ann\n");
    definitions_close(&d);
    change_file(dir, "DELETE FROM queues WHERE name = 'new'");
    d = definitions_opened(dir);
    row.id = 9;
    row.user = S("bob");
    submit_change(d, definition_put_queue(&row));
    check_rows_after_restart(dir, &d, "queue|/|kept|0|0\nqueue|/|new|0|0|bob\n");
    submit_change(d, definition_delete_queue(S("/"), S("new")));
    definitions_close(&d);
    assert_int_equal(count_rows(dir, "queue_users"), 1); /* of the queue that was deleted by hand */
    scratch_remove(&dir);
}

static void a_file_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    char *dir = scratch_create();
    change_file(dir, "CREATE TABLE somebody_elses (x)");
    struct definitions *d = NULL;
    assert_int_equal(definitions_open(dir, &d), ERR_FORMAT);
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", dir, DEFINITIONS_FILE);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 300; i++)
        fputs("this is no database, just a text.\n", file);
    fclose(file);
    assert_int_equal(definitions_open(dir, &d), ERR_FORMAT);
    assert_null(d);
    scratch_remove(&dir);
}

static void a_missing_directory_is_reported_as_not_found(void **state)
{
    (void)state;
    struct definitions *d = NULL;
    assert_int_equal(definitions_open("/tmp/leveret-is-not-here", &d), ERR_NOT_FOUND);
    assert_null(d);
}

static void only_the_owner_can_read_the_file(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    char path[4200];
    snprintf(path, sizeof path, "%s/%s-wal", dir, DEFINITIONS_FILE);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    path[strlen(path) - 4] = '\0';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    definitions_close(&d);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_older_than_its_mark_is_detected_until_it_is_changed),
        cmocka_unit_test(the_file_of_a_newer_version_is_refused_and_left_alone),
        cmocka_unit_test(an_older_file_gets_the_table_of_seen_values),
        cmocka_unit_test(an_older_file_gets_the_users_of_new_queues),
        cmocka_unit_test(a_file_that_is_not_ours_is_refused),
        cmocka_unit_test(a_missing_directory_is_reported_as_not_found),
        cmocka_unit_test(only_the_owner_can_read_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
