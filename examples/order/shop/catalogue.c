#include "shop/catalogue.h"

#include <stddef.h>
#include <string.h>

const struct article catalogue[CATALOGUE_COUNT] = {
    {"teapot", "Stoneware tea pot", 3400,
     "M6 10h10v5a4 4 0 0 1-4 4h-2a4 4 0 0 1-4-4zM16 13l4-4M6 12H5a2 2 0 0 0 0 4h1"
     "M8 10a3 3 0 0 1 6 0M11 7V5"},
    {"scarf", "Merino scarf", 4900, "M6 4h12v5H6zM8 9v11h5V9M10.5 16v4M16 9v7h-3"},
    {"notebook", "Field notebook", 850, "M7 4h11v16H7zM5 8h4M5 12h4M5 16h4M12 8h3"},
    {"honey", "Heather honey", 1120,
     "M8 4h8v3H8zM7 7h10v11a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2zM7 11h10M7 16h10"},
    {"carrots", "A bunch of carrots", 290,
     "M4 20L13 8l3 3zM13 8l1-5M16 11l5-1M14.5 9.5L20 4M8 15l2 1M11 12l2 1"},
    {"shoes", "Running shoes", 8900, "M4 8v9h16v-2c0-2-5-2-8-6h-3c0 2-3 2-5-1zM4 14h16"},
};

const struct article *catalogue_find(const char *key)
{
    for (int i = 0; i < CATALOGUE_COUNT; i++) {
        if (strcmp(catalogue[i].key, key) == 0)
            return &catalogue[i];
    }
    return NULL;
}
