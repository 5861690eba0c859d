#include "shop/page.h"

#include "common/html.h"
#include "shop/catalogue.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>The hare's shop</title>\n"
    "<style>\n"
    "  :root { --ink: #2b2a27; --soft: #77726a; --line: #e7e2d8; --paper: #fff; --back: #f4f1ea;\n"
    "          --accent: #8a5a1f; --good: #2f7d4f; --wait: #a8701a }\n"
    "  @media (prefers-color-scheme: dark) {\n"
    "    :root { --ink: #ece8df; --soft: #a39d92; --line: #3a3731; --paper: #26241f;\n"
    "            --back: #1b1a17; --accent: #d9a45c; --good: #6cc08e; --wait: #e0b062 } }\n"
    "  * { box-sizing: border-box }\n"
    "  body { font: 16px/1.5 system-ui, sans-serif; margin: 0; padding: 2.5rem 1rem 4rem;\n"
    "         background: var(--back); color: var(--ink) }\n"
    "  main { max-width: 54rem; margin: auto }\n"
    "  h1 { font-size: 1.8rem; margin: 0 } h1 + p { margin: .1rem 0 2rem; color: var(--soft) }\n"
    "  h2 { font-size: 1.1rem; margin: 2.5rem 0 .8rem }\n"
    "  form, .list { background: var(--paper); border: 1px solid var(--line);\n"
    "                border-radius: 12px; padding: 1.5rem }\n"
    "  .list { padding: .3rem 1.5rem; overflow-x: auto }\n"
    "  fieldset { border: 0; padding: 0; margin: 0 0 1.2rem; display: grid; gap: .7rem;\n"
    "             grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)) }\n"
    "  .article { display: flex; gap: .8rem; align-items: center; cursor: pointer;\n"
    "             border: 1px solid var(--line); border-radius: 10px; padding: .6rem .9rem }\n"
    "  .article:has(:checked) { border-color: var(--accent); outline: 1px solid var(--accent) }\n"
    "  .article input { position: absolute; opacity: 0 }\n"
    "  .article:has(:focus-visible) { outline: 2px solid var(--accent) }\n"
    "  svg { width: 2rem; flex: none; fill: none; stroke: var(--accent); stroke-width: 1.4;\n"
    "        stroke-linecap: round; stroke-linejoin: round; vertical-align: -.4rem }\n"
    "  .article b { font-weight: 500 }\n"
    "  .article small { display: block; color: var(--soft) }\n"
    "  label.field { display: block; color: var(--soft); font-size: .9rem }\n"
    "  .field input { width: 100%; font: inherit; color: var(--ink); background: var(--back);\n"
    "           border: 1px solid var(--line); border-radius: 8px; padding: .5rem .7rem }\n"
    "  .fields { display: grid; gap: .9rem; grid-template-columns: 1fr 1fr 6rem }\n"
    "  .wide { grid-column: 1 / -1 }\n"
    "  button { font: inherit; font-weight: 600; border: 0; border-radius: 8px; cursor: pointer;\n"
    "           margin-top: 1.2rem; padding: .6rem 1.6rem; color: var(--paper);\n"
    "           background: var(--accent) }\n"
    "  .say { border-radius: 8px; padding: .7rem 1rem; margin: 0 0 1rem; color: var(--paper) }\n"
    "  .thanks { background: var(--good) } .wrong { background: #b0413e; color: #fff }\n"
    "  table { width: 100%; border-collapse: collapse }\n"
    "  th { text-align: left; font-weight: 400; font-size: .85rem; color: var(--soft) }\n"
    "  th, td { padding: .55rem .8rem .55rem 0; border-bottom: 1px solid var(--line) }\n"
    "  tr:last-child td { border: 0 } .number { text-align: right }\n"
    "  td small { display: block; color: var(--soft) } a { color: var(--accent) }\n"
    "  .stored { color: var(--wait) } .published { color: var(--good) }\n"
    "  @media (max-width: 40rem) { .fields { grid-template-columns: 1fr } }\n"
    "</style>\n"
    "<main>\n";

/* The list looks after itself: no need to reload the page. */
static const char script[] =
    "<script>\n"
    "  setInterval(async () => {\n"
    "    if (document.hidden) return;\n"
    "    const answer = await fetch('/orders').catch(() => null);\n"
    "    if (answer?.ok) document.querySelector('.list').innerHTML = await answer.text();\n"
    "  }, 1000);\n"
    "</script>\n";

static const char hare[] = "M9 11C6.5 8 6.5 3 8.5 3s2 5 2 7.5M13.5 10.5c0-2.5 0-7.5 2-7.5s2 5-.5 8"
                           "M7 15a5 5 0 0 1 10 0c0 3-2 5-5 5s-5-2-5-5zM10 14v1M14 14v1M11.5 17h1";

static void write_outline(FILE *out, const char *outline)
{
    fprintf(out, "<svg viewBox=\"0 0 24 24\"><path d=\"%s\"/></svg>", outline);
}

static void write_articles(FILE *out, const char *chosen_key)
{
    fputs("<fieldset>\n", out);
    for (int i = 0; i < CATALOGUE_COUNT; i++) {
        const struct article *article = &catalogue[i];
        fprintf(out, "<label class=\"article\"><input type=\"radio\" name=\"item\" value=\"%s\"%s>",
                article->key, strcmp(article->key, chosen_key) == 0 ? " checked" : "");
        write_outline(out, article->outline);
        fprintf(out, "<span><b>%s</b><small>", article->name);
        html_euro(out, article->unit_cents);
        fputs("</small></span></label>\n", out);
    }
    fputs("</fieldset>\n", out);
}

static void write_field(FILE *out, const char *class, const char *label, const char *attributes,
                        const char *value)
{
    fprintf(out, "<label class=\"field %s\">%s<input %s value=\"", class, label, attributes);
    html_text(out, value);
    fputs("\"></label>\n", out);
}

static void write_form(FILE *out, const struct page *page)
{
    char quantity[16];
    snprintf(quantity, sizeof(quantity), "%d", page->form->quantity);
    fputs("<form method=\"post\" action=\"/orders\">\n", out);
    write_articles(out, page->article_key);
    fputs("<div class=\"fields\">\n", out);
    write_field(out, "", "Your name", "name=\"customer\" required maxlength=\"60\"",
                page->form->customer);
    write_field(out, "", "E-mail", "name=\"email\" type=\"email\" required maxlength=\"254\"",
                page->form->email);
    write_field(out, "", "Quantity", "name=\"quantity\" type=\"number\" min=\"1\" max=\"99\"",
                quantity);
    write_field(out, "wide", "A note to us", "name=\"note\" maxlength=\"250\"", page->form->note);
    fputs("</div>\n<button>Place the order</button>\n</form>\n", out);
}

static void write_report_link(FILE *out, const struct page *page, int64_t id)
{
    char name[ORDER_REPORT_NAME_BYTES], path[PATH_MAX];
    order_report_name(id, name);
    int bytes = snprintf(path, sizeof(path), "%s/%s", page->report_directory, name);
    if (bytes < (int)sizeof(path) && access(path, R_OK) == 0)
        fprintf(out, "<a href=\"/reports/%" PRId64 "\">report</a>", id);
}

static void write_row(FILE *out, const struct page *page, const struct order_row *row)
{
    const struct order *order = &row->order;
    char ordered[16];
    time_t seconds = (time_t)(order->ordered_at_ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(ordered, sizeof(ordered), "%H:%M:%S", &local);

    fprintf(out, "<tr><td>%" PRId64 "</td><td>%s</td><td>", order->id, ordered);
    html_text(out, order->customer);
    fputs("<small>", out);
    html_text(out, order->email);
    fprintf(out, "</small></td><td>%d × ", order->quantity);
    html_text(out, order->item);
    fputs("</td><td class=\"number\">", out);
    html_euro(out, order_total_cents(order));
    if (row->published_at_ms == 0)
        fputs("</td><td class=\"stored\">● stored", out);
    else
        fprintf(out, "</td><td class=\"published\">● published<small>after %" PRId64 " ms</small>",
                row->published_at_ms - order->ordered_at_ms);
    fputs("</td><td>", out);
    if (page->report_directory)
        write_report_link(out, page, order->id);
    fputs("</td></tr>\n", out);
}

void page_write_orders(FILE *out, const struct page *page)
{
    if (page->row_count == 0) {
        fputs("<p>None yet. The first one could be yours.</p>\n", out);
        return;
    }
    fputs("<table>\n<tr><th>No.</th><th>At</th><th>Customer</th><th>Order</th>"
          "<th class=\"number\">Total</th><th>State</th><th></th></tr>\n",
          out);
    for (int i = 0; i < page->row_count; i++)
        write_row(out, page, &page->rows[i]);
    fputs("</table>\n", out);
}

void page_write(FILE *out, const struct page *page)
{
    fputs(head, out);
    fputs("<h1>", out);
    write_outline(out, hare);
    fputs(
        " The hare's shop</h1>\n<p>Orders are taken at once, and travel by message from here.</p>\n",
        out);
    if (page->wrong) {
        fputs("<p class=\"say wrong\">", out);
        html_text(out, page->wrong);
        fputs("</p>\n", out);
    }
    if (page->placed_id > 0)
        fprintf(out,
                "<p class=\"say thanks\">Thank you! Your order has the number %" PRId64
                "; a mail is on its way.</p>\n",
                page->placed_id);
    write_form(out, page);
    fputs("<h2>Orders</h2>\n<div class=\"list\">\n", out);
    page_write_orders(out, page);
    fputs("</div>\n", out);
    fputs(script, out);
    fputs("</main>\n</html>\n", out);
}
