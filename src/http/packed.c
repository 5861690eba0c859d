/* Answers that are compressed in the program: files of the management page. */
#include <zlib.h>

#include "http/http_private.h"

enum { GZIP_WINDOW = 15 + 16, PART_BYTES = 32 * 1024 };

bool http_accepts_gzip(const struct http_request *r)
{
    static const char *const gzip[] = {"gzip", "x-gzip", "*", NULL};
    return http_list_has(http_header(r, MHD_HTTP_HEADER_ACCEPT_ENCODING), gzip);
}

/* Writes what the bytes are compressed from, in parts: most clients take it compressed, and a slow
 * one of the others must not cost the memory of the whole. */
static void write_unpacked(struct http_request *r, struct slice packed)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n};
    struct lv_buffer *out = http_out(r);
    int result = inflateInit2(&z, GZIP_WINDOW);
    lv_assert(result == Z_OK || result == Z_MEM_ERROR);
    while (result == Z_OK) {
        z.next_out = lv_buffer_reserve(out, PART_BYTES);
        z.avail_out = PART_BYTES;
        result = inflate(&z, Z_NO_FLUSH);
        lv_assert(result == Z_OK || result == Z_STREAM_END || result == Z_MEM_ERROR);
        out->n += PART_BYTES - z.avail_out;
        if (!http_flush(r, false))
            break;
    }
    if (result == Z_MEM_ERROR)
        request_cut_off(r);
    inflateEnd(&z);
}

void http_answer_packed(struct http_request *r, struct slice packed)
{
    lv_assert(!r->has_started && r->out.n == 0);
    if (http_accepts_gzip(r)) {
        http_set_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, slice_str("gzip"));
        r->fixed = packed;
    } else {
        write_unpacked(r, packed);
    }
}
