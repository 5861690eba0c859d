/* Reads claims as the backend oauth2 does, whatever they are. */
#ifndef LEVERET_FUZZ_OAUTH2_READER_H
#define LEVERET_FUZZ_OAUTH2_READER_H

#include <jansson.h>

/* Finds the resource server of the claims, checks them and asks their scopes: as if their signature
 * had been verified. What they say is of no interest, only that it can be read, and that a scope
 * that allows something in a vhost gives access to it. */
void oauth2_claims_read(const json_t *claims);

#endif
