/* An intrusive doubly linked list with a sentinel. An item that is in no list points to itself, so
 * lv_list_remove() may be called twice. */
#ifndef LEVERET_BASE_LIST_H
#define LEVERET_BASE_LIST_H

#include <stdbool.h>

#include "base/assert.h"

struct lv_list {
    struct lv_list *next;
    struct lv_list *prev;
};

static inline void lv_list_init(struct lv_list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool lv_list_is_empty(const struct lv_list *list)
{
    return list->next == list;
}

/* Puts the item, which is in no list, before `at`; if `at` is the list itself, at its end. */
static inline void lv_list_insert_before(struct lv_list *at, struct lv_list *item)
{
    item->prev = at->prev;
    item->next = at;
    at->prev->next = item;
    at->prev = item;
}

/* Puts the item at the end of the list. */
static inline void lv_list_push(struct lv_list *list, struct lv_list *item)
{
    lv_list_insert_before(list, item);
}

static inline void lv_list_remove(struct lv_list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    lv_list_init(item);
}

#define lv_list_item(link, type, member) lv_container_of(link, type, member)

/* Walks the list; the loop may remove the current item and no other. `it` and `after` are of type
 * `struct lv_list *`. */
#define lv_list_each(it, after, list)                                                              \
    for ((it) = (list)->next, (after) = (it)->next; (it) != (list);                                \
         (it) = (after), (after) = (it)->next)

#endif
