#include "order.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const struct order_route order_routes[ORDER_ROUTES] = {
    [ORDER_NOTIFY] = {"order_notify", "order.notify"},
    [ORDER_REPORT] = {"order_report", "order.report"},
};

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text); /* NULL when it is not */
    json_decref(string);
    return string != NULL;
}

static bool has_control(const char *text, const char *but)
{
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if ((byte < 0x20 || byte == 0x7f) && !strchr(but, byte))
            return true;
    }
    return false;
}

/* Enough to keep a stranger's text from becoming more than one address or a header of its own;
 * whether mail arrives there, the mail server knows. */
static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    if (!at || at == text || at[1] == '\0' || strchr(at + 1, '@'))
        return false;
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f ||
            strchr("<>()[],;:\\\"", *text))
            return false;
    }
    return true;
}

static bool is_line(const char *text)
{
    return *text && is_utf8(text) && !has_control(text, "");
}

const char *order_check(const struct order *order)
{
    if (!is_line(order->customer))
        return "Please tell us your name.";
    if (!is_email(order->email))
        return "Please give an e-mail address, like ada@example.org.";
    if (!is_line(order->item))
        return "Please choose something from the shop.";
    if (order->quantity < 1 || order->quantity > ORDER_QUANTITY_MAX)
        return "Please order between 1 and 99 pieces.";
    if (order->unit_cents < 0 || order->unit_cents > ORDER_UNIT_CENTS_MAX)
        return "That is not a price we know.";
    if (!is_utf8(order->note) || has_control(order->note, "\r\n\t"))
        return "Please write the note as plain text.";
    return NULL;
}

int64_t order_total_cents(const struct order *order)
{
    return (int64_t)order->quantity * order->unit_cents;
}

json_t *order_to_json(const struct order *order)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "order", json_integer(order->id));
    failed |= json_object_set_new(object, "customer", json_string(order->customer));
    failed |= json_object_set_new(object, "email", json_string(order->email));
    failed |= json_object_set_new(object, "item", json_string(order->item));
    failed |= json_object_set_new(object, "quantity", json_integer(order->quantity));
    failed |= json_object_set_new(object, "unit_cents", json_integer(order->unit_cents));
    failed |= json_object_set_new(object, "note", json_string(order->note));
    failed |= json_object_set_new(object, "ordered_at_ms", json_integer(order->ordered_at_ms));
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static const char *order_from_json(json_t *object, struct order *ret)
{
    static const char format[] = "{s:I, s:s, s:s, s:s, s:I, s:I, s?s, s:I}";
    json_int_t id, quantity, unit_cents, ordered_at_ms;
    const char *customer, *email, *item, *note = "";
    if (json_unpack(object, format, "order", &id, "customer", &customer, "email", &email, "item",
                    &item, "quantity", &quantity, "unit_cents", &unit_cents, "note", &note,
                    "ordered_at_ms", &ordered_at_ms) < 0)
        return "a field is missing or of another type";

    struct order order = {.id = id, .ordered_at_ms = ordered_at_ms};
    if (ORDER_COPY(order.customer, customer) < 0 || ORDER_COPY(order.email, email) < 0 ||
        ORDER_COPY(order.item, item) < 0 || ORDER_COPY(order.note, note) < 0)
        return "a text is too long";
    if (id < 1 || ordered_at_ms < 0)
        return "the order has no number or no time";
    if (quantity < 1 || quantity > ORDER_QUANTITY_MAX || unit_cents < 0 ||
        unit_cents > ORDER_UNIT_CENTS_MAX)
        return "the quantity or the price is out of bounds";
    order.quantity = (int)quantity;
    order.unit_cents = (int)unit_cents;

    const char *wrong = order_check(&order);
    if (wrong)
        return wrong;
    *ret = order;
    return NULL;
}

const char *order_from_bytes(const void *bytes, size_t length, struct order *ret)
{
    json_t *object = json_loadb(bytes, length, 0, NULL);
    if (!object)
        return "not JSON";
    const char *wrong = order_from_json(object, ret);
    json_decref(object);
    return wrong;
}

int order_copy_text(char *field, size_t field_size, const char *text)
{
    size_t length = strlen(text);
    if (length >= field_size)
        return -1;
    memcpy(field, text, length + 1);
    return 0;
}

void order_report_name(int64_t id, char name[ORDER_REPORT_NAME_BYTES])
{
    snprintf(name, ORDER_REPORT_NAME_BYTES, "order-%06" PRId64 ".html", id);
}
