/* This node: the process, what it uses and may use, its listeners, certificates and settings.
 *
 * Only leveretd/ knows the configuration and what listens: it tells them through a struct
 * node_source. The functions here may be called on any thread and never wait. */
#ifndef LEVERET_MANAGE_NODE_H
#define LEVERET_MANAGE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/sizes.h"

struct lv_buffer;
struct manage;

/* Strings live as long as the process, unless a comment says otherwise. */
struct node_facts {
    const char *name;            /* "leveret@host" */
    const char *version;         /* as clients see it: RabbitMQ's */
    const char *leveret_version; /* "0.10.0" */
    const char *platform;        /* "Linux x86_64" */
    uint64_t pid;
    uint64_t uptime_ms;
    unsigned loops, processors;
    const char *data_dir;
    const char *const *config_files;
    size_t config_file_count;
    bool is_stopping;
    bool is_in_maintenance;      /* `drain`: clients are kept out */
    unsigned alarms;             /* BROKER_ALARM_..., NODE_ALARM_LOG_STALLED */
    uint64_t log_busy_ms;        /* how long the log has been writing or syncing */
    uint64_t memory_used_bytes;  /* resident */
    uint64_t memory_spare_bytes; /* of these: free, but between bytes in use */
    uint64_t memory_limit_bytes; /* the memory alarm is on above it */
    uint64_t memory_total_bytes; /* of the machine, or of the process's control group */
    double memory_relative;      /* the limit's share of that; 0: the limit is absolute */
    uint64_t disk_free_bytes;
    uint64_t disk_free_limit_bytes; /* the disk alarm is on below it */
    uint64_t files_reserved;        /* descriptors that connections may not use */
    int64_t connections_max;        /* negative: no limit */
    uint64_t connections;           /* open */
    uint64_t queues, vhosts;
};

struct node_listener {
    const char *interface; /* "::", "127.0.0.1" */
    uint16_t port;
    const char *protocol; /* "amqp", "amqp/ssl", "http" */
    const char *purpose;  /* "AMQP 0-9-1 over TLS" */
    const char *context;  /* of a listener for HTTP, for people: "RabbitMQ Management"; else NULL */
    bool is_tls;
    int backlog;
    uint64_t connections; /* open, whether or not they have logged in */
};

struct node_certificate {
    const char *path;
    const char *group; /* of settings: "ssl_options", "management.ssl" */
    const char *key;   /* the setting of the group that names the file: "certfile" */
    const char *subject;
    int64_t ends_at_s; /* seconds since 1970 */
};

struct node_setting {
    const char *key;
    const char *value; /* "<redacted>" if it must not be shown */
    const char *standard;
    const char *origin; /* the file and line that set it; NULL: none did */
};

/* A cipher of TLS: OpenSSL's name, and its parts in RabbitMQ's words. */
struct node_cipher {
    const char *name, *key_exchange, *cipher, *mac, *prf;
};

/* Visitors: what they get is borrowed for the call. */
typedef void node_listener_visit(void *arg, const struct node_listener *listener);
typedef void node_certificate_visit(void *arg, const struct node_certificate *certificate);
typedef void node_setting_visit(void *arg, const struct node_setting *setting);
typedef void node_cipher_visit(void *arg, const struct node_cipher *cipher);
typedef void node_log_visit(void *arg, const char *location); /* a path, "<stderr>" ... */

/* What leveretd/ tells. Each function gets `arg` first; any thread, and none waits. */
struct node_source {
    void *arg;
    void (*describe)(void *arg, struct node_facts *facts); /* all but what is counted here */
    void (*listeners)(void *arg, node_listener_visit *visit, void *visit_arg); /* the open ones */
    void (*certificates)(void *arg, node_certificate_visit *visit, void *visit_arg);
    void (*settings)(void *arg, node_setting_visit *visit, void *visit_arg);
    void (*ciphers)(void *arg, bool all, node_cipher_visit *visit, void *visit_arg);
    void (*store)(void *arg, struct store_sizes *ret); /* reads directories; NULL: all is 0 */
};

/* Takes microseconds. What the kernel knows is in process_facts.h. Call with RCU online: the vhosts
 * are counted. */
void node_facts_gather(struct manage *m, struct node_facts *ret);

/* Takes a microsecond or two for each file of the store. */
void node_store_sizes(struct manage *m, struct store_sizes *ret);

void node_each_listener(struct manage *m, node_listener_visit *visit, void *arg);
/* Visits the certificates that listeners use. */
void node_each_certificate(struct manage *m, node_certificate_visit *visit, void *arg);
void node_each_setting(struct manage *m, node_setting_visit *visit, void *arg);
/* Visits the ciphers that listeners for AMQP over TLS offer, the preferred one first; with `all`,
 * those that they may be set to offer. */
void node_each_cipher(struct manage *m, bool all, node_cipher_visit *visit, void *arg);
/* Visits the places where lines of the log are written to, the file first. */
void node_each_log(node_log_visit *visit, void *arg);

/* An alarm beside those of the broker: a write or sync of the log has not returned for this long,
 * so that no publisher gets a confirm. */
enum { NODE_ALARM_LOG_STALLED = 16, NODE_LOG_STALLED_MS = 5000 };

/* The alarms that there may be. */
struct node_alarm {
    unsigned bit;
    const char *name;     /* "memory", "log_stalled" */
    const char *resource; /* as RabbitMQ shows an alarm: "memory", "log" */
    const char *type;     /* "resource_limit" */
};
extern const struct node_alarm node_alarms[];
extern const size_t node_alarm_count;

/* Appends why an alarm that is on is on, with the numbers: "memory: 2000 bytes are in use, the
 * limit is 1000". */
void node_alarm_explain(const struct node_facts *f, unsigned bit, struct lv_buffer *out);

#endif
