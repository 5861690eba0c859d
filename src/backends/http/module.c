#include "backends/http.h"
#include "backends/modules.h"

BACKEND_MODULE(http, struct auth_http_settings, auth_http_open);
