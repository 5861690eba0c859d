#include "backends/modules.h"
#include "backends/oauth2.h"

BACKEND_MODULE(oauth2, struct auth_oauth2_settings, auth_oauth2_open);
