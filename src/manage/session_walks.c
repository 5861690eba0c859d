/* Each loop has a walk through its sessions, which goes on when the loop is asked again. */
#include "manage/session_walks.h"

#include <stdlib.h>

#include "base/memory.h"

enum { UNITS = 256 }; /* connections and channels of a turn */

struct walks {
    const struct session_visitor *visitor;
    struct walk {
        struct sessions_walk at;
        bool has_begun, is_over;
        void *arg; /* the visitor's */
    } of[LOOPS_MAX];
};

static void walk_on_loop(struct loop *loop, void *arg)
{
    struct walks *walks = arg;
    struct walk *walk = &walks->of[loop_index(loop)];
    if (walk->is_over)
        return;
    if (!walk->has_begun)
        sessions_walk_begin(loop, &walk->at);
    walk->has_begun = true;
    walk->is_over = !sessions_walk_on(loop, &walk->at, UNITS, walks->visitor, walk->arg);
    if (walk->is_over)
        sessions_walk_end(&walk->at);
}

static bool walks_are_over(const struct walks *walks, unsigned loops)
{
    for (unsigned i = 0; i < loops; i++) {
        if (!walks->of[i].is_over)
            return false;
    }
    return true;
}

/* Called when the broker has stopped, so no loop runs. */
static void walks_abandon(struct loop *loop, void *arg)
{
    struct walks *walks = arg;
    (void)loop;
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        if (walks->of[i].has_begun && !walks->of[i].is_over)
            sessions_walk_end(&walks->of[i].at);
    }
}

int manage_visit_sessions(struct manage *m, const struct session_visitor *visitor,
                          void *const *args)
{
    struct walks *walks = lv_calloc(1, sizeof *walks);
    unsigned loops = loops_count(m->loops);
    int err = 0;
    walks->visitor = visitor;
    for (unsigned i = 0; i < loops; i++)
        walks->of[i].arg = args[i];
    while (err == 0 && !walks_are_over(walks, loops))
        err = ask_every_loop(m->asker, walk_on_loop, walks);
    if (err < 0)
        ask_loop_or_end(m->asker, loops_at(m->loops, 0), walks_abandon, walks);
    free(walks);
    return err;
}
