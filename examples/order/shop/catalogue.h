/* What the shop sells. */
#ifndef ORDER_SHOP_CATALOGUE_H
#define ORDER_SHOP_CATALOGUE_H

struct article {
    const char *key; /* in forms and in JSON */
    const char *name;
    const char *sign; /* a small picture, as text */
    int unit_cents;
};

enum { CATALOGUE_COUNT = 6 };
extern const struct article catalogue[CATALOGUE_COUNT];

/* NULL when there is no such article. */
const struct article *catalogue_find(const char *key);

#endif
