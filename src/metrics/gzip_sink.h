/* Compresses what is written on its way. */
#ifndef LEVERET_METRICS_GZIP_SINK_H
#define LEVERET_METRICS_GZIP_SINK_H

#include <zlib.h>

#include "metrics/exposition.h"

struct gzip_sink {
    z_stream z;
    exposition_write *write; /* gets what is compressed */
    void *arg;
    bool is_cut; /* no more is wanted */
};

void gzip_sink_begin(struct gzip_sink *sink, exposition_write *write, void *arg);
/* An exposition_write; `sink` is the struct. */
bool gzip_sink_write(void *sink, struct slice bytes);
/* Writes the end of the stream, and frees what the sink has allocated. */
void gzip_sink_end(struct gzip_sink *sink);

#endif
