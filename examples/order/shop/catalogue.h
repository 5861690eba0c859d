/* What the shop sells. */
#ifndef ORDER_SHOP_CATALOGUE_H
#define ORDER_SHOP_CATALOGUE_H

struct article {
    const char *key; /* in forms and in JSON */
    const char *name;
    int unit_cents;
    const char *outline; /* a small picture: an SVG path in a square of 24 by 24 */
};

enum { CATALOGUE_COUNT = 6 };
extern const struct article catalogue[CATALOGUE_COUNT];

/* NULL when there is no such article. */
const struct article *catalogue_find(const char *key);

#endif
