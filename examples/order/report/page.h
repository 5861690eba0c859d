/* An order's report as a page that stands alone: one HTML file without anything beside it. */
#ifndef ORDER_REPORT_PAGE_H
#define ORDER_REPORT_PAGE_H

#include "common/order.h"

#include <stdio.h>

/* Writes the page. Errors stay in the stream: ask it when it is complete. */
void report_page(FILE *out, const struct order *order);

#endif
