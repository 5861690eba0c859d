/* What rabbitmq-diagnostics says about the broker's process and its machine. leveretctl runs on the
 * same machine, so it looks itself at what the broker's status does not have. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "leveretctl/talk.h"

/* --- the process ------------------------------------------------------------------------------ */

/* Reads a file of /proc for the process of a status: texts, each ended by a zero byte. Returns
 * false after saying that it cannot be read. */
static bool process_file_read(const json_t *status, const char *name, struct lv_buffer *ret)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/%s",
             (long long)json_integer_value(json_object_get(status, "pid")), name);
    FILE *file = fopen(path, "r");
    if (!file) {
        say_error(EXIT_UNAVAILABLE, "%s cannot be read: run this command as the broker's user",
                  path);
        return false;
    }
    for (size_t n = 1; n > 0; ret->n += n)
        n = fread(lv_buffer_reserve(ret, 4096), 1, 4096, file);
    fclose(file);
    return true;
}

/* Asks for the status and reads the file. Returns the exit code. */
static int process_ask(struct invocation *i, const struct command *c, const char *name,
                       struct lv_buffer *ret)
{
    json_t *status;
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &status);
    if (code != EXIT_OK)
        return code;
    code = process_file_read(status, name, ret) ? EXIT_OK : EXIT_UNAVAILABLE;
    json_decref(status);
    return code;
}

static int run_command_line(struct invocation *i, const struct command *c)
{
    struct lv_buffer words = {0};
    int code = process_ask(i, c, "cmdline", &words);
    json_t *row = json_array();
    struct listing l = {.format = i->format,
                        .out = stdout,
                        .columns = {"argument"},
                        .column_count = 1,
                        .is_streamed = true};
    listing_begin(&l);
    for (size_t at = 0; at < words.n; at += strlen(text_of(&words) + at) + 1) {
        json_array_clear(row);
        json_array_append_new(row, json_string(text_of(&words) + at));
        listing_row(&l, row);
    }
    if (code == EXIT_OK)
        listing_end(&l);
    json_decref(l.kept);
    json_decref(row);
    lv_buffer_free(&words);
    return code;
}

/* Returns true for a variable that the broker reads. */
static bool is_ours(const char *variable)
{
    return strncmp(variable, "LEVERET_", 8) == 0 || strncmp(variable, "RABBITMQ_", 9) == 0;
}

static bool is_secret(const char *name)
{
    return strstr(name, "PASS") || strstr(name, "COOKIE") || strstr(name, "SECRET");
}

static json_t *variables_of(struct lv_buffer *environment)
{
    json_t *variables = json_object();
    const char *text = text_of(environment);
    for (size_t at = 0; at < environment->n; at += strlen(text + at) + 1) {
        const char *equals = strchr(text + at, '=');
        if (!equals || !is_ours(text + at))
            continue;
        char *name = strndup(text + at, (size_t)(equals - text) - at);
        json_object_set_new(variables, name,
                            json_string(is_secret(name) ? "<redacted>" : equals + 1));
        free(name);
    }
    return variables;
}

static int run_os_env(struct invocation *i, const struct command *c)
{
    struct lv_buffer environment = {0};
    int code = process_ask(i, c, "environ", &environment);
    if (code == EXIT_OK) {
        json_t *variables = variables_of(&environment), *value;
        const char *name;
        struct lv_buffer lines = {0};
        json_object_foreach(variables, name, value) lv_buffer_printf(
            &lines, "%s%s=%s", lines.n ? "\n" : "", name, json_string_value(value));
        if (lines.n == 0)
            lv_buffer_printf(&lines, "Node %s reported no relevant environment variables.",
                             i->node);
        if (i->format == FORMAT_JSON)
            say_json(json_pack("{s:s, s:s, s:O}", "result", "ok", "node", i->node, "variables",
                               variables));
        else
            say_done(i, text_of(&lines));
        lv_buffer_free(&lines);
        json_decref(variables);
    }
    lv_buffer_free(&environment);
    return code;
}

/* --- the network ------------------------------------------------------------------------------ */

/* Appends an address as text. Returns false if it is not one of IP. */
static bool address_put(struct lv_buffer *out, const struct sockaddr *address)
{
    char host[NI_MAXHOST];
    socklen_t n = address && address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                            : sizeof(struct sockaddr_in);
    if (!address || (address->sa_family != AF_INET && address->sa_family != AF_INET6) ||
        getnameinfo(address, n, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        return false;
    lv_buffer_printf(out, "%s", host);
    return true;
}

/* Returns the addresses of each interface: {"lo": ["127.0.0.1", "::1"]}. */
static json_t *interfaces_gather(void)
{
    struct ifaddrs *all = NULL;
    json_t *interfaces = json_object();
    if (getifaddrs(&all) < 0)
        return interfaces;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
        struct lv_buffer text = {0};
        if (!json_object_get(interfaces, a->ifa_name))
            json_object_set_new(interfaces, a->ifa_name, json_array());
        if (address_put(&text, a->ifa_addr))
            json_array_append_new(json_object_get(interfaces, a->ifa_name),
                                  json_string(text_of(&text)));
        lv_buffer_free(&text);
    }
    freeifaddrs(all);
    return interfaces;
}

static void interfaces_print(const struct invocation *i, const json_t *answer)
{
    json_t *interfaces = interfaces_gather(), *addresses, *one;
    const char *name;
    size_t n;
    (void)answer;
    if (i->format == FORMAT_JSON) {
        say_json(json_pack("{s:s, s:s, s:o}", "result", "ok", "node", i->node, "interfaces",
                           interfaces));
        return;
    }
    json_object_foreach(interfaces, name, addresses)
    {
        printf("Interface %s\n", name);
        json_array_foreach(addresses, n, one) printf("address: %s\n", json_string_value(one));
        printf("\n");
    }
    json_decref(interfaces);
}

static const char *family_of(const struct invocation *i)
{
    return is_given(i, OPTION_ADDRESS_FAMILY) ? i->values[OPTION_ADDRESS_FAMILY] : "IPv4";
}

static int check_family(const struct invocation *i, const struct command *c)
{
    if (strcasecmp(family_of(i), "ipv4") == 0 || strcasecmp(family_of(i), "ipv6") == 0)
        return EXIT_OK;
    return usage_error(i, c, EXIT_DATA,
                       "Bad argument: unsupported IP address family %s. Valid values are: ipv4, "
                       "ipv6",
                       family_of(i));
}

static int run_resolve_hostname(struct invocation *i, const struct command *c)
{
    const struct addrinfo hints = {
        .ai_family = strcasecmp(family_of(i), "ipv6") == 0 ? AF_INET6 : AF_INET,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found;
    (void)c;
    if (!is_quiet(i) && format_is_for_people(i->format))
        printf("Resolving hostname %s to %s addresses...\n", i->arguments[0], family_of(i));
    if (getaddrinfo(i->arguments[0], NULL, &hints, &found) != 0)
        return say_error(EXIT_DATA,
                         "Hostname does not resolve (resolution failed with an nxdomain)");
    struct lv_buffer lines = {0};
    json_t *addresses = json_array();
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        struct lv_buffer text = {0};
        if (address_put(&text, a->ai_addr)) {
            lv_buffer_printf(&lines, "%s%s", lines.n ? "\n" : "", text_of(&text));
            json_array_append_new(addresses, json_string(text_of(&text)));
        }
        lv_buffer_free(&text);
    }
    freeaddrinfo(found);
    if (i->format == FORMAT_JSON)
        say_json(json_pack("{s:s, s:s, s:s, s:s, s:O}", "result", "ok", "node", i->node, "hostname",
                           i->arguments[0], "address_family", family_of(i), "addresses",
                           addresses));
    else
        say_done(i, text_of(&lines));
    json_decref(addresses);
    lv_buffer_free(&lines);
    return EXIT_OK;
}

/* --- TLS and versions ------------------------------------------------------------------------- */

static void certificates_print(const struct invocation *i, const json_t *status)
{
    const json_t *certificates = json_object_get(status, "certificates"), *one;
    size_t n;
    if (i->format == FORMAT_JSON) {
        say_json(json_pack("{s:s, s:s, s:O}", "result", "ok", "node", i->node, "certificates",
                           certificates));
        return;
    }
    if (json_array_size(certificates) == 0)
        printf("Node %s has no certificates\n", i->node);
    json_array_foreach(certificates, n, one)
    {
        char ends[32];
        struct tm utc;
        time_t at = (time_t)json_integer_value(json_object_get(one, "expires_at"));
        strftime(ends, sizeof ends, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&at, &utc));
        printf("%s: subject %s, expires %s (%s)\n", json_string_value(json_object_get(one, "path")),
               json_string_value(json_object_get(one, "subject")), ends,
               json_string_value(json_object_get(one, "key")));
    }
}

static void tls_versions_print(const struct invocation *i, const json_t *answer)
{
    (void)answer;
    if (i->format == FORMAT_JSON)
        say_json(json_pack("{s:[s, s]}", "versions", "tlsv1.3", "tlsv1.2"));
    else
        say_done(i, "tlsv1.3\ntlsv1.2");
}

static void version_print(const struct invocation *i, const json_t *answer)
{
    const char *version = json_string_value(json_object_get(answer, "version"));
    if (i->format == FORMAT_JSON)
        say_value(i, json_string(version));
    else
        say_done(i, version);
}

/* clang-format off */
const struct command diagnostic_commands[] = {
    {.name = "certificates", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Lists the certificates that the broker uses for TLS.",
     .banner = "Certificates of node $node ...",
     .request = {.command = "status"},
     .answer = {.print = certificates_print}},
    {.name = "command_line_arguments", .run = run_command_line,
     .usage = "[--timeout <timeout>]",
     .help = "Shows the words of the broker's command line.",
     .banner = "Command line arguments of node $node ...",
     .request = {.command = "status"}},
    {.name = "list_network_interfaces", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Lists the network interfaces of the machine and their addresses.",
     .banner = "Asking node $node to report its network interfaces ...",
     .request = {.command = "ping"},
     .answer = {.print = interfaces_print}},
    {.name = "os_env", .run = run_os_env,
     .usage = "[--timeout <timeout>]",
     .help = "Lists the variables LEVERET_... and RABBITMQ_... of the broker's environment; passwords "
             "are not shown.",
     .banner = "Listing RabbitMQ-specific environment variables defined on node $node...",
     .request = {.command = "status"}},
    {.name = "report", .run = run_report,
     .usage = "[--timeout <timeout>]",
     .help = "Shows the broker's status, settings and connections, and what each vhost holds. Secret "
             "settings are not shown.",
     .banner = "Reporting server status of node $node ...",
     .request = {.command = "list_vhosts"}},
    {.name = "resolve_hostname", .run = run_resolve_hostname,
     .usage = "<hostname> [--address-family <ipv4 | ipv6>]",
     .help = "Resolves a name to addresses, as the broker would.",
     .arguments = {.min = 1, .max = 1, .check = check_family,
                   .options = BIT(OPTION_ADDRESS_FAMILY) | BIT(OPTION_OFFLINE)}},
    {.name = "server_version", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Shows the version of RabbitMQ that the broker behaves like.",
     .banner = "Asking node $node for its RabbitMQ version...",
     .request = {.command = "version"},
     .answer = {.print = version_print}},
    {.name = "tls_versions", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Lists the versions of TLS that clients may use; ssl_options.versions may allow fewer.",
     .banner = "Listing all TLS versions supported by the runtime...",
     .request = {.command = "ping"},
     .answer = {.print = tls_versions_print}},
    {.name = NULL},
};
/* clang-format on */
