/* The shop's orders, a row each, in SQLite. The one file that knows SQLite.
 *
 *   state      meaning                                    leaves it when
 *   stored     the customer has the answer; the broker    the broker has confirmed the messages
 *              may not know yet                           for both queues
 *   published  the broker has it                          never
 *
 * A row is on disk before orders_add() returns, so an order that was answered is never lost. A
 * handle belongs to one thread; every thread opens its own on the same file. */
#ifndef ORDER_SHOP_ORDERS_H
#define ORDER_SHOP_ORDERS_H

#include "common/order.h"

#include <stddef.h>
#include <stdint.h>

struct orders;

struct order_row {
    struct order order;
    int64_t published_at_ms; /* since 1970; 0: still only stored */
};

/* Opens the file, making it when it is missing. Returns 0 and the caller owns *ret, or -1 and the
 * reason was logged; so it is with every function here that returns -1. */
int orders_open(const char *path, struct orders **ret);

/* Closes it and clears the pointer. NULL is fine. */
void orders_close(struct orders **orders);

/* Adds an order as stored, and fills in its id. */
int orders_add(struct orders *orders, struct order *order);

/* Fills `rows` with up to `rows_max` of the newest orders, newest first. Returns how many. */
int orders_newest(struct orders *orders, struct order_row *rows, int rows_max);

/* Fills `rows` with up to `rows_max` of the oldest orders that are only stored. Returns how
 * many. */
int orders_unpublished(struct orders *orders, struct order_row *rows, int rows_max);

/* All these orders are published now, or, on -1, none. */
int orders_set_published(struct orders *orders, const struct order_row *rows, int count,
                         int64_t published_at_ms);

#endif
