/* Asks the segments' thread to read or to sync, and mails the answer home.
 *
 * Until the answer has arrived, a reference of the lane's owner is held. The segment may have been
 * removed meanwhile: then done() gets NULL for it. */
#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/memory.h"

static void answer_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct pager_ask *ask = mail->a;
    struct lane *l = ask->lane;
    bool is_open = l->pager && pager_files(l);
    ask->done(l, is_open ? pager_segment_numbered(l->pager, ask->number) : NULL, ask);
    lv_buffer_free(&ask->bytes);
    lane_unref(&ask->lane);
    free(ask);
}

/* On the store's thread. */
static void ask_is_answered(void *arg, int error, struct lv_buffer *read)
{
    struct pager_ask *ask = arg;
    ask->error = error;
    if (read) {
        ask->bytes = *read;
        *read = (struct lv_buffer){0};
    }
    struct mail mail = {.deliver = answer_mail, .a = ask};
    loop_mail_from_outside(ask->home, &mail);
}

static struct pager_ask *ask_begin(struct lane *l, const struct segment *s,
                                   const struct pager_ask *what)
{
    struct pager_ask *ask = lv_malloc(sizeof *ask);
    *ask = *what;
    ask->lane = lane_ref(l);
    ask->home = l->owner->home;
    ask->number = s->number;
    ask->failures = l->pager->failures;
    return ask;
}

void pager_read_segment(struct lane *l, struct segment *s, const struct pager_ask *what)
{
    lane_assert_home(l);
    lv_assert(what->done && what->bytes_asked > 0);
    struct pager *p = l->pager;
    if (s == p->writing && what->offset + what->bytes_asked > s->bytes - p->pending.n)
        pager_flush(l);
    struct pager_ask *ask = ask_begin(l, s, what);
    segments_read(pager_files(l), l->id, s->number, ask->offset, (size_t)ask->bytes_asked,
                  ask_is_answered, ask);
}

void pager_sync_segment(struct lane *l, const struct segment *s, pager_ask_done *done)
{
    lane_assert_home(l);
    lv_assert(done);
    struct pager_ask *ask = ask_begin(l, s, &(struct pager_ask){.offset = s->bytes, .done = done});
    segments_sync(pager_files(l), l->id, s->number, ask_is_answered, ask);
}
