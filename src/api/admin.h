/* What the families of administration share. */
#ifndef LEVERET_API_ADMIN_H
#define LEVERET_API_ADMIN_H

#include "api/api_private.h"
#include "api/vhosts_seen.h"

/* Answers with the rows of every vhost that the user may see. `list` may refuse a vhost, which is
 * left out then. */
void admin_list_everywhere(struct api_call *c, api_list_fn *list, const struct column *fields);

/* Keeps the rows whose value in this column is `name`. */
void admin_keep_named(struct api_call *c, struct listing *l, const char *column, struct slice name);

/* Answers with the fields of the only row, or 404 if there is none; or with the refusal. Frees both
 * arguments. */
void admin_answer_one(struct api_call *c, bool is_done, struct listing *l,
                      const struct column *fields, struct manage_error *error);
/* Frees both arguments. Returns whether the listing was made and has a row; else answers with the
 * refusal, or with 404. */
bool admin_is_there(struct api_call *c, bool is_done, struct listing *l,
                    struct manage_error *error);

/* Returns whether the vhost of the path, in which something is to be set, exists; else answers
 * 404. */
bool admin_has_vhost_to_change(struct api_call *c);

/* Returns a member of the body as JSON text, which the caller frees; NULL: there is no such
 * member. */
char *admin_json(struct api_call *c, const char *name);

#endif
