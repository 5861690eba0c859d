#include "report/page.h"

#include "common/html.h"
#include "common/program.h"

#include <inttypes.h>
#include <time.h>

enum { TIME_BYTES_MAX = 64 };

static const char head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<style>\n"
    "  body { font: 16px/1.5 system-ui, sans-serif; background: #f4f1ea; color: #2b2a27;\n"
    "         margin: 0; padding: 3rem 1rem }\n"
    "  main { max-width: 36rem; margin: auto; background: #fff; padding: 2.5rem;\n"
    "         border-radius: 10px; box-shadow: 0 1px 8px #0001 }\n"
    "  h1 { margin: 0; font-size: 1.6rem } h1 + p { margin-top: .2rem; color: #77726a }\n"
    "  table { width: 100%; border-collapse: collapse; margin: 1.5rem 0 }\n"
    "  th, td { text-align: left; padding: .5rem 0; border-bottom: 1px solid #e7e2d8 }\n"
    "  th { font-weight: 400; color: #77726a; width: 9rem } td { overflow-wrap: anywhere }\n"
    "  .total td, .total th { font-weight: 700; color: inherit; border: 0 }\n"
    "  blockquote { margin: 0; padding: .2rem 1rem; border-left: 3px solid #c9a46a;\n"
    "               white-space: pre-wrap }\n"
    "  footer { margin-top: 2rem; font-size: .85rem; color: #77726a }\n"
    "</style>\n";

static void format_time(int64_t time_ms, char *text)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(text, TIME_BYTES_MAX, "%Y-%m-%d %H:%M:%S", &local);
}

static void text_row(FILE *out, const char *name, const char *value)
{
    fprintf(out, "  <tr><th>%s</th><td>", name);
    html_text(out, value);
    fputs("</td></tr>\n", out);
}

static void money_row(FILE *out, const char *class, const char *name, int64_t cents)
{
    fprintf(out, "  <tr class=\"%s\"><th>%s</th><td>", class, name);
    html_euro(out, cents);
    fputs("</td></tr>\n", out);
}

void report_page(FILE *out, const struct order *order)
{
    char ordered[TIME_BYTES_MAX];
    format_time(order->ordered_at_ms, ordered);

    fputs(head, out);
    fprintf(out, "<title>Order %" PRId64 "</title>\n<main>\n", order->id);
    fprintf(out, "<h1>Order %" PRId64 "</h1>\n<p>placed on %s</p>\n<table>\n", order->id, ordered);
    text_row(out, "Customer", order->customer);
    text_row(out, "E-mail", order->email);
    text_row(out, "Item", order->item);
    fprintf(out, "  <tr><th>Quantity</th><td>%d</td></tr>\n", order->quantity);
    money_row(out, "each", "Price of one", order->unit_cents);
    money_row(out, "total", "Total", order_total_cents(order));
    fputs("</table>\n", out);
    if (*order->note) {
        fputs("<blockquote>", out);
        html_text(out, order->note);
        fputs("</blockquote>\n", out);
    }
    fprintf(out, "<footer>Written %" PRId64 " ms after the order.</footer>\n</main>\n</html>\n",
            clock_wall_ms() - order->ordered_at_ms);
}
