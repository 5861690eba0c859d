/* The shop's HTTP server. The one file that knows libmicrohttpd.
 *
 *   GET  /              the page
 *   GET  /orders        the list of orders alone, as HTML
 *   GET  /orders.json   the list of orders, as JSON
 *   POST /orders        a new order: a form (answer 303, back to the page) or JSON (answer 201)
 *   GET  /reports/N     the report of order N, when the shop knows where reports are
 */
#ifndef ORDER_SHOP_WEB_H
#define ORDER_SHOP_WEB_H

#include "shop/orders.h"
#include "shop/outbox.h"

struct web;

struct web_settings {
    const char *address; /* IPv4 */
    int port;            /* 0: any free one */
    const char *report_directory;
};

/* Listens and serves on a thread of its own, which takes over the use of `orders` until
 * web_stop(). Borrows all three. Returns 0 and the caller owns *ret, or -1 and the reason was
 * logged. */
int web_start(const struct web_settings *settings, struct orders *orders, struct outbox *outbox,
              struct web **ret);

/* Finishes what is being answered, closes, and clears the pointer. NULL is fine. */
void web_stop(struct web **web);

#endif
