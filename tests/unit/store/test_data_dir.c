#include "store/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "store/data_dir.h"

static void a_directory_is_made_with_its_parents(void **state)
{
    (void)state;
    char *dir = scratch_create();
    char path[4200];
    snprintf(path, sizeof path, "%s/a/b", dir);
    assert_int_equal(data_dir_create(path), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(data_dir_create(path), 0); /* there already */
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/a", dir);
    assert_int_equal(rmdir(path), 0);
    scratch_remove(&dir);
}

static void a_file_in_place_of_the_directory_is_reported(void **state)
{
    (void)state;
    char *dir = scratch_create();
    char path[4200];
    snprintf(path, sizeof path, "%s/file", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(data_dir_create(path), ERR_EXISTS);
    scratch_remove(&dir);
}

static void only_one_can_hold_the_lock(void **state)
{
    (void)state;
    char *dir = scratch_create();
    int first = -1;
    assert_int_equal(data_dir_lock(dir, &first), 0);
    int second = -1;
    assert_int_equal(data_dir_lock(dir, &second), ERR_BUSY);
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(data_dir_lock(dir, &second), 0);
    close(second);
    scratch_remove(&dir);
}

static void a_process_that_dies_releases_the_lock(void **state)
{
    (void)state;
    char *dir = scratch_create();
    pid_t child = fork();
    assert_true(child >= 0);
    int fd = -1;
    if (child == 0)
        _exit(data_dir_lock(dir, &fd) == 0 ? 7 : 1); /* without closing it */
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(data_dir_lock(dir, &fd), 0);
    close(fd);
    scratch_remove(&dir);
}

static void the_lock_of_a_missing_directory_is_not_found(void **state)
{
    (void)state;
    int fd = -1;
    assert_int_equal(data_dir_lock("/tmp/leveret-is-not-here", &fd), ERR_NOT_FOUND);
    assert_int_equal(fd, -1);
}

static void a_lock_that_is_not_a_regular_file_is_refused_and_its_target_unchanged(void **state)
{
    (void)state;
    char *dir = scratch_create();
    char path[4200];
    snprintf(path, sizeof path, "%s/lock", dir);
    char other[4200];
    snprintf(other, sizeof other, "%s/other", dir);
    FILE *file = fopen(other, "w");
    assert_non_null(file);
    fputs("mine", file);
    fclose(file);
    assert_int_equal(symlink("other", path), 0);
    int fd = -1;
    assert_int_equal(data_dir_lock(dir, &fd), ERR_REFUSED);
    assert_non_null(strstr(lv_error_reason(ERR_REFUSED), path));
    file = fopen(other, "r");
    char text[8] = "";
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "mine");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(data_dir_lock(dir, &fd), ERR_REFUSED);
    assert_int_equal(fd, -1);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_made_with_its_parents),
        cmocka_unit_test(a_file_in_place_of_the_directory_is_reported),
        cmocka_unit_test(only_one_can_hold_the_lock),
        cmocka_unit_test(a_process_that_dies_releases_the_lock),
        cmocka_unit_test(a_lock_that_is_not_a_regular_file_is_refused_and_its_target_unchanged),
        cmocka_unit_test(the_lock_of_a_missing_directory_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
