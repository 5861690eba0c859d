/* The shop's page. */
#ifndef ORDER_SHOP_PAGE_H
#define ORDER_SHOP_PAGE_H

#include "shop/orders.h"

#include <stdint.h>
#include <stdio.h>

struct page {
    const char *wrong;        /* what is wrong with the form, or NULL */
    int64_t placed_id;        /* the order that was just placed, or 0 */
    const struct order *form; /* what stands in the form's fields */
    const char *article_key;  /* and which article is chosen */
    const struct order_row *rows;
    int row_count;
    const char *report_directory; /* where the reports are, to link them; or NULL */
};

/* Writes the whole page. Errors stay in the stream. */
void page_write(FILE *out, const struct page *page);

/* Writes the list of orders alone, as the page's script asks for it. */
void page_write_orders(FILE *out, const struct page *page);

#endif
