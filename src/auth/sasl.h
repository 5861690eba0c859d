/* SASL mechanisms: parses a client's response into user and password, which auth_login() checks.
 * Pure. */
#ifndef LEVERET_AUTH_SASL_H
#define LEVERET_AUTH_SASL_H

#include "base/slice.h"

/* The mechanisms that connection.start offers, in this order. */
#define SASL_MECHANISMS "PLAIN AMQPLAIN"

enum sasl_result { SASL_OK, SASL_MALFORMED, SASL_UNKNOWN_MECHANISM };

/* Returns SASL_OK with *ret_user and *ret_password borrowed from the response (either may be
 * empty), or another result with both unchanged. The mechanism's name must be in upper case, as
 * offered. */
enum sasl_result sasl_parse(struct slice mechanism, struct slice response, struct slice *ret_user,
                            struct slice *ret_password);

#endif
