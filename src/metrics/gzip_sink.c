#include "metrics/gzip_sink.h"

#include "base/assert.h"

/* Names of queues and metrics repeat, so the quickest level is nearly as good as the best. */
enum { LEVEL = 1, GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8, PIECE_BYTES = 16 * 1024 };

void gzip_sink_begin(struct gzip_sink *sink, exposition_write *write, void *arg)
{
    *sink = (struct gzip_sink){.write = write, .arg = arg};
    int result = deflateInit2(&sink->z, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL,
                              Z_DEFAULT_STRATEGY);
    lv_assert(result == Z_OK); /* else there is no memory */
}

static void compress_pieces(struct gzip_sink *sink, int flush)
{
    uint8_t piece[PIECE_BYTES];
    do {
        sink->z.next_out = piece;
        sink->z.avail_out = sizeof piece;
        int result = deflate(&sink->z, flush);
        lv_assert(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        size_t n = sizeof piece - sink->z.avail_out;
        if (n > 0 && !sink->is_cut)
            sink->is_cut = !sink->write(sink->arg, slice_of(piece, n));
    } while (sink->z.avail_out == 0 && !sink->is_cut);
}

bool gzip_sink_write(void *arg, struct slice bytes)
{
    struct gzip_sink *sink = arg;
    if (sink->is_cut)
        return false;
    sink->z.next_in = (uint8_t *)(uintptr_t)bytes.p;
    sink->z.avail_in = (uInt)bytes.n;
    compress_pieces(sink, Z_NO_FLUSH);
    return !sink->is_cut;
}

void gzip_sink_end(struct gzip_sink *sink)
{
    if (!sink->is_cut)
        compress_pieces(sink, Z_FINISH);
    deflateEnd(&sink->z);
}
