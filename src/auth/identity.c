/* Identities: who has logged in, and which backends decide what it may do.
 *
 * An identity never changes. It has its own copies of what it needs, and borrows the auth. If
 * backends elsewhere authorize it, it uses the chain that they are from, and has decisions.c keep
 * their answers. */
#include "auth/identity.h"

#include <string.h>

#include "auth/decisions.h"
#include "base/error.h"

/* --- creating --------------------------------------------------------------------------------- */

/* Takes the first of the tags, without spaces around it, off *rest. */
static struct slice tag_take(struct slice *rest)
{
    const uint8_t *comma = memchr(rest->p, ',', rest->n);
    size_t n = comma ? (size_t)(comma - rest->p) : rest->n;
    struct slice tag = slice_of(rest->p, n);
    n += comma ? 1 : 0;
    *rest = slice_of(rest->p + n, rest->n - n);
    while (tag.n > 0 && tag.p[0] == ' ')
        tag = slice_of(tag.p + 1, tag.n - 1);
    while (tag.n > 0 && tag.p[tag.n - 1] == ' ')
        tag.n--;
    return tag;
}

static bool has_tag(struct slice tags, struct slice tag)
{
    while (tags.n > 0) {
        if (slice_equal(tag_take(&tags), tag))
            return true;
    }
    return false;
}

void tags_add(struct lv_buffer *to, struct slice tags)
{
    while (tags.n > 0) {
        struct slice tag = tag_take(&tags);
        if (tag.n == 0 || has_tag(lv_buffer_slice(to), tag))
            continue;
        if (to->n > 0)
            lv_buffer_add_u8(to, ',');
        lv_buffer_add_slice(to, tag);
    }
}

void tags_add_internal(struct auth *auth, struct slice name, struct lv_buffer *to)
{
    read_lock(auth);
    const struct user *user = auth_find_user(auth, name);
    if (user)
        tags_add(to, user->tags);
    unlock_auth(auth);
}

/* `user`: the one in the definitions that authorizes the identity; NULL: none does. The caller
 * holds the lock, and owns the reference that is returned. */
static struct auth_identity *identity_make(struct auth *auth, const struct user *user,
                                           struct slice name, struct slice tags)
{
    struct auth_identity *identity = lv_calloc(1, sizeof *identity);
    identity->magic = IDENTITY_MAGIC;
    atomic_init(&identity->references, 1);
    identity->auth = auth;
    identity->name = slice_copy(name);
    identity->tags = slice_copy(tags);
    identity->is_impersonator = has_tag(tags, slice_str(AUTH_TAG_IMPERSONATOR));
    identity->is_internal = user != NULL;
    identity->serial = user ? user->serial : 0;
    identity->usage = user ? auth_usage_ref(user->usage) : auth_usage_create();
    atomic_fetch_add(&auth->identities, 1);
    return identity;
}

static bool grants_have(const struct identity_facts *facts, bool is_internal)
{
    for (size_t i = 0; i < facts->grant_count; i++)
        if (chain_backend_is_internal(facts->grants[i].from) == is_internal)
            return true;
    return false;
}

/* Adds what only identities have that a backend elsewhere knows. */
static void identity_add_grants(struct auth_identity *identity, const struct identity_facts *facts)
{
    identity->client_id = slice_copy(facts->client_id);
    identity->peer_address = slice_copy(facts->peer_address);
    identity->expires_at_s = facts->expires_at_s;
    identity->chain = facts->chain;
    atomic_fetch_add(&facts->chain->users, 1);
    identity->grant_count = facts->grant_count;
    identity->grants = lv_calloc(facts->grant_count, sizeof *identity->grants);
    memcpy(identity->grants, facts->grants, facts->grant_count * sizeof *identity->grants);
    identity->decisions = decisions_create();
}

int identity_create(struct auth *auth, const struct identity_facts *facts,
                    struct auth_identity **ret)
{
    const struct user *user = NULL;
    read_lock(auth);
    if (grants_have(facts, true))
        user = auth_find_user(auth, facts->name);
    bool is_fine = user || !grants_have(facts, true);
    if (is_fine)
        *ret = identity_make(auth, user, facts->name, facts->tags);
    unlock_auth(auth);
    if (!is_fine)
        return ERR_NOT_FOUND;
    if (grants_have(facts, false))
        identity_add_grants(*ret, facts);
    (*ret)->expires_at_s = facts->expires_at_s;
    return 0;
}

int auth_identity_of(struct auth *auth, struct slice name, struct auth_identity **ret)
{
    read_lock(auth);
    const struct user *user = auth_find_user(auth, name);
    if (user)
        *ret = identity_make(auth, user, user->name, user->tags);
    unlock_auth(auth);
    return user ? 0 : ERR_NOT_FOUND;
}

/* No backend authorizes it, so auth_check() allows all. It is an impersonator because the messages
 * that it publishes may be those of others. */
struct auth_identity *auth_identity_of_operator(struct auth *auth)
{
    static const char tags[] = AUTH_TAG_ADMINISTRATOR "," AUTH_TAG_IMPERSONATOR;
    read_lock(auth);
    struct auth_identity *identity =
        identity_make(auth, NULL, slice_str(AUTH_OPERATOR), slice_str(tags));
    unlock_auth(auth);
    return identity;
}

struct auth_identity *auth_identity_ref(struct auth_identity *identity)
{
    lv_assert(identity->magic == IDENTITY_MAGIC);
    unsigned before = atomic_fetch_add(&identity->references, 1);
    lv_assert(before > 0);
    return identity;
}

void auth_identity_unref(struct auth_identity **pointer)
{
    struct auth_identity *identity = *pointer;
    if (!identity)
        return;
    *pointer = NULL;
    lv_assert(identity->magic == IDENTITY_MAGIC);
    unsigned before = atomic_fetch_sub(&identity->references, 1);
    lv_assert(before > 0);
    if (before > 1)
        return;
    for (size_t i = 0; i < identity->grant_count; i++)
        grant_forget(&identity->grants[i]);
    free(identity->grants);
    decisions_free(&identity->decisions);
    if (identity->chain)
        chain_leave(identity->chain);
    string_free(&identity->name);
    string_free(&identity->tags);
    string_free(&identity->client_id);
    string_free(&identity->peer_address);
    auth_usage_unref(&identity->usage);
    size_t identities = atomic_fetch_sub(&identity->auth->identities, 1);
    lv_assert(identities > 0);
    identity->magic = 0;
    free(identity);
}

struct slice auth_identity_name(const struct auth_identity *identity)
{
    lv_assert(identity->magic == IDENTITY_MAGIC);
    return identity->name;
}

struct slice auth_identity_tags(const struct auth_identity *identity)
{
    lv_assert(identity->magic == IDENTITY_MAGIC);
    return identity->tags;
}

bool auth_has_tag(const struct auth_identity *identity, const char *tag)
{
    return has_tag(identity->tags, slice_str(tag));
}

bool auth_is_impersonator(const struct auth_identity *identity)
{
    return identity->is_impersonator;
}

bool auth_is_current(const struct auth_identity *identity)
{
    if (!identity->is_internal)
        return true;
    read_lock(identity_auth(identity));
    bool is_there = auth_current_user(identity) != NULL;
    unlock_auth(identity->auth);
    return is_there;
}

bool auth_is_external(const struct auth_identity *identity)
{
    return identity->decisions != NULL;
}

uint64_t auth_expires_at_s(const struct auth_identity *identity)
{
    return identity->expires_at_s;
}

/* --- what it may do --------------------------------------------------------------------------- */

static bool internal_allows(const struct auth_identity *identity, const struct auth_request *r)
{
    switch (r->resource) {
    case AUTH_VHOST: return auth_can_access_vhost(identity, r->vhost);
    case AUTH_TOPIC:
        return auth_allows_topic(identity, r->vhost, r->name, r->action, r->routing_key);
    case AUTH_QUEUE:
    case AUTH_EXCHANGE: return auth_allows(identity, r->vhost, r->action, r->name);
    }
    lv_unreachable();
}

enum auth_answer auth_check(struct auth_identity *identity, const struct auth_request *request)
{
    lv_assert(identity->magic == IDENTITY_MAGIC);
    if (identity->is_internal && !internal_allows(identity, request))
        return AUTH_REFUSED;
    return identity->decisions ? decisions_find(identity, request) : AUTH_ALLOWED;
}
