/* What the kernel tells about this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "manage/process_facts.h"

static void a_number_is_found_by_the_name_of_its_line(void **state)
{
    (void)state;
    struct slice text = slice_str("Name:\tleveretd\nThreads:\t12\nRssAnon:\t    2048 kB\nLast: 7");
    assert_int_equal(status_number(text, "Threads"), 12);
    assert_int_equal(status_number(text, "RssAnon"), 2048);
    assert_int_equal(status_number(text, "Last"), 7);
    assert_int_equal(status_number(text, "Name"), 0);    /* not a number */
    assert_int_equal(status_number(text, "Rss"), 0);     /* a part of a name */
    assert_int_equal(status_number(text, "Missing"), 0); /* no such line */
    assert_int_equal(status_number(slice_str(""), "Threads"), 0);
}

static void descriptors_are_counted_and_sockets_among_them(void **state)
{
    (void)state;
    struct process_facts before, after;
    int ends[2];
    process_facts_read(&before);
    assert_true(before.files_used >= 3);
    assert_true(before.files_used <= before.files_max);
    assert_true(before.threads >= 1 && before.private_bytes > 0 && before.mapped_bytes > 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    process_facts_read(&after);
    assert_int_equal(after.files_used, before.files_used + 2);
    assert_int_equal(after.sockets_used, before.sockets_used + 2);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_found_by_the_name_of_its_line),
        cmocka_unit_test(descriptors_are_counted_and_sockets_among_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
