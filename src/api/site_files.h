/* Files that are built into the broker and served as they are: those of the management page (ui/),
 * and a few beside it. The table is made by scripts/site. */
#ifndef LEVERET_API_SITE_FILES_H
#define LEVERET_API_SITE_FILES_H

#include <stddef.h>
#include <stdint.h>

struct site_file {
    const char *path; /* "/index.html", "/assets/index-Bh5sp4_G.js" */
    const char *type; /* the content type */
    const char *etag; /* changes with the content: "W/\"0123456789abcdef\"" */
    const uint8_t *gzip;
    size_t gzip_bytes;
    size_t bytes; /* of the content, not compressed */
};

/* Ended by a NULL path. "/index.html" is there if the broker was built with the management page. */
extern const struct site_file site_files[];

#endif
