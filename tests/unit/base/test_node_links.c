/* Links to control sockets: who makes them, who keeps a name, and which folders are not trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/node_links.h"

enum { SYSTEM, USER };

static char root[64];

static const char *path_of(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *ret = path[turn++ % 4];
    snprintf(ret, sizeof path[0], "%s/%s", root, name);
    return ret;
}

static int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/leveret-links-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    setenv("SYS_PREFIX", root, 1);
    unsetenv("XDG_RUNTIME_DIR");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* Returns a socket that listens at this path. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void note(void *arg, const char *node, const char *socket_path)
{
    char *text = arg;
    strcat(text, node);
    strcat(text, strrchr(socket_path, '/'));
    strcat(text, " ");
}

static const char *links_of(size_t which)
{
    static char text[256];
    char folder[PATH_MAX];
    text[0] = '\0';
    assert_true(node_links_folder(which, folder));
    return node_links_walk(folder, which, note, text) ? text : "untrusted";
}

static void links_are_made_found_and_removed(void **state)
{
    (void)state;
    char link[PATH_MAX];
    int a = listen_at(path_of("a")), b = listen_at(path_of("b"));
    assert_string_equal(links_of(SYSTEM), "untrusted"); /* there is no folder yet */
    assert_int_equal(node_link_make("hare@h", path_of("a"), link), 0);
    assert_string_equal(link, path_of("run/leveret/hare@h"));
    assert_int_equal(node_link_make("doe@h", path_of("b"), link), 0);
    assert_string_equal(links_of(SYSTEM), "doe@h/b hare@h/a ");
    node_link_remove(link, path_of("a")); /* it leads elsewhere */
    assert_string_equal(links_of(SYSTEM), "doe@h/b hare@h/a ");
    node_link_remove(link, path_of("b"));
    assert_string_equal(links_of(SYSTEM), "hare@h/a ");
    close(a);
    close(b);
}

static void the_first_broker_keeps_the_name_while_it_runs(void **state)
{
    (void)state;
    char link[PATH_MAX], other[PATH_MAX];
    int a = listen_at(path_of("a")), b = listen_at(path_of("b"));
    assert_int_equal(node_link_make("hare@h", path_of("a"), link), 0);
    assert_int_equal(node_link_make("hare@h", path_of("b"), other), ERR_EXISTS);
    assert_int_equal(node_link_make("hare@h", path_of("a"), other), 0); /* its own */
    close(a);
    assert_int_equal(node_link_make("hare@h", path_of("b"), other), 0);
    assert_string_equal(links_of(SYSTEM), "hare@h/b ");
    close(b);
}

static void a_name_that_is_none_of_a_file_has_no_link(void **state)
{
    (void)state;
    char link[PATH_MAX];
    close(listen_at(path_of("a")));
    assert_int_equal(node_link_make("../hare", path_of("a"), link), ERR_INVALID);
    assert_int_equal(node_link_make(".hare", path_of("a"), link), ERR_INVALID);
    assert_int_equal(node_link_make("", path_of("a"), link), ERR_INVALID);
    assert_int_equal(node_link_make("hare", path_of("b"), link), ERR_NOT_FOUND);
}

static void a_folder_that_others_can_write_is_not_used(void **state)
{
    (void)state;
    char link[PATH_MAX];
    close(listen_at(path_of("a")));
    assert_int_equal(node_link_make("hare@h", path_of("a"), link), 0);
    assert_int_equal(chmod(path_of("run/leveret"), 0777), 0);
    assert_string_equal(links_of(SYSTEM), "untrusted");
    assert_int_equal(node_link_make("hare@h", path_of("a"), link), ERR_REFUSED);

    setenv("XDG_RUNTIME_DIR", path_of("user"), 1);
    assert_int_equal(node_link_make("hare@h", path_of("a"), link), 0);
    assert_string_equal(link, path_of("user/leveret/hare@h"));
    assert_string_equal(links_of(USER), "hare@h/a ");
    if (geteuid() == 0) { /* else we cannot give it away */
        assert_int_equal(chown(path_of("user/leveret"), 1, 1), 0);
        assert_string_equal(links_of(USER), "untrusted"); /* another user's */
    }
}

static void what_is_at_a_path_is_seen(void **state)
{
    (void)state;
    char too_long[256];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    int a = listen_at(path_of("a"));
    assert_int_equal(socket_look(path_of("a")), SOCKET_ACCEPTS);
    for (int n = 0; n < 3; n++) /* nobody accepts them, so the backlog is full */
        assert_int_equal(socket_look(path_of("a")), SOCKET_ACCEPTS);
    close(a);
    assert_int_equal(socket_look(path_of("a")), SOCKET_DEAD);
    assert_int_equal(socket_look(path_of("b")), SOCKET_ABSENT);
    assert_int_equal(socket_look(too_long), SOCKET_ABSENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(links_are_made_found_and_removed),
        TEST(the_first_broker_keeps_the_name_while_it_runs),
        TEST(a_name_that_is_none_of_a_file_has_no_link),
        TEST(a_folder_that_others_can_write_is_not_used),
        TEST(what_is_at_a_path_is_seen),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
