/* Ordered rows, the users and permissions kept in them, and how a change is submitted. */
#include "auth/auth_private.h"
#include "base/search.h"
#include "base/vec.h"

#include <string.h>

_Atomic uint64_t auth_generation_now = 1;

size_t auth_rows_position(const struct rows *rows, const void *key, row_compare compare)
{
    size_t found;
    LV_LOWER_BOUND(found, rows->count, at, compare(rows->items[at], key) < 0);
    return found;
}

void *auth_rows_find(const struct rows *rows, const void *key, row_compare compare)
{
    size_t i = auth_rows_position(rows, key, compare);
    return i < rows->count && compare(rows->items[i], key) == 0 ? rows->items[i] : NULL;
}

void auth_rows_insert(struct rows *rows, size_t at, void *row)
{
    lv_assert(row && at <= rows->count);
    lv_vec_room(rows->items, rows->count, rows->capacity);
    memmove(rows->items + at + 1, rows->items + at, (rows->count - at) * sizeof *rows->items);
    rows->items[at] = row;
    rows->count++;
}

void auth_rows_remove(struct rows *rows, size_t at)
{
    lv_assert(at < rows->count);
    rows->count--;
    memmove(rows->items + at, rows->items + at + 1, (rows->count - at) * sizeof *rows->items);
}

int auth_compare_user(const void *row, const void *key)
{
    return slice_compare(((const struct user *)row)->name, *(const struct slice *)key);
}

int auth_compare_permission(const void *row, const void *key)
{
    return slice_compare(((const struct permission *)row)->vhost, *(const struct slice *)key);
}

int auth_compare_topic(const void *row, const void *key)
{
    const struct topic_permission *t = row;
    const struct topic_key *k = key;
    int order = slice_compare(t->vhost, k->vhost);
    return order ? order : slice_compare(t->exchange, k->exchange);
}

void auth_permission_free(struct permission *p)
{
    string_free(&p->vhost);
    for (int i = 0; i < 3; i++)
        pattern_free(&p->patterns[i]);
    free(p);
}

void auth_topic_free(struct topic_permission *t)
{
    string_free(&t->vhost);
    string_free(&t->exchange);
    string_free(&t->write_text);
    string_free(&t->read_text);
    pattern_free(&t->write);
    pattern_free(&t->read);
    free(t);
}

void auth_user_free(struct user *user)
{
    for (size_t i = 0; i < user->permissions.count; i++)
        auth_permission_free(user->permissions.items[i]);
    for (size_t i = 0; i < user->topic_permissions.count; i++)
        auth_topic_free(user->topic_permissions.items[i]);
    free(user->permissions.items);
    free(user->topic_permissions.items);
    string_free(&user->name);
    string_free(&user->password_hash);
    string_free(&user->tags);
    string_free(&user->limits);
    auth_usage_unref(&user->usage);
    free(user);
}

struct user *auth_find_user(const struct auth *auth, struct slice name)
{
    return auth_rows_find(&auth->users, &name, auth_compare_user);
}

const struct user *auth_current_user(const struct auth_identity *identity)
{
    const struct user *user = auth_find_user(identity_auth(identity), identity->name);
    return user && user->serial == identity->serial ? user : NULL;
}

struct change auth_change_begin(struct auth *auth, definitions_done done, void *arg)
{
    write_lock(auth);
    return (struct change){auth, done, arg};
}

int auth_change_end(struct change *change, struct definition_change *definition)
{
    lv_assert(definition);
    bump_generation(change->auth);
    if (change->auth->definitions) {
        definitions_submit(change->auth->definitions, definition, change->done, change->arg);
        unlock_auth(change->auth);
        return 0;
    }
    unlock_auth(change->auth);
    definition_change_free(&definition);
    if (change->done)
        change->done(change->arg, 0);
    return 0;
}

int auth_change_refused(struct change *change, int err)
{
    lv_assert(err < 0);
    assert_writing(change->auth);
    unlock_auth(change->auth);
    return err;
}

struct definition_user auth_user_row(const struct user *user)
{
    return (struct definition_user){
        .name = user->name,
        .password_hash = user->password_hash,
        .hashing_algorithm = slice_str(password_algorithm_name(user->algorithm)),
        .tags = user->tags,
        .limits = user->limits,
    };
}

int auth_change_end_user(struct change *change, const struct user *user)
{
    struct definition_user row = auth_user_row(user);
    return auth_change_end(change, definition_put_user(&row));
}
