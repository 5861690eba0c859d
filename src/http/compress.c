/* Answers that are compressed on their way, for clients that accept gzip. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/memory.h"
#include "http/http_private.h"

/* A smaller answer gains nothing. Compressing costs more than the network saves above level 1. */
enum { SMALL_BYTES = 300, LEVEL = Z_BEST_SPEED, GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };

struct packer {
    z_stream z;
    struct lv_buffer out; /* compressed, and not in the spool yet */
};

static bool begins_with_one_of(struct slice text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (slice_begins(text, words[i]))
            return true;
    }
    return false;
}

static bool is_compressible(const struct http_request *r)
{
    static const char *const types[] = {"application/json", "text/html",       "text/plain",
                                        "text/css",         "text/javascript", NULL};
    struct slice type = answer_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    return begins_with_one_of(type, types) &&
           answer_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING).n == 0;
}

void packer_begin(struct http_request *r, bool is_large)
{
    if (!r->conn->listener->compresses || !(is_large || r->out.n > (size_t)SMALL_BYTES) ||
        !http_accepts_gzip(r) || !is_compressible(r))
        return;
    struct packer *p = lv_calloc(1, sizeof *p);
    if (deflateInit2(&p->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        free(p);
        return;
    }
    r->packer = p;
    http_add_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, slice_str("gzip"));
}

void packer_free(struct packer **packer)
{
    struct packer *p = *packer;
    *packer = NULL;
    if (!p)
        return;
    deflateEnd(&p->z);
    lv_buffer_free(&p->out);
    free(p);
}

struct lv_buffer *packer_add(struct packer *p, struct lv_buffer *in, enum packer_how how)
{
    static const int flushes[] = {
        [PACK_MORE] = Z_NO_FLUSH, [PACK_NOW] = Z_SYNC_FLUSH, [PACK_END] = Z_FINISH};
    enum { ROOM_BYTES = 16 * 1024 };
    p->z.next_in = in->p;
    p->z.avail_in = (uInt)in->n;
    do {
        p->z.next_out = lv_buffer_reserve(&p->out, ROOM_BYTES);
        p->z.avail_out = ROOM_BYTES;
        int result = deflate(&p->z, flushes[how]);
        lv_assert(result != Z_STREAM_ERROR);
        p->out.n += ROOM_BYTES - p->z.avail_out;
    } while (p->z.avail_out == 0);
    in->n = 0;
    return &p->out;
}
