/* A directory that can be searched: what the evaluation of queries needs of an LDAP server. Tests
 * have one in memory. */
#ifndef LEVERET_BACKENDS_LDAP_DIRECTORY_H
#define LEVERET_BACKENDS_LDAP_DIRECTORY_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

enum directory_answer {
    DIRECTORY_ANSWERED,
    DIRECTORY_NO_OBJECT, /* there is no entry of the name where the search begins */
    DIRECTORY_REFUSED,   /* the server will not answer this search; the next one may do better */
    DIRECTORY_FAILED,    /* the server cannot be asked */
};

/* The entry itself, those right below it, or it and all below it. */
enum directory_scope { DIRECTORY_ENTRY, DIRECTORY_LEVEL, DIRECTORY_SUBTREE };

struct directory_search {
    struct slice base; /* a distinguished name */
    enum directory_scope scope;
    const char *attribute; /* that the entries must have; */
    bool has_value;        /* false: with any value */
    struct slice value;    /* not escaped */
    const char *wanted;    /* the attribute whose values are returned; NULL: none */
    /* Called for each entry, with its name and the values of the wanted attribute. All are borrowed
     * until it returns. */
    void (*on_entry)(void *arg, struct slice dn, const struct slice *values, size_t count);
    void *arg;
};

struct directory {
    /* Appends to `reason` why not if it is anything but DIRECTORY_ANSWERED. on_entry may have been
     * called for some entries then. Blocks. */
    enum directory_answer (*search)(struct directory *directory,
                                    const struct directory_search *search,
                                    struct lv_buffer *reason);
};

#endif
