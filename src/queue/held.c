/* Mail that waits until its queue has been restored. */
#include "queue/held.h"

#include <stdlib.h>

#include "base/memory.h"
#include "paging/journal.h"

void held_add(const struct queue *q, const struct mail *mail)
{
    struct journal_loop *p = loop_slot(q->entry.home, LOOP_SLOT_STORE);
    struct held_mail *held = &p->held;
    if (held->count == held->capacity) {
        held->capacity = held->capacity ? held->capacity * 2 : 64;
        held->mail = lv_realloc(held->mail, held->capacity * sizeof *held->mail);
    }
    held->mail[held->count++] = *mail;
}

void held_deliver(struct loop *home, struct held_mail *held)
{
    struct held_mail all = *held;
    *held = (struct held_mail){0};
    for (size_t i = 0; i < all.count; i++)
        all.mail[i].deliver(home, &all.mail[i]);
    free(all.mail);
}
