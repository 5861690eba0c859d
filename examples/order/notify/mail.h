/* The mail a customer gets for an order, over SMTP. */
#ifndef ORDER_MAIL_H
#define ORDER_MAIL_H

#include "common/order.h"

#include <stdbool.h>

struct mail_settings {
    const char *smtp_url; /* smtp://host:port */
    const char *from;     /* the shop's address */
};

enum mail_result {
    MAIL_SENT,
    MAIL_LATER,   /* the server is away, or said so with a code of 400 to 499 */
    MAIL_REFUSED, /* it never wants this mail: a code of 500 to 599 */
};

enum { MAIL_REASON_BYTES = 256 };

/* Sends one mail and waits until the server has taken it. Fills `reason` (MAIL_REASON_BYTES)
 * unless it was sent. */
enum mail_result mail_send(const struct mail_settings *settings, const struct order *order,
                           bool is_redelivered, char *reason);

#endif
