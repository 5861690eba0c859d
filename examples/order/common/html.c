#include "html.h"

#include <inttypes.h>

void html_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        default: fputc(*text, out); break;
        }
    }
}

void html_euro(FILE *out, int64_t cents)
{
    fprintf(out, "%" PRId64 ".%02d\u00a0€", cents / 100, (int)(cents % 100));
}
