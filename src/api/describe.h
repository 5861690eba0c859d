/* Descriptions of the API, made from its tables of routes and fields: docs/http-api.md and
 * docs/openapi.json (scripts/api-docs), and what GET /api/index.html and /api/openapi.json
 * answer. */
#ifndef LEVERET_API_DESCRIBE_H
#define LEVERET_API_DESCRIBE_H

#include "base/buffer.h"

/* Append the API as OpenAPI 3.0, in one line; as a table for each family in Markdown; and as the
 * content of a page in HTML. */
void api_describe_openapi(struct lv_buffer *out);
void api_describe_markdown(struct lv_buffer *out);
void api_describe_html(struct lv_buffer *out);

#endif
