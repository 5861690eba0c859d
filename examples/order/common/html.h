/* Text that a stranger typed, made harmless for a page. */
#ifndef ORDER_HTML_H
#define ORDER_HTML_H

#include <stdint.h>
#include <stdio.h>

/* Writes the text so that it reads the same in HTML, in an element or in a quoted attribute. */
void html_text(FILE *out, const char *text);

/* Writes an amount as "12.50 €", in UTF-8. */
void html_euro(FILE *out, int64_t cents);

#endif
