/* SASL mechanisms: takes a client's response apart. Pure: who it is, auth.h says. */
#ifndef LEVERET_AUTH_SASL_H
#define LEVERET_AUTH_SASL_H

#include "base/slice.h"

/* What connection.start offers, in this order. */
#define SASL_MECHANISMS "PLAIN AMQPLAIN"

enum sasl_result { SASL_OK, SASL_MALFORMED, SASL_UNKNOWN_MECHANISM };

/* SASL_OK: *ret_user and *ret_password borrow from the response (either may be empty). Otherwise
 * both are unchanged. Mechanisms' names are upper case, as in the offer. */
enum sasl_result sasl_parse(struct slice mechanism, struct slice response, struct slice *ret_user,
                            struct slice *ret_password);

#endif
