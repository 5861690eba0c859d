/* Bindings, as they are listed below several paths. */
#ifndef LEVERET_API_BINDINGS_H
#define LEVERET_API_BINDINGS_H

#include "api/api_private.h"
#include "manage/exchanges.h"

extern const struct column api_binding_fields[];

/* Answers with the bindings of the vhost in the path that are chosen. */
void api_answer_bindings(struct api_call *c, const struct binding_ends *choice);

#endif
