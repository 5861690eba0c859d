/* Bytes of a segment, for those that look into its midst. */
#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/memory.h"

static void read_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct pager_read *r = mail->a;
    struct lane *l = r->lane;
    struct pager *p = l->pager;
    if (p && pager_files(l))
        r->done(l, pager_segment_numbered(p, r->number), r);
    lv_buffer_free(&r->bytes);
    lane_unref(&r->lane);
    free(r);
}

/* On the store's thread. */
static void has_read(void *arg, int error, struct lv_buffer *read)
{
    struct pager_read *r = arg;
    r->error = error;
    if (read) {
        r->bytes = *read;
        *read = (struct lv_buffer){0};
    }
    struct mail mail = {.deliver = read_mail, .a = r};
    loop_mail_from_outside(r->home, &mail);
}

void pager_read_segment(struct lane *l, struct segment *s, const struct pager_read *what)
{
    struct pager *p = l->pager;
    if (s == p->writing && what->offset + what->bytes_asked > s->bytes - p->pending.n)
        pager_flush(l);
    struct pager_read *r = lv_malloc(sizeof *r);
    *r = *what;
    r->lane = lane_ref(l);
    r->home = l->owner->home;
    r->number = s->number;
    segments_read(pager_files(l), l->id, s->number, r->offset, (size_t)r->bytes_asked, has_read, r);
}
