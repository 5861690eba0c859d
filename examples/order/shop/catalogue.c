#include "shop/catalogue.h"

#include <stddef.h>
#include <string.h>

const struct article catalogue[CATALOGUE_COUNT] = {
    {"teapot", "Stoneware tea pot", "🫖", 3400},  {"scarf", "Merino scarf", "🧣", 4900},
    {"notebook", "Field notebook", "📓", 850},       {"honey", "Heather honey", "🍯", 1120},
    {"carrots", "A bunch of carrots", "🥕", 290}, {"shoes", "Running shoes", "👟", 8900},
};

const struct article *catalogue_find(const char *key)
{
    for (int i = 0; i < CATALOGUE_COUNT; i++) {
        if (strcmp(catalogue[i].key, key) == 0)
            return &catalogue[i];
    }
    return NULL;
}
