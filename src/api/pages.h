/* Pages of listings: which page and which names a request asks for, and the answer. */
#ifndef LEVERET_API_PAGES_H
#define LEVERET_API_PAGES_H

#include "api/api_private.h"
#include "api/objects.h"
#include "base/pattern.h"

struct api_page {
    bool is_asked_for; /* else all rows are, and the rest is unused */
    int64_t number, size;
    struct slice name;       /* the rows whose name contains this, upper and lower case alike */
    struct pattern *pattern; /* owned; or that match this; NULL */
};

/* Reads page, page_size, name and use_regex; they count only on routes that have pages, and with a
 * page. Returns false after refusing. The caller calls api_page_free() in any case. */
bool api_page_read(struct api_call *c, struct api_page *ret);
void api_page_free(struct api_page *page);

/* Returns whether the page is to have rows of this name. `page` is a struct api_page. */
bool api_page_matches(void *page, struct slice name);

/* Returns the index of the page's first row among those that match. */
size_t api_page_first(const struct api_page *page);

/* How many rows there are, and how many match. */
struct api_counts {
    size_t total, matching;
};

/* Writes the page, whose rows are those of the listing from `first` on; or refuses if there is no
 * such page. */
void api_page_write(const struct api_show *show, const struct api_page *page,
                    const struct api_counts *counts, const struct listing *l, size_t first);

/* Writes rows as an array, and sends them on the way. */
void api_rows_write(const struct api_show *show, const struct listing *l, size_t first,
                    size_t count);

#endif
