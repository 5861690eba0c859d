/* The life of an effective policy: one allocation, with the names of its policies after the
 * struct. */
#include "topology/effective_policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "wire/erlang_json.h"

static void effective_policy_free(struct lv_rcu_refs *refs)
{
    struct effective_policy *e = lv_container_of(refs, struct effective_policy, refs);
    json_decref(e->definition);
    free(e);
}

struct effective_policy *effective_policy_make(const struct slice *names[POLICY_KINDS],
                                               json_t *definition)
{
    size_t bytes = 0;
    lv_assert(names[POLICY_ORDINARY] || names[POLICY_OPERATOR]);
    lv_assert(json_is_object(definition));
    for (int kind = 0; kind < POLICY_KINDS; kind++)
        bytes += names[kind] ? names[kind]->n : 0;
    struct effective_policy *e = lv_calloc(1, sizeof *e + bytes);
    uint8_t *space = (uint8_t *)(e + 1);
    lv_rcu_refs_init(&e->refs, effective_policy_free);
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        const struct slice *name = names[kind];
        e->has[kind] = name != NULL;
        if (!name || name->n == 0)
            continue;
        e->names[kind] = slice_of(memcpy(space, name->p, name->n), name->n);
        space += name->n;
    }
    e->definition = definition;
    e->alternate = json_slice(json_object_get(definition, "alternate-exchange"));
    return e;
}

struct effective_policy *effective_policy_ref(struct effective_policy *policy)
{
    if (policy)
        lv_rcu_ref(&policy->refs);
    return policy;
}

void effective_policy_unref(struct effective_policy **policy)
{
    struct effective_policy *e = *policy;
    *policy = NULL;
    if (e)
        lv_rcu_unref(&e->refs);
}
