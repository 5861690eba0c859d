/* The broker's settings, in groups: every key that has an effect.
 *
 * To add a setting, add a row to its group here, and the same row to the table in
 * docs/configuration.md (a test compares the two). config.h, config.c and the printers need no
 * change: the row makes the member of struct config, the reader, the check of its bounds, the
 * default, the line in `leveretctl environment`, and the comparison at SIGHUP.
 *
 *     S(member, "key", TYPE, "default", reload, from, to,
 *       "Description for the operator.")
 *
 *   member   the member of struct config; config_TYPE in config.h is its C type.
 *   key      RabbitMQ's name; one of our own only where RabbitMQ has none. In a family of keys a
 *            star stands for the entry's name, which may contain dots: "listeners.tcp.*",
 *            "log.*.level". A key without a star precedes a family that also fits, and among
 *            families the longest precedes.
 *   default  as a file would have it; "" means none. PAIRS have none.
 *   reload   true: a changed value takes effect at SIGHUP (apply.c); false: at the next start.
 *   from, to the bounds of a number; of a text's length in bytes, where 0, 0 means any length.
 *            ENUM: `from` is its list in CONFIG_WORDS. LIST: `from` is the list of words that its
 *            values are taken from if `to` is 1; with 0, 0 they are any text.
 *
 *   TYPE            value
 *   NUMBER          a whole number; NUMBER_OR_NONE may be none, NUMBER_OR_ZERO 0 beside its bounds
 *   BYTES           a size such as 50MB; BYTES_OR_NONE may be none
 *   BOOL, RATIO     true, false, on or off; a number such as 0.4
 *   STRING          text; SECRET is never shown, PATTERN is a regular expression
 *   ENUM            one word of a list in CONFIG_WORDS
 *   LEVEL           a level of the log; LEVEL_OR_NONE may be none
 *   FLAGS           KEY.NAME = true: the set of names that are true
 *   LISTENERS       KEY.NAME = PORT or ADDRESS:PORT
 *   LIST            KEY.N = VALUE: values in the order of N ("auth_mechanisms.*"). The default has
 *                   its values between spaces; the first line of the file replaces it.
 *   PAIRS           KEY.NAME = VALUE: names and values in the order of the file
 *                   ("auth_oauth2.signing_keys.*"). A value whose name ends with "password",
 *                   "passphrase" or "secret" is never shown.
 *
 * Other names that RabbitMQ has for a key: `aliases` in config.c. Keys of RabbitMQ's without effect
 * here: config_keys.c; remove its row when you add yours. What one value alone does not tell (a
 * file that cannot be read, two settings that contradict each other): config_checks.c. */
#ifndef LEVERET_LEVERETD_CONFIG_SETTINGS_H
#define LEVERET_LEVERETD_CONFIG_SETTINGS_H

#include <stdint.h>

/* The words of each ENUM, and of LISTs. An ENUM's value is the index of its word. */
#define CONFIG_WORDS(W)                                                                            \
    W(CONFIG_DURABILITIES, "sync", "interval", "none")                                             \
    W(CONFIG_QUEUE_TYPES, "classic", "quorum")                                                     \
    W(CONFIG_RATES_MODES, "basic", "detailed", "none")                                             \
    W(CONFIG_X_DEATHS, "count", "ignore")                                                          \
    W(CONFIG_HTTP_METHODS, "get", "post")                                                          \
    W(CONFIG_VERIFIES, "verify_peer", "verify_none")                                               \
    W(CONFIG_CRL_CHECKS, "false", "true", "peer", "best_effort")                                   \
    W(CONFIG_TLS_VERSIONS, "tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1")                               \
    W(CONFIG_MECHANISMS, "PLAIN", "AMQPLAIN", "EXTERNAL", "ANONYMOUS")                             \
    W(CONFIG_CERT_LOGINS, "distinguished_name", "common_name", "subject_alternative_name",         \
      "subject_alt_name")                                                                          \
    W(CONFIG_SAN_TYPES, "dns", "ip", "email", "uri", "other_name")                                 \
    W(CONFIG_HASHES, "rabbit_password_hashing_sha256", "rabbit_password_hashing_sha512",           \
      "rabbit_password_hashing_md5", "scrypt")                                                     \
    W(CONFIG_VALIDATORS, "rabbit_credential_validator_accept_everything",                          \
      "rabbit_credential_validator_min_password_length",                                           \
      "rabbit_credential_validator_password_regexp")                                               \
    W(CONFIG_LDAP_BINDS, "as_user", "anon")                                                        \
    W(CONFIG_LDAP_HOSTNAMES, "wildcard", "none")                                                   \
    W(CONFIG_LDAP_LOGS, "false", "true", "network", "network_unsafe")                              \
    W(CONFIG_DEFINITIONS_BACKENDS, "local_filesystem", "local", "https", "http")                   \
    W(CONFIG_LOG_STDIOS, "stderr", "stdout")                                                       \
    W(CONFIG_LOG_TRANSPORTS, "udp", "tcp", "tls", "local", "ssl")                                  \
    W(CONFIG_LOG_PROTOCOLS, "rfc3164", "rfc5424")

/* --- Connections and channels ----------------------------------------------------------------- */

#define CONFIG_SETTINGS_AMQP(S)                                                                    \
    S(heartbeat_s, "heartbeat", NUMBER, "60", true, 0, 65535,                                      \
      "Heartbeat interval in seconds proposed in connection.tune; a peer that sends nothing for "  \
      "two to three intervals is disconnected; 0 disables heartbeats.")                            \
    S(frame_bytes_max, "frame_max", NUMBER_OR_ZERO, "131072", true, 4096, INT32_MAX,               \
      "Largest frame in bytes proposed in connection.tune; 0 means no limit.")                     \
    S(initial_frame_bytes_max, "initial_frame_max", NUMBER, "4096", true, 4096, INT32_MAX,         \
      "Largest frame in bytes accepted before the connection is tuned.")                           \
    S(channel_max, "channel_max", NUMBER, "2047", true, 0, 65535,                                  \
      "Highest channel number proposed in connection.tune; 0 means no limit.")                     \
    S(handshake_timeout_ms, "handshake_timeout", NUMBER, "10000", true, 1, INT32_MAX,              \
      "Milliseconds within which a new connection must log in and open its vhost.")                \
    S(message_bytes_max, "max_message_size", BYTES, "134217728", true, 1, 536870912,               \
      "Largest message body, in bytes or with a unit.")                                            \
    S(consumer_timeout_ms, "consumer_timeout", NUMBER_OR_NONE, "", true, 1, INT64_MAX,             \
      "Milliseconds a delivery may stay unacknowledged before its consumer is cancelled, unless "  \
      "the consumer or its queue has x-consumer-timeout; none (also: undefined, false) means no "  \
      "timeout.")                                                                                  \
    S(qos_reaches_running, "qos_for_running_consumers", BOOL, "false", true, 0, 0,                 \
      "Whether basic.qos without global also applies to the channel's existing consumers.")        \
    S(server_product, "server_product", STRING, "RabbitMQ", true, 0, 0,                            \
      "Product in server-properties; some clients choose their behaviour by it.")                  \
    S(server_version, "server_version", STRING, "3.13.7", true, 0, 0,                              \
      "Version in server-properties, next to leveret_version.")

/* --- Limits of the node ----------------------------------------------------------------------- */

#define CONFIG_SETTINGS_LIMITS(S)                                                                  \
    S(connection_max, "connection_max", NUMBER_OR_NONE, "", true, 0, INT32_MAX,                    \
      "Connections open at a time in all vhosts; none (also: infinity) means no limit.")           \
    S(channel_max_per_node, "channel_max_per_node", NUMBER_OR_NONE, "", true, 1, INT32_MAX,        \
      "Channels open at a time in all connections; none means no limit.")                          \
    S(consumer_max_per_channel, "consumer_max_per_channel", NUMBER_OR_NONE, "", true, 1,           \
      INT32_MAX, "Consumers of a channel; none means no limit.")                                   \
    S(vhost_max, "vhost_max", NUMBER_OR_NONE, "", true, 0, INT32_MAX,                              \
      "Vhosts; none means no limit.")                                                              \
    S(cluster_queue_limit, "cluster_queue_limit", NUMBER_OR_NONE, "", true, 0, INT32_MAX,          \
      "Queues in all vhosts; none means no limit.")                                                \
    S(cluster_exchange_limit, "cluster_exchange_limit", NUMBER_OR_NONE, "", true, 0, INT32_MAX,    \
      "Exchanges in all vhosts, with those that every vhost has from the beginning; none means "   \
      "no limit.")                                                                                 \
    S(ranch_connection_max, "ranch_connection_max", NUMBER_OR_NONE, "", true, 1, INT32_MAX,        \
      "Connections of one listener, whether or not they have logged in; further ones wait in the " \
      "kernel's queue until others close; none means no limit.")                                   \
    S(handshakes_per_address_max, "handshakes_max_per_address", NUMBER_OR_NONE, "4096", true, 1,   \
      INT32_MAX,                                                                                   \
      "Connections of one listener from one address (of IPv6: one /64 network) that have not "     \
      "logged in yet; further ones are closed at once; none means no limit.")

/* --- Queues and exchanges --------------------------------------------------------------------- */

#define CONFIG_SETTINGS_QUEUES(S)                                                                  \
    S(default_queue_type, "default_queue_type", ENUM, "classic", true, CONFIG_QUEUE_TYPES, 0,      \
      "Type of a queue declared without x-queue-type in a vhost that has no default type: "        \
      "classic or quorum.")                                                                        \
    S(is_queue_type_relaxed, "quorum_queue.property_equivalence.relaxed_checks_on_redeclaration",  \
      BOOL, "true", true, 0, 0,                                                                    \
      "Whether a queue may be declared again with another x-queue-type, or without one.")          \
    S(republished_x_death, "dead_letter.republished_x_death", ENUM, "count", true,                 \
      CONFIG_X_DEATHS, 0,                                                                          \
      "What happens to the header x-death of a message that a client publishes: count keeps its "  \
      "entries, so they count on when the message is dead-lettered again, as in RabbitMQ up to "   \
      "3.12; ignore removes the header, so counting starts anew, as in RabbitMQ 4.")               \
    S(event_exchange_vhost, "event_exchange.vhost", STRING, "", false, 0, 255,                     \
      "Vhost of the exchange amq.rabbitmq.event, where events are published; none means "          \
      "default_vhost. A vhost named here must exist at the start.")

/* --- Users: who is there at the first start, who may log in ----------------------------------- */

#define CONFIG_SETTINGS_USERS(S)                                                                   \
    S(default_user, "default_user", STRING, "guest", false, 1, 255,                                \
      "User created at the first start.")                                                          \
    S(default_pass, "default_pass", SECRET, "guest", false, 0, 0, "Password of that user.")        \
    S(default_vhost, "default_vhost", STRING, "/", false, 1, 255,                                  \
      "Vhost created together with that user.")                                                    \
    S(default_configure, "default_permissions.configure", PATTERN, ".*", false, 0, 0,              \
      "Configure permission of that user in that vhost, a regular expression.")                    \
    S(default_write, "default_permissions.write", PATTERN, ".*", false, 0, 0,                      \
      "Write permission of that user in that vhost, a regular expression.")                        \
    S(default_read, "default_permissions.read", PATTERN, ".*", false, 0, 0,                        \
      "Read permission of that user in that vhost, a regular expression.")                         \
    S(default_user_tags, "default_user_tags.*", FLAGS, "administrator", false, 0, 0,               \
      "default_user_tags.TAG = true gives that user the tag; the first such line replaces the "    \
      "default.")                                                                                  \
    S(default_users, "default_users.*", PAIRS, "", false, 0, 0,                                    \
      "default_users.NAME.password, .tags (separated by commas), .configure, .write, .read and "   \
      ".vhost_pattern: when a vhost is created whose name matches the pattern, the user is "       \
      "created, unless it exists, and gets these permissions in it (.* by default).")              \
    S(default_limits, "default_limits.vhosts.*", PAIRS, "", false, 0, 0,                           \
      "default_limits.vhosts.N.pattern, .max_connections, .max_queues: limits of new vhosts, of "  \
      "the first N whose pattern matches the vhost's name.")                                       \
    S(default_policies, "default_policies.operator.*", PAIRS, "", false, 0, 0,                     \
      "default_policies.operator.NAME.vhost_pattern, .queue_pattern, .apply_to, .expires, "        \
      ".message_ttl, .max_length, .max_length_bytes, .max_in_memory_length, "                      \
      ".max_in_memory_bytes, .delivery_limit: an operator policy of new vhosts whose name "        \
      "matches the pattern.")                                                                      \
    S(loopback_users, "loopback_users.*", FLAGS, "guest", true, 0, 0,                              \
      "loopback_users.NAME = true restricts the user to connections from this host; "              \
      "loopback_users = none restricts nobody.")                                                   \
    S(password_hashing, "password_hashing_module", ENUM, "scrypt", true, CONFIG_HASHES, 0,         \
      "How new passwords are hashed: scrypt, or one of RabbitMQ's, "                               \
      "rabbit_password_hashing_sha256, rabbit_password_hashing_sha512, "                           \
      "rabbit_password_hashing_md5, if its definitions must be read by a RabbitMQ. A "             \
      "user's hash stays as it is until its password is changed.")

/* --- Backends that are asked about users, and mechanisms -------------------------------------- */

#define CONFIG_SETTINGS_ACCESS(S)                                                                  \
    S(auth_backends, "auth_backends.*", PAIRS, "", true, 0, 0,                                     \
      "auth_backends.N = BACKEND: who is asked about users, in the order of N: internal "          \
      "(the definitions), http, ldap, oauth2, or cache (the backend in "                           \
      "auth_cache.cached_backend); also by RabbitMQ's names, rabbit_auth_backend_http. "           \
      "auth_backends.N.authn and auth_backends.N.authz name different backends that "              \
      "authenticate and that authorize. None means internal.")                                     \
    S(auth_cache_backend, "auth_cache.cached_backend", STRING, "internal", true, 0, 0,             \
      "The backend that cache stands for: http, ldap or oauth2, whose answers are kept, or "       \
      "internal, which needs no cache.")                                                           \
    S(auth_cache_authn, "auth_cache.cached_backend.authn", STRING, "", true, 0, 0,                 \
      "The backend that cache stands for when it authenticates; none means "                       \
      "auth_cache.cached_backend.")                                                                \
    S(auth_cache_authz, "auth_cache.cached_backend.authz", STRING, "", true, 0, 0,                 \
      "The same for authorizing.")                                                                 \
    S(auth_cache_ttl_ms, "auth_cache.cache_ttl", NUMBER, "15000", true, 100, 86400000,             \
      "Milliseconds for which an answer of a backend other than internal is used before "          \
      "it is asked for again; with cache also an accepted login.")                                 \
    S(auth_cache_keeps_refusals, "auth_cache.cache_refusals", BOOL, "false", true, 0, 0,           \
      "cache also keeps refusals.")                                                                \
    S(validator, "credential_validator.validation_backend", ENUM,                                  \
      "rabbit_credential_validator_accept_everything", true, CONFIG_VALIDATORS, 0,                 \
      "What a new password must be: rabbit_credential_validator_accept_everything, "               \
      "rabbit_credential_validator_min_password_length or "                                        \
      "rabbit_credential_validator_password_regexp.")                                              \
    S(validator_min_length, "credential_validator.min_length", NUMBER, "5", true, 0, 1024,         \
      "Least length in bytes of a new password.")                                                  \
    S(validator_regexp, "credential_validator.regexp", PATTERN, "", true, 0, 0,                    \
      "Regular expression that a new password must match; it is searched for, so anchor "          \
      "it.")

/* --- Mechanisms, and logging in by certificate ------------------------------------------------ */

#define CONFIG_SETTINGS_CERTIFICATES(S)                                                            \
    S(tracks_auth_sources, "track_auth_attempt_source", BOOL, "false", true, 0, 0,                 \
      "Whether login attempts are also counted by user and address, for "                          \
      "/api/auth/attempts/NODE/source: at most 10,000 of these.")                                  \
    S(auth_mechanisms, "auth_mechanisms.*", LIST, "PLAIN AMQPLAIN", true, CONFIG_MECHANISMS, 1,    \
      "auth_mechanisms.N = PLAIN, AMQPLAIN, EXTERNAL or ANONYMOUS: the SASL mechanisms that "      \
      "clients may log in by. EXTERNAL takes the user's name from the client's certificate, and "  \
      "is offered over TLS alone. ANONYMOUS is offered only if anonymous_login_user is set.")      \
    S(anonymous_user, "anonymous_login_user", STRING, "none", true, 0, 0,                          \
      "As which user clients log in by ANONYMOUS, without name and password; none: they cannot.")  \
    S(anonymous_pass, "anonymous_login_pass", SECRET, "guest", true, 0, 0,                         \
      "Password of that user; none: they cannot.")                                                 \
    S(ssl_cert_login_from, "ssl_cert_login_from", ENUM, "distinguished_name", true,                \
      CONFIG_CERT_LOGINS, 0,                                                                       \
      "Which part of a client's certificate is the user's name, for EXTERNAL: "                    \
      "distinguished_name (CN=app,O=Shop), common_name, or subject_alternative_name (also: "       \
      "subject_alt_name).")                                                                        \
    S(ssl_cert_login_san_type, "ssl_cert_login_san_type", ENUM, "dns", true, CONFIG_SAN_TYPES, 0,  \
      "With subject_alternative_name: of which type that name is: dns, ip, email, uri or "         \
      "other_name.")                                                                               \
    S(ssl_cert_login_san_index, "ssl_cert_login_san_index", NUMBER, "0", true, 0, 1000,            \
      "With subject_alternative_name: which of the names of this type, from 0.")

/* --- The backend http ------------------------------------------------------------------------- */

#define CONFIG_SETTINGS_AUTH_HTTP(S)                                                               \
    S(auth_http_method, "auth_http.http_method", ENUM, "get", true, CONFIG_HTTP_METHODS, 0,        \
      "How the backend http asks: get, with everything in the URL, or post, with a form in "       \
      "the body.")                                                                                 \
    S(auth_http_user_path, "auth_http.user_path", STRING, "http://localhost:8000/auth/user", true, \
      0, 0, "URL that is asked who may log in; http:// or https://, as in the following.")         \
    S(auth_http_vhost_path, "auth_http.vhost_path", STRING, "http://localhost:8000/auth/vhost",    \
      true, 0, 0, "URL that is asked who may enter a vhost.")                                      \
    S(auth_http_resource_path, "auth_http.resource_path", STRING,                                  \
      "http://localhost:8000/auth/resource", true, 0, 0,                                           \
      "URL that is asked who may configure, write and read queues and exchanges.")                 \
    S(auth_http_topic_path, "auth_http.topic_path", STRING, "http://localhost:8000/auth/topic",    \
      true, 0, 0,                                                                                  \
      "URL that is asked which routing keys a user may write and read at a topic exchange.")       \
    S(auth_http_request_timeout_ms, "auth_http.request_timeout", NUMBER, "15000", true, 1, 600000, \
      "Milliseconds within which the service must have answered, connecting included; after "      \
      "them the answer is no.")                                                                    \
    S(auth_http_connection_timeout_ms, "auth_http.connection_timeout", NUMBER, "15000", true, 1,   \
      600000, "Milliseconds within which the connection to the service must be made.")             \
    S(auth_http_verify, "auth_http.ssl_options.verify", ENUM, "verify_peer", true,                 \
      CONFIG_VERIFIES, 0,                                                                          \
      "Whether the certificate of the service is checked: verify_peer or verify_none.")            \
    S(auth_http_cacertfile, "auth_http.ssl_options.cacertfile", STRING, "", true, 0, 0,            \
      "File (PEM) with the authorities that may have signed it; none means those that the "        \
      "system trusts.")                                                                            \
    S(auth_http_depth, "auth_http.ssl_options.depth", NUMBER_OR_NONE, "", true, 0, 255,            \
      "How many intermediate certificates there may be between it and the authority.")             \
    S(auth_http_certfile, "auth_http.ssl_options.certfile", STRING, "", true, 0, 0,                \
      "File (PEM) with the broker's own certificate, for a service that asks for one.")            \
    S(auth_http_keyfile, "auth_http.ssl_options.keyfile", STRING, "", true, 0, 0,                  \
      "File (PEM) with the key of that certificate.")                                              \
    S(auth_http_password, "auth_http.ssl_options.password", SECRET, "", true, 0, 0,                \
      "Password of that key.")

/* --- The backend ldap ------------------------------------------------------------------------- */

#define CONFIG_SETTINGS_AUTH_LDAP(S)                                                               \
    S(auth_ldap_servers, "auth_ldap.servers.*", LIST, "", true, 0, 0,                              \
      "Names or addresses of the directory's servers, asked in this order: "                       \
      "auth_ldap.servers.1 = ldap.example.com.")                                                   \
    S(auth_ldap_port, "auth_ldap.port", NUMBER, "389", true, 1, 65535,                             \
      "Port of the servers; 636 is usual with use_ssl.")                                           \
    S(auth_ldap_user_dn_pattern, "auth_ldap.user_dn_pattern", STRING, "${username}", true, 0, 0,   \
      "Distinguished name of a user, with variables such as ${username}; or, with "                \
      "dn_lookup_attribute, the value that is looked up.")                                         \
    S(auth_ldap_user_bind_pattern, "auth_ldap.user_bind_pattern", STRING, "", true, 0, 0,          \
      "Name that is used to bind, if it is not user_dn_pattern: ${ad_user}@${ad_domain}.com.")     \
    S(auth_ldap_dn_lookup_attribute, "auth_ldap.dn_lookup_attribute", STRING, "", true, 0, 0,      \
      "Attribute by which a user's entry is searched; none means that names are not looked "       \
      "up.")                                                                                       \
    S(auth_ldap_dn_lookup_base, "auth_ldap.dn_lookup_base", STRING, "", true, 0, 0,                \
      "Entry below which users are searched.")                                                     \
    S(auth_ldap_dn_lookup_bind, "auth_ldap.dn_lookup_bind", ENUM, "as_user", true,                 \
      CONFIG_LDAP_BINDS, 0,                                                                        \
      "As whom users are searched: as_user, after the user's own bind, or anon, before it; "       \
      "with dn_lookup_bind.user_dn as that account, before it.")                                   \
    S(auth_ldap_dn_lookup_bind_user_dn, "auth_ldap.dn_lookup_bind.user_dn", STRING, "", true, 0,   \
      0, "Distinguished name of the account that searches users.")                                 \
    S(auth_ldap_dn_lookup_bind_password, "auth_ldap.dn_lookup_bind.password", SECRET, "", true, 0, \
      0, "Password of that account.")                                                              \
    S(auth_ldap_other_bind, "auth_ldap.other_bind", ENUM, "as_user", true, CONFIG_LDAP_BINDS, 0,   \
      "As whom everything else is asked: as_user, anon, or as the account other_bind.user_dn.")    \
    S(auth_ldap_other_bind_user_dn, "auth_ldap.other_bind.user_dn", STRING, "", true, 0, 0,        \
      "Distinguished name of the account that asks everything else.")                              \
    S(auth_ldap_other_bind_password, "auth_ldap.other_bind.password", SECRET, "", true, 0, 0,      \
      "Password of that account.")                                                                 \
    S(auth_ldap_group_lookup_base, "auth_ldap.group_lookup_base", STRING, "", true, 0, 0,          \
      "Entry below which in_group_nested searches groups; none means dn_lookup_base.")             \
    S(auth_ldap_tag_queries, "auth_ldap.queries.tags", STRING, "", true, 0, 0,                     \
      "Which tags a user has: a list of {Tag, Query}; none means that nobody has one.")            \
    S(auth_ldap_vhost_access_query, "auth_ldap.queries.vhost_access", STRING, "", true, 0, 0,      \
      "Query that decides whether a user may enter a vhost; none means always.")                   \
    S(auth_ldap_resource_access_query, "auth_ldap.queries.resource_access", STRING, "", true, 0,   \
      0,                                                                                           \
      "Query that decides whether a user may configure, write or read a queue or an "              \
      "exchange; none means always.")                                                              \
    S(auth_ldap_topic_access_query, "auth_ldap.queries.topic_access", STRING, "", true, 0, 0,      \
      "Query that decides whether a user may write or read a routing key at a topic "              \
      "exchange; none means always.")                                                              \
    S(auth_ldap_uses_ssl, "auth_ldap.use_ssl", BOOL, "false", true, 0, 0,                          \
      "Whether connections begin with TLS (ldaps).")                                               \
    S(auth_ldap_uses_starttls, "auth_ldap.use_starttls", BOOL, "false", true, 0, 0,                \
      "Whether connections change to TLS before anything else (StartTLS).")                        \
    S(auth_ldap_verify, "auth_ldap.ssl_options.verify", ENUM, "verify_peer", true,                 \
      CONFIG_VERIFIES, 0,                                                                          \
      "Whether the certificate of a server is checked: verify_peer or verify_none.")               \
    S(auth_ldap_cacertfile, "auth_ldap.ssl_options.cacertfile", STRING, "", true, 0, 0,            \
      "File (PEM) with the authorities that may have signed it; none means those that the "        \
      "system trusts.")                                                                            \
    S(auth_ldap_depth, "auth_ldap.ssl_options.depth", NUMBER_OR_NONE, "", true, 0, 255,            \
      "How many intermediate certificates there may be between it and the authority.")             \
    S(auth_ldap_hostname_verification, "auth_ldap.ssl_options.hostname_verification", ENUM,        \
      "wildcard", true, CONFIG_LDAP_HOSTNAMES, 0,                                                  \
      "Whether a name in it may contain a wildcard: wildcard or none; it must be the "             \
      "server's name in any case.")                                                                \
    S(auth_ldap_sni, "auth_ldap.ssl_options.sni", STRING, "", true, 0, 0,                          \
      "Name that is sent to a server in TLS instead of its own; the word none means no name.")     \
    S(auth_ldap_certfile, "auth_ldap.ssl_options.certfile", STRING, "", true, 0, 0,                \
      "File (PEM) with the broker's own certificate, for servers that ask for one.")               \
    S(auth_ldap_keyfile, "auth_ldap.ssl_options.keyfile", STRING, "", true, 0, 0,                  \
      "File (PEM) with the key of that certificate.")                                              \
    S(auth_ldap_password, "auth_ldap.ssl_options.password", SECRET, "", true, 0, 0,                \
      "Password of that key.")                                                                     \
    S(auth_ldap_timeout_ms, "auth_ldap.timeout", NUMBER_OR_NONE, "5000", true, 1, INT32_MAX,       \
      "Milliseconds within which the directory must have answered a login or a question, at "      \
      "most 60000; after them the answer is no; none (also: infinity) means 60000.")               \
    S(auth_ldap_idle_timeout_ms, "auth_ldap.idle_timeout", NUMBER_OR_NONE, "300000", true, 0,      \
      INT32_MAX,                                                                                   \
      "Milliseconds after which an idle connection is not used again; none (also: infinity) "      \
      "means never; 0 means a connection for each question.")                                      \
    S(auth_ldap_pool_size, "auth_ldap.connection_pool_size", NUMBER, "64", true, 1, 1024,          \
      "How many connections there may be; at most 32 are used at a time.")                         \
    S(auth_ldap_log, "auth_ldap.log", ENUM, "false", true, CONFIG_LDAP_LOGS, 0,                    \
      "What is logged: false; true, each decision and the queries that led to it; network, "       \
      "also each request, without the values in names; network_unsafe, with them. Never a "        \
      "password.")

/* --- The backend oauth2 ----------------------------------------------------------------------- */

#define CONFIG_SETTINGS_AUTH_OAUTH2(S)                                                             \
    S(auth_oauth2, "auth_oauth2.*", PAIRS, "", true, 0, 0,                                         \
      "Settings of the backend oauth2, for instance auth_oauth2.issuer; authentication.md lists "  \
      "them.")

/* --- Listeners and their sockets -------------------------------------------------------------- */

#define CONFIG_SETTINGS_LISTENERS(S)                                                               \
    S(listeners, "listeners.tcp.*", LISTENERS, "5672", false, 0, CONFIG_LISTENERS_MAX,             \
      "listeners.tcp.NAME = PORT or ADDRESS:PORT or [IPV6]:PORT; listeners.tcp = none disables "   \
      "AMQP over plain TCP.")                                                                      \
    S(tcp_backlog, "tcp_listen_options.backlog", NUMBER, "4096", true, 1, 65535,                   \
      "Connections that the kernel queues until they are accepted, up to its own limit.")          \
    S(is_tcp_nodelay, "tcp_listen_options.nodelay", BOOL, "true", true, 0, 0,                      \
      "Whether small packets are sent at once (TCP_NODELAY).")                                     \
    S(is_tcp_keepalive, "tcp_listen_options.keepalive", BOOL, "false", true, 0, 0,                 \
      "Whether the kernel probes idle connections (SO_KEEPALIVE).")                                \
    S(is_tcp_linger, "tcp_listen_options.linger.on", BOOL, "false", true, 0, 0,                    \
      "Whether a connection is reset when the broker closes it (SO_LINGER with 0 s): what the "    \
      "client has not taken is dropped, and no TIME_WAIT remains. A closed connection is given "   \
      "some seconds to take the last frames before.")                                              \
    S(tcp_linger_s, "tcp_listen_options.linger.timeout", NUMBER, "0", true, 0, 65535,              \
      "Has an effect if it is 0 only: above, linger.on does nothing, since close(2) would wait "   \
      "for one client while others are served by the same thread.")                                \
    S(send_timeout_ms, "tcp_listen_options.send_timeout", NUMBER, "15000", true, 0, 86400000,      \
      "Milliseconds after which a client that reads nothing of what it is sent is disconnected; "  \
      "0 disables the timeout. Applies to new connections.")                                       \
    S(tcp_sndbuf_bytes, "tcp_listen_options.sndbuf", BYTES_OR_NONE, "", true, 1, INT32_MAX,        \
      "The kernel's send buffer of a connection, in bytes or with a unit; none leaves it to the "  \
      "kernel.")                                                                                   \
    S(tcp_recbuf_bytes, "tcp_listen_options.recbuf", BYTES_OR_NONE, "", true, 1, INT32_MAX,        \
      "The kernel's receive buffer of a connection, in bytes or with a unit; none leaves it to "   \
      "the kernel.")                                                                               \
    S(is_proxy_protocol, "proxy_protocol", BOOL, "false", false, 0, 0,                             \
      "Whether AMQP connections must begin with a PROXY protocol header, version 1 or 2, whose "   \
      "addresses then are the client's.")                                                          \
    S(proxies_trusted, "proxy_protocol.trusted.*", LIST, "", false, 0, 0,                          \
      "proxy_protocol.trusted.N = ADDRESS or ADDRESS/BITS: only these peers begin with a PROXY "   \
      "header, and others must not; none means that every peer must.")

/* --- TLS -------------------------------------------------------------------------------------- */

#define CONFIG_SETTINGS_TLS(S)                                                                     \
    S(ssl_listeners, "listeners.ssl.*", LISTENERS, "", false, 0, CONFIG_LISTENERS_MAX,             \
      "listeners.ssl.NAME = PORT or ADDRESS:PORT or [IPV6]:PORT: addresses for AMQP over TLS, "    \
      "usually port 5671.")                                                                        \
    S(ssl_handshake_timeout_ms, "ssl_handshake_timeout", NUMBER, "5000", true, 1, INT32_MAX,       \
      "Milliseconds within which a new connection must complete the TLS handshake.")               \
    S(ssl_certfile, "ssl_options.certfile", STRING, "", true, 0, 0,                                \
      "PEM file with the server's certificate, followed by those of its issuers up to the one "    \
      "that clients know; issuers that are missing are taken from ssl_options.cacertfile.")        \
    S(ssl_keyfile, "ssl_options.keyfile", STRING, "", true, 0, 0,                                  \
      "PEM file with the certificate's private key; none means it is in ssl_options.certfile.")    \
    S(ssl_password, "ssl_options.password", SECRET, "", true, 0, 0,                                \
      "Password of that key, if it is encrypted.")                                                 \
    S(ssl_cacertfile, "ssl_options.cacertfile", STRING, "", true, 0, 0,                            \
      "PEM file with the CAs that sign clients' certificates.")                                    \
    S(ssl_verify, "ssl_options.verify", ENUM, "verify_none", true, CONFIG_VERIFIES, 0,             \
      "verify_peer asks each client for a certificate, and refuses one that is not valid; "        \
      "verify_none asks for none.")                                                                \
    S(ssl_requires_certificate, "ssl_options.fail_if_no_peer_cert", BOOL, "false", true, 0, 0,     \
      "Whether a client without a certificate is refused; true needs verify_peer.")                \
    S(ssl_depth, "ssl_options.depth", NUMBER, "10", true, 0, 255,                                  \
      "How many certificates may be between a client's own and its CA.")                           \
    S(ssl_versions, "ssl_options.versions.*", LIST, "tlsv1.3 tlsv1.2", true, CONFIG_TLS_VERSIONS,  \
      1, "ssl_options.versions.N = tlsv1.3 or tlsv1.2; older ones are not supported.")             \
    S(ssl_ciphers, "ssl_options.ciphers.*", LIST, "", true, 0, 0,                                  \
      "ssl_options.ciphers.N = NAME, by OpenSSL's name or IANA's; those of TLS 1.3 begin with "    \
      "TLS_. Without such lines the secure ones are used: AES-GCM and ChaCha20 with ECDHE.")       \
    S(ssl_honors_cipher_order, "ssl_options.honor_cipher_order", BOOL, "true", true, 0, 0,         \
      "Whether the first cipher and group in the server's order is used, not in the client's. A "  \
      "client whose first is ChaCha20 gets it in any case.")                                       \
    S(ssl_crl_check, "ssl_options.crl_check", ENUM, "false", true, CONFIG_CRL_CHECKS, 0,           \
      "Whether revoked certificates are refused: true checks the client's whole chain, peer its "  \
      "own certificate; both refuse it if the issuer's list is missing or outdated. best_effort "  \
      "checks against the lists that there are.")                                                  \
    S(ssl_crlfile, "ssl_options.crlfile", STRING, "", true, 0, 0,                                  \
      "PEM file with lists of revoked certificates (CRLs), for ssl_options.crl_check.")            \
    S(ssl_dhfile, "ssl_options.dhfile", STRING, "", true, 0, 0,                                    \
      "PEM file with parameters for ciphers with DHE; none leaves them to OpenSSL.")               \
    S(ssl_reuses_sessions, "ssl_options.reuse_sessions", BOOL, "true", true, 0, 0,                 \
      "Whether clients get tickets, with which they come back without a full handshake.")          \
    S(management_connections_max, "management.tcp.max_connections", NUMBER_OR_NONE, "10000",       \
      false, 1, INT32_MAX,                                                                         \
      "Connections of a listener for HTTP, at most three for ten descriptors of the process; "     \
      "a new one takes the place of the oldest that has sent no request, or waits; none (also: "   \
      "infinity) means as many as that allows.")                                                   \
    S(management_request_ms, "management.tcp.request_timeout", NUMBER, "15000", false, 1,          \
      INT32_MAX, "Milliseconds within which the header of a request must have come.")              \
    S(management_idle_ms, "management.tcp.idle_timeout", NUMBER, "60000", false, 1, INT32_MAX,     \
      "Milliseconds that a connection may be without a request, and that a body may take, beside " \
      "1 ms for each byte.")                                                                       \
    S(management_compresses, "management.tcp.compress", BOOL, "true", false, 0, 0,                 \
      "Whether answers are compressed for clients that accept gzip.")                              \
    S(management_requests_max, "management.tcp.max_keepalive", NUMBER_OR_NONE, "", false, 1,       \
      INT64_MAX,                                                                                   \
      "Requests that a connection may send, before it is closed; none means any number.")          \
    S(management_log_dir, "management.http_log_dir", STRING, "", false, 0, 0,                      \
      "Directory in which requests are logged, those for metrics too, a line each, in files "      \
      "called access.log.YYYY_MM_DD_HH; none means that they are not.")                            \
    S(management_body_bytes_max, "management.http.max_body_size", BYTES, "67108864", false, 1,     \
      1073741824,                                                                                  \
      "Largest body of a request, in bytes or with a unit; a larger one is answered "              \
      "with 413.")                                                                                 \
    S(management_path_prefix, "management.path_prefix", STRING, "", false, 0, 255,                 \
      "What the API's paths begin with, before /api: /rabbit.")                                    \
    S(management_origins, "management.cors.allow_origins.*", LIST, "", false, 0, 0,                \
      "management.cors.allow_origins.N = ORIGIN: browsers may call the API from pages of this "    \
      "origin (https://console.example.com); * means any.")                                        \
    S(management_cors_s, "management.cors.max_age", NUMBER_OR_NONE, "1800", false, 0, INT32_MAX,   \
      "Seconds for which browsers remember that they may.")                                        \
    S(management_session_minutes, "management.login_session_timeout", NUMBER, "480", false, 1,     \
      525600, "Minutes that a login by POST /api/login lasts.")                                    \
    S(management_disables_basic, "management.disable_basic_auth", BOOL, "false", false, 0, 0,      \
      "Whether the API takes tokens alone, and no passwords.")                                     \
    S(management_oauth_enabled, "management.oauth_enabled", BOOL, "false", false, 0, 0,            \
      "Whether users log in to the management page at a provider of tokens; the backend"           \
      " oauth2 must accept these.")                                                                \
    S(management_oauth_client_id, "management.oauth_client_id", STRING, "", false, 0, 255,         \
      "What the provider calls the management page. It must be a public client: without"           \
      " a secret, with PKCE.")                                                                     \
    S(management_oauth_provider_url, "management.oauth_provider_url", STRING, "", false, 0, 2000,  \
      "URL of the provider, before /.well-known/openid-configuration; none means "                 \
      "auth_oauth2.issuer.")                                                                       \
    S(management_oauth_metadata_url, "management.oauth_metadata_url", STRING, "", false, 0, 2000,  \
      "URL of the provider's OpenID configuration, if it is elsewhere.")                           \
    S(management_oauth_token_url, "management.oauth_token_url", STRING, "", false, 0, 2000,        \
      "URL where the page gets tokens; none means that the provider's OpenID configuration "       \
      "names it. To be set if another server than the provider's gives tokens: the page asks no "  \
      "server that is not named here.")                                                            \
    S(management_oauth_scopes, "management.oauth_scopes", STRING, "openid profile", false, 0,      \
      2000, "Scopes that the page asks the provider for, separated by spaces.")                    \
    S(management_oauth_disables_basic, "management.oauth_disable_basic_auth", BOOL, "true", false, \
      0, 0,                                                                                        \
      "Whether the API takes tokens alone, and no passwords, if "                                  \
      "management.oauth_enabled is true.")                                                         \
    S(management_guards_reference, "management.require_auth_for_api_reference", BOOL, "false",     \
      false, 0, 0, "Whether who reads /api/index.html and /api/openapi.json must log in.")         \
    S(management_keeps_operator_policies,                                                          \
      "management.restrictions.operator_policy_changes.disabled", BOOL, "false", false, 0, 0,      \
      "Whether operator policies cannot be changed over HTTP, but by an import of definitions.")   \
    S(management_csp, "management.csp.policy", STRING,                                             \
      "script-src 'self' 'unsafe-eval' 'unsafe-inline'; object-src 'self'", false, 0, 0,           \
      "Value of the header content-security-policy; none means that it is not sent. Where it is "  \
      "not set, pages have a stricter one.")                                                       \
    S(management_hsts, "management.hsts.policy", STRING, "", false, 0, 0,                          \
      "Value of the header strict-transport-security; none means that it is not sent.")            \
    S(management_type_options, "management.headers.content_type_options", STRING, "nosniff",       \
      false, 0, 0, "Value of the header x-content-type-options; none means that it is not sent.")  \
    S(management_frame_options, "management.headers.frame_options", STRING, "SAMEORIGIN", false,   \
      0, 0, "Value of the header x-frame-options; none means that it is not sent.")                \
    S(management_xss_protection, "management.headers.xss_protection", STRING, "", false, 0, 0,     \
      "Value of the header x-xss-protection; none means that it is not sent.")                     \
    S(ssl_hosts, "ssl_options.sni.*", PAIRS, "", true, 0, 0,                                       \
      "ssl_options.sni.HOST.certfile, .keyfile and .password: the certificate for clients that "   \
      "ask for this host; *.example.com stands for every host with one more label. All else is "   \
      "the same for every host.")

/* What listeners for HTTP have that can have a certificate of their own. */
#define CONFIG_SETTINGS_OWN_TLS(S, owner, key, whose)                                              \
    S(owner##_ssl_certfile, key ".certfile", STRING, "", true, 0, 0,                               \
      "PEM file with the certificate of " whose " and those of its issuers; none means that all "  \
      "of ssl_options is used.")                                                                   \
    S(owner##_ssl_keyfile, key ".keyfile", STRING, "", true, 0, 0,                                 \
      "PEM file with that certificate's private key; none means it is in " key ".certfile.")       \
    S(owner##_ssl_password, key ".password", SECRET, "", true, 0, 0,                               \
      "Password of that key, if it is encrypted.")                                                 \
    S(owner##_ssl_cacertfile, key ".cacertfile", STRING, "", true, 0, 0,                           \
      "PEM file with the CAs that sign clients' certificates.")                                    \
    S(owner##_ssl_verify, key ".verify", ENUM, "verify_none", true, CONFIG_VERIFIES, 0,            \
      "verify_peer asks each client for a certificate, and refuses one that is not valid.")        \
    S(owner##_ssl_requires_certificate, key ".fail_if_no_peer_cert", BOOL, "false", true, 0, 0,    \
      "Whether a client without a certificate is refused; true needs verify_peer.")                \
    S(owner##_ssl_depth, key ".depth", NUMBER, "10", true, 0, 255,                                 \
      "How many certificates may be between a client's own and its CA.")                           \
    S(owner##_ssl_versions, key ".versions.*", LIST, "tlsv1.3 tlsv1.2", true, CONFIG_TLS_VERSIONS, \
      1, key ".versions.N = tlsv1.3 or tlsv1.2; older ones are not supported.")                    \
    S(owner##_ssl_ciphers, key ".ciphers.*", LIST, "", true, 0, 0,                                 \
      key ".ciphers.N = NAME, as ssl_options.ciphers.N.")                                          \
    S(owner##_ssl_honors_cipher_order, key ".honor_cipher_order", BOOL, "true", true, 0, 0,        \
      "Whether the first cipher in the server's order is used, not in the client's.")              \
    S(owner##_ssl_reuses_sessions, key ".reuse_sessions", BOOL, "true", true, 0, 0,                \
      "Whether clients get tickets, with which they come back without a full handshake.")

/* --- The management API and metrics ----------------------------------------------------------- */

#define CONFIG_SETTINGS_MANAGEMENT(S)                                                              \
    S(management_ip, "management.tcp.ip", STRING, "", false, 0, 0,                                 \
      "Address on which the management API listens; none means every address.")                    \
    S(management_port, "management.tcp.port", NUMBER, "15672", false, 0, 65535,                    \
      "Port of the management API; 0 disables it. Where only management.ssl.* is set, the API is " \
      "served with TLS only.")                                                                     \
    S(management_ssl_ip, "management.ssl.ip", STRING, "", false, 0, 0,                             \
      "Address on which the management API listens for TLS; none means every address.")            \
    S(management_ssl_port, "management.ssl.port", NUMBER_OR_NONE, "", false, 0, 65535,             \
      "Port of the management API with TLS; none means 15671 if management.ssl.certfile is set, "  \
      "else there is no TLS; 0 means that there is none.")                                         \
    CONFIG_SETTINGS_OWN_TLS(S, management, "management.ssl", "the API")                            \
    S(collect_statistics_ms, "collect_statistics_interval", NUMBER, "5000", false, 100, 3600000,   \
      "Milliseconds between two rounds in which statistics are collected; rates are those of the " \
      "last interval.")                                                                            \
    S(rates_mode, "management.rates_mode", ENUM, "basic", false, CONFIG_RATES_MODES, 0,            \
      "What is counted: basic; detailed: also of each channel with each queue and exchange; "      \
      "none: no messages, and no samples are kept.")                                               \
    S(disables_stats, "management.disable_stats", BOOL, "false", false, 0, 0,                      \
      "Whether no statistics are collected: the API then shows definitions and totals.")           \
    S(disables_collector, "management_agent.disable_metrics_collector", BOOL, "false", false, 0,   \
      0, "The same.")                                                                              \
    S(retention_global, "management.sample_retention_policies.global.*", PAIRS, "", false, 0, 0,   \
      "For how long samples of the node and of vhosts are kept: .minute (ten of them), .hour, "    \
      ".day or .SECONDS = seconds between two samples. None means 5, 60, 600 and 1800 seconds "    \
      "apart for ten minutes, an hour, eight hours and a day.")                                    \
    S(retention_basic, "management.sample_retention_policies.basic.*", PAIRS, "", false, 0, 0,     \
      "The same for queues, exchanges, connections and channels. None means 5 and 60 seconds "     \
      "apart for ten minutes and an hour.")                                                        \
    S(retention_detailed, "management.sample_retention_policies.detailed.*", PAIRS, "", false, 0,  \
      0, "Is shown by the API; nothing is sampled in such detail.")                                \
    S(prometheus_ip, "prometheus.tcp.ip", STRING, "", false, 0, 0,                                 \
      "Address on which metrics are served; none means every address.")                            \
    S(prometheus_port, "prometheus.tcp.port", NUMBER, "15692", false, 0, 65535,                    \
      "Port on which metrics are served; 0 means that they are not.")                              \
    S(prometheus_ssl_ip, "prometheus.ssl.ip", STRING, "", false, 0, 0,                             \
      "Address on which metrics are served with TLS; none means every address.")                   \
    S(prometheus_ssl_port, "prometheus.ssl.port", NUMBER_OR_NONE, "", false, 0, 65535,             \
      "Port on which metrics are served with TLS; none means 15691 if prometheus.ssl.certfile is " \
      "set, else there is no TLS; 0 means that there is none.")                                    \
    CONFIG_SETTINGS_OWN_TLS(S, prometheus, "prometheus.ssl", "the metrics")                        \
    S(prometheus_authenticates, "prometheus.authentication.enabled", BOOL, "false", false, 0, 0,   \
      "Whether who reads metrics must log in, as over the HTTP API, and be a monitor.")            \
    S(prometheus_path, "prometheus.path", STRING, "/metrics", false, 2, 255,                       \
      "Path of the metrics, which begins with a slash.")                                           \
    S(prometheus_per_object, "prometheus.return_per_object_metrics", BOOL, "false", false, 0, 0,   \
      "Whether that path itself has a sample for each queue, channel and connection, as "          \
      "/per-object below it has.")

/* --- Memory and disk -------------------------------------------------------------------------- */

#define CONFIG_SETTINGS_ALARMS(S)                                                                  \
    S(total_memory_bytes, "total_memory_available_override_value", BYTES_OR_NONE, "", true, 1,     \
      INT64_MAX,                                                                                   \
      "The machine's memory, for limits that are a share of it; none means that it is measured: "  \
      "the limit of the control group (container) counts, also when it changes.")                  \
    S(memory_relative, "vm_memory_high_watermark.relative", RATIO, "0.6", true, 0, 1,              \
      "Share of the machine's memory above which publishers are blocked.")                         \
    S(memory_bytes, "vm_memory_high_watermark.absolute", BYTES_OR_NONE, "", true, 0, INT64_MAX,    \
      "The same limit in bytes or with a unit; if it is set, the relative limit is ignored.")      \
    S(disk_free_bytes, "disk_free_limit.absolute", BYTES, "50MB", true, 0, INT64_MAX,              \
      "Free space in the data directory's file system below which publishers are blocked; they "   \
      "are also blocked if the log's next file (16 MiB) would leave less.")                        \
    S(disk_free_relative, "disk_free_limit.relative", RATIO, "0", true, 0, 1000,                   \
      "The same limit as a multiple of the machine's memory; if it is above 0, the absolute "      \
      "limit is ignored.")

/* --- The log ---------------------------------------------------------------------------------- */

#define CONFIG_SETTINGS_LOG(S)                                                                     \
    S(log_level, "log.level", LEVEL, "info", true, 0, 0,                                           \
      "Lowest level that is logged: debug, info, warning, error, critical, none.")                 \
    S(log_category_levels, "log.*.level", PAIRS, "", true, 0, 0,                                   \
      "log.CATEGORY.level = LEVEL replaces the levels of all outputs for one category: "           \
      "connection, channel, queue, user, ldap, federation, shovel, upgrade.")                      \
    S(log_category_files, "log.*.file", PAIRS, "", true, 0, 0,                                     \
      "log.CATEGORY.file = NAME writes the lines of a category to a file of their own, and "       \
      "nowhere else.")                                                                             \
    S(log_console, "log.console", BOOL, "true", true, 0, 0,                                        \
      "Whether lines are written to the console. If this is not set, and there is a file, "        \
      "journald or syslog, they are not.")                                                         \
    S(log_console_level, "log.console.level", LEVEL_OR_NONE, "", true, 0, 0,                       \
      "The same as log.level for the console only; if it is set, log.level is ignored "            \
      "there.")                                                                                    \
    S(log_console_stdio, "log.console.stdio", ENUM, "stderr", true, CONFIG_LOG_STDIOS, 0,          \
      "The console: stderr or stdout.")                                                            \
    S(log_formatters, "log.*.formatter", PAIRS, "", true, 0, 0,                                    \
      "log.OUTPUT.formatter = plaintext or json, for console, file, syslog and exchange.")         \
    S(log_time_formats, "log.*.formatter.time_format", PAIRS, "", true, 0, 0,                      \
      "log.OUTPUT.formatter.time_format = rfc3339_space, rfc3339_T, epoch_usecs, epoch_secs "      \
      "or lager_default.")                                                                         \
    S(log_level_formats, "log.*.formatter.level_format", PAIRS, "", true, 0, 0,                    \
      "log.OUTPUT.formatter.level_format = lc, uc, lc3, uc3, lc4 or uc4: how a level is "          \
      "written.")                                                                                  \
    S(log_line_formats, "log.*.formatter.plaintext.format", PAIRS, "", true, 0, 0,                 \
      "log.OUTPUT.formatter.plaintext.format = TEXT with $time, $level, $pid, $msg, "              \
      "$domain, $connection, $connection_name, $peer, $user, $vhost, $channel.")                   \
    S(log_field_maps, "log.*.formatter.json.field_map", PAIRS, "", true, 0, 0,                     \
      "log.OUTPUT.formatter.json.field_map = the fields in their order: NAME, NAME:OTHER to "      \
      "rename one, NAME:- to leave one out, *:- to leave out the others.")                         \
    S(log_verbosity_maps, "log.*.formatter.json.verbosity_map", PAIRS, "", true, 0, 0,             \
      "log.OUTPUT.formatter.json.verbosity_map = LEVEL:NUMBER ...: the number is the field "       \
      "verbosity.")                                                                                \
    S(log_file, "log.file", STRING, "", true, 0, 0,                                                \
      "Name of the log file, in log.dir if it is no absolute path; false means no file. If "       \
      "this is not set but another key of the file is, the name is leveret.log.")                  \
    S(log_dir, "log.dir", STRING, "", true, 0, 0,                                                  \
      "Directory of log files; none means logs in the data directory.")                            \
    S(log_file_level, "log.file.level", LEVEL_OR_NONE, "", true, 0, 0,                             \
      "The same as log.level for the file only.")                                                  \
    S(log_rotation_date, "log.file.rotation.date", STRING, "", true, 0, 0,                         \
      "When log files are rotated: $D0 daily at midnight, $D23 at 23:00, $W5D16 on Fridays "       \
      "at 16:00, $M1D0 monthly, $H30 hourly; none means never.")                                   \
    S(log_rotation_bytes, "log.file.rotation.size", BYTES, "0", true, 0, INT64_MAX,                \
      "Size in bytes above which log files are rotated; 0 means never.")                           \
    S(log_rotation_count, "log.file.rotation.count", NUMBER, "5", true, 0, 10000,                  \
      "Rotated files that are kept, as NAME.0, NAME.1 ...; with 0 a file that is due is "          \
      "deleted.")                                                                                  \
    S(log_rotation_compress, "log.file.rotation.compress", BOOL, "false", true, 0, 0,              \
      "Whether rotated files are compressed with gzip.")                                           \
    S(log_journald, "log.journald", BOOL, "false", true, 0, 0,                                     \
      "Whether lines are sent to journald.")                                                       \
    S(log_journald_level, "log.journald.level", LEVEL_OR_NONE, "", true, 0, 0,                     \
      "The same as log.level for journald only.")                                                  \
    S(log_journald_fields, "log.journald.fields", STRING,                                          \
      "priority syslog_identifier syslog_pid domain ERL_PID=pid connection connection_name peer "  \
      "user vhost channel",                                                                        \
      true, 0, 0,                                                                                  \
      "Fields that are sent with each line, beside MESSAGE: SOURCE, NAME=SOURCE or "               \
      "NAME=\"text\". A source is priority, syslog_identifier, syslog_pid, syslog_timestamp or a " \
      "field of the JSON format.")                                                                 \
    S(log_journald_socket, "log.journald.socket", STRING, "/run/systemd/journal/socket", true, 1,  \
      107, "Socket of journald.")                                                                  \
    S(log_syslog, "log.syslog", BOOL, "false", true, 0, 0,                                         \
      "Whether lines are sent to a syslog server.")                                                \
    S(log_syslog_level, "log.syslog.level", LEVEL_OR_NONE, "", true, 0, 0,                         \
      "The same as log.level for syslog only.")                                                    \
    S(log_syslog_transport, "log.syslog.transport", ENUM, "udp", true, CONFIG_LOG_TRANSPORTS, 0,   \
      "How the server is reached: udp, tcp, tls (also: ssl), or local for the socket "             \
      "log.syslog.socket.")                                                                        \
    S(log_syslog_protocol, "log.syslog.protocol", ENUM, "rfc3164", true, CONFIG_LOG_PROTOCOLS, 0,  \
      "Form of the lines: rfc3164 or rfc5424.")                                                    \
    S(log_syslog_identity, "log.syslog.identity", STRING, "rabbitmq-server", true, 1, 48,          \
      "Name of the program in lines for syslog and journald.")                                     \
    S(log_syslog_facility, "log.syslog.facility", STRING, "daemon", true, 0, 0,                    \
      "Facility of the lines: daemon, local0 ...")                                                 \
    S(log_syslog_host, "log.syslog.host", STRING, "localhost", true, 1, 255,                       \
      "Name or address of the syslog server.")                                                     \
    S(log_syslog_port, "log.syslog.port", NUMBER, "514", true, 1, 65535,                           \
      "Port of the syslog server.")                                                                \
    S(log_syslog_socket, "log.syslog.socket", STRING, "/dev/log", true, 1, 107,                    \
      "Socket of the local syslog.")                                                               \
    S(log_syslog_ca, "log.syslog.ssl_options.cacertfile", STRING, "", true, 0, 0,                  \
      "File with the certificates that the syslog server's is checked by; none means those "       \
      "of the system.")                                                                            \
    S(log_syslog_cert, "log.syslog.ssl_options.certfile", STRING, "", true, 0, 0,                  \
      "File with the certificate that is shown to the syslog server; none means none.")            \
    S(log_syslog_key, "log.syslog.ssl_options.keyfile", STRING, "", true, 0, 0,                    \
      "File with the key of that certificate.")                                                    \
    S(log_syslog_verify, "log.syslog.ssl_options.verify", ENUM, "verify_peer", true,               \
      CONFIG_VERIFIES, 0,                                                                          \
      "Whether the syslog server's certificate and name are checked: verify_peer or "              \
      "verify_none.")                                                                              \
    S(log_exchange, "log.exchange", BOOL, "false", false, 0, 0,                                    \
      "Whether lines are published to the topic exchange amq.rabbitmq.log of default_vhost, "      \
      "with the level as routing key.")                                                            \
    S(log_exchange_level, "log.exchange.level", LEVEL_OR_NONE, "", true, 0, 0,                     \
      "The same as log.level for the exchange only.")

/* --- The node and its files ------------------------------------------------------------------- */

#define CONFIG_SETTINGS_NODE(S)                                                                    \
    S(node_name, "node_name", STRING, "", false, 0, 255,                                           \
      "Name of this node in listings and messages; none means leveret@HOST, and a name without @ " \
      "gets the host.")                                                                            \
    S(cluster_name, "cluster_name", STRING, "", false, 0, 255,                                     \
      "Name in server-properties and on the overview page; none means the node's.")                \
    S(load_definitions, "load_definitions", STRING, "", false, 0, 0,                               \
      "File of definitions, or directory of such files, to import at each start.")                 \
    S(definitions_backend, "definitions.import_backend", ENUM, "local_filesystem", false,          \
      CONFIG_DEFINITIONS_BACKENDS, 0,                                                              \
      "Where definitions are: local_filesystem, at load_definitions; or https, also on a web "     \
      "server, at definitions.https.url. local and http mean the same.")                           \
    S(definitions_url, "definitions.https.url", STRING, "", false, 0, 0,                           \
      "URL (https:// or http://) of a file of definitions to import at each start, if "            \
      "definitions.import_backend is https.")                                                      \
    S(definitions_timeout_ms, "definitions.https.timeout", NUMBER, "120000", false, 1, INT32_MAX,  \
      "Milliseconds until that file must be there, redirects included; the broker starts only "    \
      "then. 30 s of them are at most for the connection.")                                        \
    S(definitions_verify, "definitions.tls.verify", ENUM, "verify_peer", false, CONFIG_VERIFIES,   \
      0, "Whether the certificate of that server is checked: verify_peer or verify_none.")         \
    S(definitions_cacertfile, "definitions.tls.cacertfile", STRING, "", false, 0, 0,               \
      "File (PEM) with the authorities that may have signed it; none means those that the "        \
      "system trusts.")                                                                            \
    S(definitions_depth, "definitions.tls.depth", NUMBER_OR_NONE, "", false, 0, 255,               \
      "How many intermediate certificates there may be between it and the authority.")             \
    S(definitions_certfile, "definitions.tls.certfile", STRING, "", false, 0, 0,                   \
      "File (PEM) with the broker's own certificate, for a server that asks for one.")             \
    S(definitions_keyfile, "definitions.tls.keyfile", STRING, "", false, 0, 0,                     \
      "File (PEM) with the key of that certificate.")                                              \
    S(definitions_password, "definitions.tls.password", SECRET, "", false, 0, 0,                   \
      "Password of that key.")                                                                     \
    S(definitions_versions, "definitions.tls.versions.*", LIST, "tlsv1.3 tlsv1.2", false,          \
      CONFIG_TLS_VERSIONS, 1, "definitions.tls.versions.N = tlsv1.3 or tlsv1.2, for that server.") \
    S(definitions_ciphers, "definitions.tls.ciphers.*", LIST, "", false, 0, 0,                     \
      "definitions.tls.ciphers.N = NAME, as ssl_options.ciphers.N, for that server; none means "   \
      "OpenSSL's.")                                                                                \
    S(definitions_skip_if_unchanged, "definitions.skip_if_unchanged", BOOL, "false", false, 0, 0,  \
      "Whether definitions are not imported again if the files are those of the last start.")      \
    S(definitions_skip_unsupported, "definitions.skip_unsupported", BOOL, "false", false, 0, 0,    \
      "Whether rows of types that this broker does not have are left out instead of refused.")     \
    S(loops, "loops", NUMBER, "0", false, 0, 64,                                                   \
      "Threads that serve connections and queues; 0 means one per CPU.")                           \
    S(data_dir, "data_dir", STRING, "", false, 0, 0,                                               \
      "Directory of the broker's files; none means /var/lib/leveret if it is writable, else "      \
      "$XDG_STATE_HOME/leveret, else ~/.local/state/leveret.")                                     \
    S(durability, "durability", ENUM, "sync", false, CONFIG_DURABILITIES, 0,                       \
      "When a persistent message counts as stored: sync, when it is on disk; interval, when it "   \
      "is written, so a power cut may lose what came since the last sync; none, when it is "       \
      "written, and nothing is ever synced. With any of them, killing the broker loses nothing.")  \
    S(durability_interval_ms, "durability_interval", NUMBER, "100", false, 1, 60000,               \
      "Milliseconds between two syncs with durability = interval.")

/* --- Encrypted values ------------------------------------------------------------------------- */

#define CONFIG_SETTINGS_ENCRYPTION(S)                                                              \
    S(decoder_passphrase, "config_entry_decoder.passphrase", SECRET, "", true, 0, 0,               \
      "Passphrase of the values that begin with encrypted:.")                                      \
    S(decoder_passphrase_file, "config_entry_decoder.passphrase_file", STRING, "", true, 0, 0,     \
      "File whose first line is that passphrase.")                                                 \
    S(decoder_cipher, "config_entry_decoder.cipher", STRING, "aes_128_cbc", true, 1, 64,           \
      "Cipher of these values: one of `leveretctl list_ciphers`.")                                 \
    S(decoder_hash, "config_entry_decoder.hash", STRING, "sha256", true, 1, 64,                    \
      "Hash that makes the key of the passphrase: one of `leveretctl list_hashes`.")               \
    S(decoder_iterations, "config_entry_decoder.iterations", NUMBER, "1", true, 1, 10000000,       \
      "How often that hash is applied.")

/* --- All of them ------------------------------------------------------------------------------ */

#define CONFIG_SETTINGS(S)                                                                         \
    CONFIG_SETTINGS_AMQP(S)                                                                        \
    CONFIG_SETTINGS_LIMITS(S)                                                                      \
    CONFIG_SETTINGS_QUEUES(S)                                                                      \
    CONFIG_SETTINGS_USERS(S)                                                                       \
    CONFIG_SETTINGS_ACCESS(S)                                                                      \
    CONFIG_SETTINGS_CERTIFICATES(S)                                                                \
    CONFIG_SETTINGS_AUTH_HTTP(S)                                                                   \
    CONFIG_SETTINGS_AUTH_LDAP(S)                                                                   \
    CONFIG_SETTINGS_AUTH_OAUTH2(S)                                                                 \
    CONFIG_SETTINGS_LISTENERS(S)                                                                   \
    CONFIG_SETTINGS_TLS(S)                                                                         \
    CONFIG_SETTINGS_MANAGEMENT(S)                                                                  \
    CONFIG_SETTINGS_ALARMS(S)                                                                      \
    CONFIG_SETTINGS_LOG(S)                                                                         \
    CONFIG_SETTINGS_NODE(S)                                                                        \
    CONFIG_SETTINGS_ENCRYPTION(S)

#endif
