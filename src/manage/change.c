#include "manage/change.h"

struct durable_done change_begin(struct change *c, const struct actor *actor)
{
    commit_begin(&c->commit);
    c->actor_before = events_act_as(actor->name);
    return (struct durable_done){commit_done, &c->commit};
}

int change_end(struct change *c, int submitted)
{
    events_act_as(c->actor_before);
    return commit_end(&c->commit, submitted);
}
