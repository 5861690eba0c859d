/* An order, and the JSON that travels through the broker.
 *
 *   {"order": 17, "customer": "Ada", "email": "ada@example.org", "item": "Tea pot",
 *    "quantity": 2, "unit_cents": 1250, "note": "", "ordered_at_ms": 1700000000000}
 *
 * An order is a plain value: copy it as you like, there is nothing to free. One that order_check()
 * passed has UTF-8 without control characters in its texts (a note may have line breaks), and an
 * address that can stand in a mail's header as it is. */
#ifndef ORDER_ORDER_H
#define ORDER_ORDER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ORDER_CUSTOMER_BYTES_MAX = 120,
    ORDER_EMAIL_BYTES_MAX = 254,
    ORDER_ITEM_BYTES_MAX = 120,
    ORDER_NOTE_BYTES_MAX = 500,
    ORDER_QUANTITY_MAX = 99,
    ORDER_UNIT_CENTS_MAX = 10000000,
};

struct order {
    int64_t id; /* the row in the shop's database, from 1 */
    char customer[ORDER_CUSTOMER_BYTES_MAX + 1];
    char email[ORDER_EMAIL_BYTES_MAX + 1];
    char item[ORDER_ITEM_BYTES_MAX + 1];
    char note[ORDER_NOTE_BYTES_MAX + 1];
    int quantity;
    int unit_cents;        /* the price of one, in cents of a euro */
    int64_t ordered_at_ms; /* since 1970 */
};

/* Returns NULL when the order can be taken, else a sentence for the customer. It is static. The
 * id and the time are not looked at. */
const char *order_check(const struct order *order);

int64_t order_total_cents(const struct order *order);

/* The order as a JSON object. The caller owns the reference. NULL only for want of memory. */
json_t *order_to_json(const struct order *order);

/* Reads and checks a message's body. Returns NULL and fills *ret, or a static sentence that says
 * what is wrong; *ret is then unchanged. */
const char *order_from_bytes(const void *bytes, size_t length, struct order *ret);

/* Copies a text into one of an order's fields, as the macro knows its size. Returns 0, or -1 when
 * it is too long; the field is then unchanged. */
int order_copy_text(char *field, size_t field_size, const char *text);
#define ORDER_COPY(field, text) order_copy_text((field), sizeof(field), (text))

/* The name of the file that is an order's report. Fills `name`. */
enum { ORDER_REPORT_NAME_BYTES = 40 };
void order_report_name(int64_t id, char name[ORDER_REPORT_NAME_BYTES]);

/* One way an order takes from the exchange. */
struct order_route {
    const char *queue;
    const char *routing_key;
};

#define ORDER_EXCHANGE "order"
enum { ORDER_NOTIFY, ORDER_REPORT, ORDER_ROUTES };
extern const struct order_route order_routes[ORDER_ROUTES];

#endif
