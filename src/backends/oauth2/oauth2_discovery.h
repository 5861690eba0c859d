/* OpenID Connect discovery: an issuer says where its keys are. Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_DISCOVERY_H
#define LEVERET_BACKENDS_OAUTH2_DISCOVERY_H

#include "backends/oauth2_settings.h"
#include "base/buffer.h"
#include "base/slice.h"

/* Appends the URL to ask, and a NUL. The provider has an issuer. */
void oauth2_discovery_url(const struct oauth2_provider_settings *provider, struct lv_buffer *out);

/* Reads what the issuer answers, and appends the URL of its keys, and a NUL, to `out`. Returns
 * ERR_FORMAT, with `reason`, if the answer has none, or one that is not safe, or comes from another
 * issuer. */
int oauth2_discovery_parse(const struct oauth2_provider_settings *provider, struct slice answer,
                           struct lv_buffer *out, struct lv_buffer *reason);

#endif
