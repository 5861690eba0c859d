/* SASL mechanisms: which there are, and what a client's response says of itself. Pure. */
#ifndef LEVERET_AUTH_SASL_H
#define LEVERET_AUTH_SASL_H

#include "base/buffer.h"
#include "base/slice.h"

/* A set of mechanisms. EXTERNAL: the client is who its certificate says. ANONYMOUS: it says nothing
 * of itself. */
enum { SASL_PLAIN = 1, SASL_AMQPLAIN = 2, SASL_EXTERNAL = 4, SASL_ANONYMOUS = 8 };

/* Returns the mechanism of this name, which must be in upper case; 0 if there is none. */
unsigned sasl_mechanism(struct slice name);
/* Appends the names of a set of mechanisms: "PLAIN AMQPLAIN". */
void sasl_print(unsigned mechanisms, struct lv_buffer *out);

enum sasl_result { SASL_OK, SASL_MALFORMED, SASL_UNKNOWN_MECHANISM };

/* Returns SASL_OK with *ret_user and *ret_password borrowed from the response (either may be
 * empty), or another result with both unchanged. EXTERNAL and ANONYMOUS are unknown here: their
 * responses say nothing. */
enum sasl_result sasl_parse(struct slice mechanism, struct slice response, struct slice *ret_user,
                            struct slice *ret_password);

#endif
