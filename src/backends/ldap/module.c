#include "backends/ldap.h"
#include "backends/modules.h"

BACKEND_MODULE(ldap, struct auth_ldap_settings, auth_ldap_open);
