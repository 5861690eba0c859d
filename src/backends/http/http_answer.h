/* What the service answers:
 *
 *   allow                     yes
 *   allow TAG TAG ...         yes, and the user has these tags; only to a login
 *   deny                      no
 *   deny REASON               no, for a reason that is logged
 *
 * with status 200 or 201, in upper or lower case. Every other answer makes no sense. Pure. */
#ifndef LEVERET_BACKENDS_HTTP_ANSWER_H
#define LEVERET_BACKENDS_HTTP_ANSWER_H

#include "auth/backend.h"
#include "base/buffer.h"
#include "base/slice.h"

/* Reads the answer to a login. AUTH_ALLOWED: appends the tags, in lower case and separated by
 * commas, to `tags`. AUTH_REFUSED: appends to `reason` the reason that the service gives, if it
 * gives one. AUTH_UNANSWERED: appends to `reason` what is wrong with the answer. */
enum auth_answer http_answer_login(long status, struct slice body, struct lv_buffer *tags,
                                   struct lv_buffer *reason);
/* Reads the answer to any other question in the same way. */
enum auth_answer http_answer_question(long status, struct slice body, struct lv_buffer *reason);

#endif
