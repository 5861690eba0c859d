/* Texts that are too long for one request are sent in parts, before the command that needs them. */
#ifndef LEVERETCTL_UPLOAD_H
#define LEVERETCTL_UPLOAD_H

#include "leveretctl/ask.h"

/* Returns the request for the part of the text at *at, which is before its end, and moves *at
 * behind the part. No part ends within a character. The caller owns the request. */
json_t *upload_request(struct slice text, size_t *at);

/* Sends the text, and then a request, which is taken; says nothing. Returns 0 with the last line of
 * the answer, which the caller owns, or a negative error: the broker does not answer. Rows are
 * ignored. */
int upload_and_ask(struct ask *ask, struct slice text, json_t *request, json_t **ret);

#endif
