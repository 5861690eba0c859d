#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#define S(text) slice_str(text)

static const struct auth_default_user guest = {
    .name = {(const uint8_t *)"guest", 5},
    .password = {(const uint8_t *)"guest", 5},
    .tags = {(const uint8_t *)"administrator", 13},
    .vhost = {(const uint8_t *)"/", 1},
    .configure = {(const uint8_t *)".*", 2},
    .write = {(const uint8_t *)".*", 2},
    .read = {(const uint8_t *)".*", 2},
};

/* New passwords get a hash that is fast. */
static struct auth *create_fast(struct definitions *definitions)
{
    struct auth *auth = auth_create(definitions);
    auth_set_hashing(auth, PASSWORD_SHA256);
    return auth;
}

static struct auth *with_guest(void)
{
    struct auth *auth = create_fast(NULL);
    assert_true(auth_bootstrap(auth, &guest, NULL, NULL));
    return auth;
}

static struct auth *with_user(const char *name, const char *tags)
{
    struct auth *auth = create_fast(NULL);
    assert_int_equal(auth_add_user(auth, S(name), S("secret"), S(tags), NULL, NULL), 0);
    return auth;
}

static void permit(struct auth *auth, const char *user, const char *configure, const char *write,
                   const char *read)
{
    assert_int_equal(
        auth_set_permissions(
            auth, &(struct definition_permission){S("/"), S(user), S(configure), S(write), S(read)},
            NULL, NULL, NULL),
        0);
}

static struct auth_identity *login(struct auth *auth, const char *user, const char *password)
{
    struct auth_identity *identity = NULL;
    assert_true(auth_login(auth, S(user), S(password), true, &identity, NULL));
    return identity;
}

static void check_refused(struct auth *auth, const char *user, const char *password,
                          bool is_from_loopback, const char *expected)
{
    struct auth_identity *identity = NULL;
    struct lv_buffer reason = {0};
    assert_false(auth_login(auth, S(user), S(password), is_from_loopback, &identity, &reason));
    assert_null(identity);
    assert_string_equal((const char *)reason.p, expected);
    lv_buffer_free(&reason);
}

static bool allows(const struct auth_identity *identity, enum auth_action action, const char *name)
{
    return auth_allows(identity, S("/"), action, S(name));
}

/* --- Logging in ------------------------------------------------------------------------------- */

static void the_right_password_logs_in(void **state)
{
    (void)state;
    struct auth *auth = with_guest();
    struct auth_identity *identity = login(auth, "guest", "guest");
    struct auth_identity *second = auth_identity_ref(identity);
    assert_true(slice_is(auth_identity_name(identity), "guest"));
    assert_true(slice_is(auth_identity_tags(identity), "administrator"));
    assert_true(auth_has_tag(identity, AUTH_TAG_ADMINISTRATOR));
    assert_false(auth_has_tag(identity, "admin"));
    assert_false(auth_is_impersonator(identity));
    assert_true(auth_is_current(identity));
    auth_identity_unref(&identity);
    assert_null(identity);
    assert_true(slice_is(auth_identity_name(second), "guest"));
    auth_identity_unref(&second);
    auth_free(&auth);
}

static void the_reason_of_a_refusal_is_for_the_log(void **state)
{
    (void)state;
    struct auth *auth = with_guest();
    assert_int_equal(auth_add_user(auth, S("mute"), S(""), S(""), NULL, NULL), 0);
    check_refused(auth, "guest", "wrong", true, "user 'guest' - invalid credentials");
    check_refused(auth, "nobody", "guest", true,
                  "user 'nobody' - invalid credentials (there is no such user)");
    check_refused(auth, "guest", "", true,
                  "user 'guest' - invalid credentials (a blank password is never accepted)");
    check_refused(auth, "mute", "x", true,
                  "user 'mute' - invalid credentials (the user has no password)");
    check_refused(auth, "guest", "guest", false, "user 'guest' can only connect via localhost");
    auth_free(&auth);
}

static void loopback_users_can_be_chosen(void **state)
{
    (void)state;
    struct auth *auth = with_guest();
    struct slice ann = S("ann");
    assert_int_equal(auth_add_user(auth, ann, S("secret"), S(""), NULL, NULL), 0);
    auth_set_loopback_users(auth, &ann, 1);
    check_refused(auth, "ann", "secret", false, "user 'ann' can only connect via localhost");
    struct auth_identity *identity = NULL;
    assert_true(auth_login(auth, S("guest"), S("guest"), false, &identity, NULL));
    auth_identity_unref(&identity);
    auth_set_loopback_users(auth, NULL, 0);
    assert_true(auth_login(auth, ann, S("secret"), false, &identity, NULL));
    auth_identity_unref(&identity);
    auth_free(&auth);
}

static void a_changed_password_replaces_the_old_one(void **state)
{
    (void)state;
    struct auth *auth = with_guest();
    assert_int_equal(auth_change_password(auth, S("guest"), S("new"), NULL, NULL), 0);
    check_refused(auth, "guest", "guest", true, "user 'guest' - invalid credentials");
    struct auth_identity *identity = login(auth, "guest", "new");
    auth_identity_unref(&identity);
    assert_int_equal(auth_change_password(auth, S("guest"), S(""), NULL, NULL), 0);
    check_refused(auth, "guest", "new", true,
                  "user 'guest' - invalid credentials (the user has no password)");
    assert_int_equal(auth_change_password(auth, S("x"), S("y"), NULL, NULL), ERR_NOT_FOUND);
    auth_free(&auth);
}

static void a_user_with_a_known_hash_logs_in(void **state)
{
    (void)state;
    struct auth *auth = create_fast(NULL);
    struct definition_user row = {
        .name = S("imported"),
        .password_hash = S("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"),
        .hashing_algorithm = S("rabbit_password_hashing_sha256"),
        .tags = S("management, impersonator"),
    };
    bool is_new;
    assert_int_equal(auth_put_user(auth, &row, NULL, NULL, &is_new), 0);
    assert_true(is_new);
    assert_int_equal(auth_put_user(auth, &row, NULL, NULL, &is_new), 0);
    assert_false(is_new);
    struct auth_identity *identity = login(auth, "imported", "test12");
    assert_true(slice_is(auth_identity_tags(identity), "management,impersonator"));
    assert_true(auth_is_impersonator(identity));
    auth_identity_unref(&identity);
    row.hashing_algorithm = S("rabbit_password_hashing_md5");
    assert_int_equal(auth_put_user(auth, &row, NULL, NULL, NULL), ERR_INVALID);
    identity = login(auth, "imported", "test12");
    auth_identity_unref(&identity);
    auth_free(&auth);
}

static void a_user_deleted_and_created_again_is_another_user(void **state)
{
    (void)state;
    struct auth *auth = with_user("ann", "");
    struct auth_identity *identity = login(auth, "ann", "secret");
    permit(auth, "ann", ".*", ".*", ".*");
    assert_true(allows(identity, AUTH_READ, "q"));
    assert_int_equal(auth_delete_user(auth, S("ann"), NULL, NULL), 0);
    assert_false(auth_is_current(identity));
    assert_int_equal(auth_add_user(auth, S("ann"), S("secret"), S(""), NULL, NULL), 0);
    permit(auth, "ann", ".*", ".*", ".*");
    assert_false(auth_is_current(identity));
    assert_false(allows(identity, AUTH_READ, "q"));
    assert_false(auth_can_access_vhost(identity, S("/")));
    assert_false(auth_allows_topic(identity, S("/"), S("t"), AUTH_WRITE, S("k")));
    auth_identity_unref(&identity);
    auth_free(&auth);
}

/* --- Permissions ------------------------------------------------------------------------------ */

static void access_to_a_vhost_needs_a_permission_in_it(void **state)
{
    (void)state;
    struct auth *auth = with_user("ann", "administrator");
    struct auth_identity *identity = login(auth, "ann", "secret");
    assert_false(auth_can_access_vhost(identity, S("/")));
    permit(auth, "ann", "", "", "");
    assert_true(auth_can_access_vhost(identity, S("/")));
    assert_false(auth_can_access_vhost(identity, S("other")));
    assert_int_equal(auth_clear_permissions(auth, S("ann"), S("/"), NULL, NULL), 0);
    assert_false(auth_can_access_vhost(identity, S("/")));
    auth_identity_unref(&identity);
    auth_free(&auth);
}

static void patterns_are_searched_in_the_name(void **state)
{
    (void)state;
    struct auth *auth = with_user("ann", "");
    struct auth_identity *identity = login(auth, "ann", "secret");
    permit(auth, "ann", "^(amq\\.gen|ann-)", "order", "^order$|^amq\\.default$");
    assert_true(allows(identity, AUTH_CONFIGURE, "ann-queue"));
    assert_false(allows(identity, AUTH_CONFIGURE, "joann-queue"));
    assert_true(allows(identity, AUTH_WRITE, "my orders"));
    assert_false(allows(identity, AUTH_WRITE, "ordre"));
    assert_true(allows(identity, AUTH_READ, "order"));
    assert_false(allows(identity, AUTH_READ, "orders"));
    assert_true(allows(identity, AUTH_READ, "amq.default"));
    assert_true(allows(identity, AUTH_READ, "")); /* the default exchange */
    auth_identity_unref(&identity);
    auth_free(&auth);
}

static void the_empty_pattern_grants_nothing(void **state)
{
    (void)state;
    struct auth *auth = with_user("ann", "");
    struct auth_identity *identity = login(auth, "ann", "secret");
    permit(auth, "ann", "", "", ".*");
    assert_false(allows(identity, AUTH_CONFIGURE, "q"));
    assert_false(allows(identity, AUTH_WRITE, ""));
    assert_true(allows(identity, AUTH_READ, "q"));
    auth_identity_unref(&identity);
    auth_free(&auth);
}

static void a_pattern_that_takes_too_many_steps_grants_nothing(void **state)
{
    (void)state;
    struct auth *auth = with_user("ann", "");
    struct auth_identity *identity = login(auth, "ann", "secret");
    char name[256];
    memset(name, 'a', 250);
    memcpy(name + 250, "!", 2);
    permit(auth, "ann", "^(a+)+$", "^(a|aa)+$", "^(a*)*b?$");
    assert_false(allows(identity, AUTH_CONFIGURE, name));
    assert_false(allows(identity, AUTH_WRITE, name));
    assert_false(allows(identity, AUTH_READ, name));
    assert_true(allows(identity, AUTH_CONFIGURE, "aaa"));
    auth_identity_unref(&identity);
    auth_free(&auth);
}

static void a_pattern_that_does_not_compile_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct auth *auth = with_user("ann", "");
    struct auth_identity *identity = login(auth, "ann", "secret");
    struct definition_permission row = {S("/"), S("ann"), S(".*"), S("("), S("")};
    permit(auth, "ann", "", "", "kept");
    struct lv_buffer reason = {0};
    assert_int_equal(auth_set_permissions(auth, &row, &reason, NULL, NULL), ERR_INVALID);
    assert_string_equal((const char *)reason.p,
                        "write permission '(' is no regular expression: missing closing "
                        "parenthesis at offset 1");
    lv_buffer_free(&reason);
    assert_true(allows(identity, AUTH_READ, "kept"));
    assert_false(allows(identity, AUTH_CONFIGURE, "kept"));
    row = (struct definition_permission){S("/"), S("nobody"), S(""), S(""), S("")};
    assert_int_equal(auth_set_permissions(auth, &row, &reason, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(reason.n, 0);
    lv_buffer_free(&reason);
    auth_identity_unref(&identity);
    auth_free(&auth);
}

static void set_topic(struct auth *auth, const char *write, const char *read)
{
    assert_int_equal(
        auth_set_topic_permissions(auth,
                                   &(struct definition_topic_permission){
                                       S("/"), S("a.b"), S("amq.topic"), S(write), S(read)},
                                   NULL, NULL, NULL),
        0);
}

static void topic_permissions_restrict_routing_keys_where_there_are_any(void **state)
{
    (void)state;
    struct auth *auth = with_user("a.b", "");
    struct auth_identity *i = login(auth, "a.b", "secret");
    assert_true(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("any")));
    set_topic(auth, "^{username}\\.", "^x{vhost}$");
    assert_true(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("a.b.c")));
    assert_false(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("any")));
    assert_false(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("axb.c")));
    assert_true(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_READ, S("x/")));
    assert_true(auth_allows_topic(i, S("/"), S("another"), AUTH_WRITE, S("any")));
    assert_true(auth_allows_topic(i, S("other"), S("amq.topic"), AUTH_WRITE, S("any")));
    set_topic(auth, "^{client_id}$", "^a{vhos}"); /* nothing has this value here */
    assert_true(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("{client_id}")));
    assert_false(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("")));
    assert_true(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_READ, S("a{vhos}")));
    set_topic(auth, "", "");
    assert_false(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("any")));
    assert_int_equal(
        auth_clear_topic_permissions(auth, S("a.b"), S("/"), S("amq.topic"), NULL, NULL), 0);
    assert_true(auth_allows_topic(i, S("/"), S("amq.topic"), AUTH_WRITE, S("any")));
    auth_identity_unref(&i);
    auth_free(&auth);
}

static void every_change_moves_the_generation(void **state)
{
    (void)state;
    struct auth *auth = with_guest();
    uint64_t before = auth_generation();
#define MOVES(call)                                                                                \
    call;                                                                                          \
    assert_true(auth_generation() > before);                                                       \
    before = auth_generation()
    MOVES(permit(auth, "guest", "", "", ""));
    MOVES(auth_clear_permissions(auth, S("guest"), S("/"), NULL, NULL));
    MOVES(auth_set_user_tags(auth, S("guest"), S(""), NULL, NULL));
    MOVES(auth_forget_vhost(auth, S("/")));
    MOVES(auth_delete_user(auth, S("guest"), NULL, NULL));
#undef MOVES
    assert_int_equal(auth_delete_user(auth, S("guest"), NULL, NULL), ERR_NOT_FOUND);
    assert_true(auth_generation() == before);
    auth_free(&auth);
}

/* --- Listings --------------------------------------------------------------------------------- */

static void append_user(void *arg, const struct definition_user *row)
{
    lv_buffer_printf(arg, "%.*s[%.*s] ", SLICE_ARG(row->name), SLICE_ARG(row->tags));
}

static void append_permission(void *arg, const struct definition_permission *row)
{
    lv_buffer_printf(arg, "%.*s@%.*s=%.*s,%.*s,%.*s ", SLICE_ARG(row->user), SLICE_ARG(row->vhost),
                     SLICE_ARG(row->configure), SLICE_ARG(row->write), SLICE_ARG(row->read));
}

static void append_topic(void *arg, const struct definition_topic_permission *row)
{
    lv_buffer_printf(arg, "%.*s@%.*s:%.*s=%.*s,%.*s ", SLICE_ARG(row->user), SLICE_ARG(row->vhost),
                     SLICE_ARG(row->exchange), SLICE_ARG(row->write), SLICE_ARG(row->read));
}

static void check_text(struct lv_buffer *out, const char *expected)
{
    assert_true(slice_is(lv_buffer_slice(out), expected));
    lv_buffer_free(out);
}

static void listings_are_ordered_and_filtered(void **state)
{
    (void)state;
    struct auth *auth = with_user("zoe", "b, a,,");
    assert_int_equal(auth_add_user(auth, S("ann"), S("x"), S(""), NULL, NULL), 0);
    assert_int_equal(auth_add_user(auth, S("ann"), S("x"), S(""), NULL, NULL), ERR_EXISTS);
    permit(auth, "zoe", "1", "2", "3");
    permit(auth, "ann", "", ".*", "");
    assert_int_equal(
        auth_set_permissions(auth,
                             &(struct definition_permission){S("a"), S("zoe"), S(""), S(""), S("")},
                             NULL, NULL, NULL),
        0);
    assert_int_equal(
        auth_set_topic_permissions(auth,
                                   &(struct definition_topic_permission){S("/"), S("ann"), S("t"),
                                                                         S("^{username}"), S("")},
                                   NULL, NULL, NULL),
        0);
    struct lv_buffer out = {0};
    auth_list_users(auth, append_user, &out);
    check_text(&out, "ann[] zoe[b,a] ");
    auth_list_permissions(auth, SLICE_EMPTY, SLICE_EMPTY, append_permission, &out);
    check_text(&out, "ann@/=,.*, zoe@/=1,2,3 zoe@a=,, ");
    auth_list_permissions(auth, S("zoe"), S("a"), append_permission, &out);
    check_text(&out, "zoe@a=,, ");
    auth_list_topic_permissions(auth, SLICE_EMPTY, S("/"), append_topic, &out);
    check_text(&out, "ann@/:t=^{username}, ");
    auth_free(&auth);
}

static void a_thousand_users_are_found(void **state)
{
    (void)state;
    struct auth *auth = create_fast(NULL);
    char name[32];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "user%u", i * 7919 % 1000);
        assert_int_equal(auth_add_user(auth, S(name), S("p"), S(""), NULL, NULL), 0);
    }
    for (unsigned i = 0; i < 1000; i += 2) {
        snprintf(name, sizeof name, "user%u", i);
        assert_int_equal(auth_delete_user(auth, S(name), NULL, NULL), 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "user%u", i);
        assert_int_equal(auth_has_user(auth, S(name)), i % 2);
    }
    assert_int_equal(auth_user_count(auth), 500);
    auth_free(&auth);
}

/* --- The definitions -------------------------------------------------------------------------- */

static int load_user(void *arg, const struct definition_user *row)
{
    return auth_load_user(arg, row);
}

static int load_permission(void *arg, const struct definition_permission *row)
{
    return auth_load_permission(arg, row);
}

static int load_topic_permission(void *arg, const struct definition_topic_permission *row)
{
    return auth_load_topic_permission(arg, row);
}

static struct auth *loaded(struct definitions *d)
{
    static const struct definitions_visitor visitor = {
        .user = load_user,
        .permission = load_permission,
        .topic_permission = load_topic_permission,
    };
    struct auth *auth = create_fast(d);
    assert_int_equal(definitions_load(d, &visitor, auth), 0);
    return auth;
}

static void count_done(void *arg, int error)
{
    assert_int_equal(error, 0);
    ++*(int *)arg;
}

static void remove_dir(const char *dir)
{
    static const char *const suffixes[] = {"", ".mark", ".reserve"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%s%s", dir, DEFINITIONS_FILE, suffixes[i]);
        unlink(path); /* the reserve is created a while after the first change */
    }
    assert_int_equal(rmdir(dir), 0);
}

static void users_and_permissions_survive_a_restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/leveret-auth-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct definitions *d = NULL;
    assert_int_equal(definitions_open(dir, &d), 0);
    struct auth *auth = loaded(d);
    assert_true(auth_bootstrap(auth, &guest, NULL, NULL));
    int done = 0;
    assert_int_equal(auth_add_user(auth, S("ann"), S("one"), S("t"), count_done, &done), 0);
    assert_int_equal(auth_add_user(auth, S("gone"), S("one"), S(""), count_done, &done), 0);
    assert_int_equal(auth_change_password(auth, S("ann"), S("two"), count_done, &done), 0);
    assert_int_equal(auth_delete_user(auth, S("gone"), count_done, &done), 0);
    permit(auth, "ann", "^ann", "", "");
    auth_free(&auth);
    definitions_close(&d);
    assert_int_equal(done, 4);

    assert_int_equal(definitions_open(dir, &d), 0);
    auth = loaded(d);
    assert_false(auth_bootstrap(auth, &guest, NULL, NULL)); /* there are users */
    assert_int_equal(auth_user_count(auth), 2);
    struct auth_identity *identity = login(auth, "ann", "two");
    assert_true(auth_has_tag(identity, "t"));
    assert_true(allows(identity, AUTH_CONFIGURE, "ann-1"));
    assert_false(allows(identity, AUTH_CONFIGURE, "bob-1"));
    auth_identity_unref(&identity);
    identity = login(auth, "guest", "guest");
    assert_true(allows(identity, AUTH_WRITE, "anything"));
    auth_identity_unref(&identity);
    auth_free(&auth);
    definitions_close(&d);
    remove_dir(dir);
}

static void first_user_done(void *arg)
{
    sem_post(arg);
}

static void the_first_user_logs_in_at_once_and_its_password_is_hashed_meanwhile(void **state)
{
    (void)state;
    char dir[] = "/tmp/leveret-auth-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct definitions *d = NULL;
    sem_t is_done;
    sem_init(&is_done, 0, 0);
    assert_int_equal(definitions_open(dir, &d), 0);
    struct auth *auth = auth_create(d); /* its hashes are slow */
    auth_start_threads(auth);
    definitions_hold(d);
    assert_true(auth_bootstrap(auth, &guest, first_user_done, &is_done));
    for (int i = 0; i < 2; i++) {
        struct auth_identity *identity = login(auth, "guest", "guest");
        assert_true(allows(identity, AUTH_WRITE, "anything"));
        auth_identity_unref(&identity);
        check_refused(auth, "guest", "gues", true, "user 'guest' - invalid credentials");
        if (i == 0)
            sem_wait(&is_done);
    }
    sem_destroy(&is_done);
    definitions_release(d);
    auth_stop_threads(auth);
    auth_free(&auth);
    definitions_close(&d);

    assert_int_equal(definitions_open(dir, &d), 0);
    auth = loaded(d); /* nothing is remembered there */
    struct auth_identity *identity = login(auth, "guest", "guest");
    auth_identity_unref(&identity);
    check_refused(auth, "guest", "gues", true, "user 'guest' - invalid credentials");
    auth_free(&auth);
    definitions_close(&d);
    remove_dir(dir);
}

static void a_password_that_is_changed_before_the_first_user_is_hashed_stays(void **state)
{
    (void)state;
    struct auth *auth = auth_create(NULL);
    sem_t is_done;
    sem_init(&is_done, 0, 0);
    auth_start_threads(auth);
    assert_true(auth_bootstrap(auth, &guest, first_user_done, &is_done));
    auth_set_hashing(auth, PASSWORD_SHA256);
    assert_int_equal(auth_change_password(auth, S("guest"), S("new"), NULL, NULL), 0);
    sem_wait(&is_done);
    sem_destroy(&is_done);
    struct auth_identity *identity = login(auth, "guest", "new");
    auth_identity_unref(&identity);
    check_refused(auth, "guest", "guest", true, "user 'guest' - invalid credentials");
    auth_stop_threads(auth);
    auth_free(&auth);
}

static void rows_that_cannot_be_loaded_grant_nothing(void **state)
{
    (void)state;
    struct auth *auth = create_fast(NULL);
    log_set_level(LOG_NONE);
    auth_load_user(auth, &(struct definition_user){.name = S("ann"), .password_hash = S("junk")});
    auth_load_permission(
        auth, &(struct definition_permission){S("/"), S("ann"), S("("), S(".*"), S(".*")});
    auth_load_permission(auth,
                         &(struct definition_permission){S("/"), S("nobody"), S(""), S(""), S("")});
    auth_load_topic_permission(
        auth, &(struct definition_topic_permission){S("/"), S("ann"), S("t"), S("("), S("")});
    log_set_level(LOG_INFO);
    assert_int_equal(auth_user_count(auth), 1);
    check_refused(auth, "ann", "junk", true,
                  "user 'ann' - invalid credentials (the user has no password)");
    struct auth_identity *identity = NULL;
    assert_int_equal(auth_identity_of(auth, S("nobody"), &identity), ERR_NOT_FOUND);
    assert_int_equal(auth_identity_of(auth, S("ann"), &identity), 0);
    assert_false(auth_can_access_vhost(identity, S("/")));
    assert_false(auth_allows_topic(identity, S("/"), S("t"), AUTH_WRITE, S("k")));
    auth_identity_unref(&identity);
    auth_free(&auth);
}

/* --- Threads ---------------------------------------------------------------------------------- */

struct asker {
    struct auth *auth;
    _Atomic bool *is_over;
    unsigned long answers;
};

static void *ask(void *arg)
{
    struct asker *asker = arg;
    while (!atomic_load(asker->is_over)) {
        struct auth_identity *identity = login(asker->auth, "guest", "guest");
        allows(identity, AUTH_WRITE, "order");
        auth_identity_unref(&identity);
        asker->answers++;
    }
    return NULL;
}

static void loops_ask_while_an_operator_changes_permissions(void **state)
{
    (void)state;
    struct auth *auth = with_guest();
    _Atomic bool is_over = false;
    struct asker askers[2] = {{auth, &is_over, 0}, {auth, &is_over, 0}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    for (int i = 0; i < 300; i++) {
        permit(auth, "guest", "^a", i % 2 ? "^b" : "^o", "");
        assert_int_equal(auth_add_user(auth, S("extra"), S("x"), S(""), NULL, NULL), 0);
        assert_int_equal(auth_delete_user(auth, S("extra"), NULL, NULL), 0);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    auth_free(&auth); /* asserts that every identity was given back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_password_logs_in),
        cmocka_unit_test(the_reason_of_a_refusal_is_for_the_log),
        cmocka_unit_test(loopback_users_can_be_chosen),
        cmocka_unit_test(a_changed_password_replaces_the_old_one),
        cmocka_unit_test(a_user_with_a_known_hash_logs_in),
        cmocka_unit_test(a_user_deleted_and_created_again_is_another_user),
        cmocka_unit_test(access_to_a_vhost_needs_a_permission_in_it),
        cmocka_unit_test(patterns_are_searched_in_the_name),
        cmocka_unit_test(the_empty_pattern_grants_nothing),
        cmocka_unit_test(a_pattern_that_takes_too_many_steps_grants_nothing),
        cmocka_unit_test(a_pattern_that_does_not_compile_is_refused_and_changes_nothing),
        cmocka_unit_test(topic_permissions_restrict_routing_keys_where_there_are_any),
        cmocka_unit_test(every_change_moves_the_generation),
        cmocka_unit_test(listings_are_ordered_and_filtered),
        cmocka_unit_test(a_thousand_users_are_found),
        cmocka_unit_test(users_and_permissions_survive_a_restart),
        cmocka_unit_test(the_first_user_logs_in_at_once_and_its_password_is_hashed_meanwhile),
        cmocka_unit_test(a_password_that_is_changed_before_the_first_user_is_hashed_stays),
        cmocka_unit_test(rows_that_cannot_be_loaded_grant_nothing),
        cmocka_unit_test(loops_ask_while_an_operator_changes_permissions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
