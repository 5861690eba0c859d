/* What the process tells of itself (manage/node.h). Any thread. */
#include "base/clock.h"
#include "leveretd/config_tls.h"
#include "leveretd/leveretd.h"

static void describe(void *arg, struct node_facts *f)
{
    struct leveretd *d = arg;
    const struct config *config = d->config;
    struct alarm_facts facts;
    alarms_facts(d->alarms, &facts);
    f->is_stopping = d->is_stopping;
    f->is_in_maintenance = d->is_in_maintenance;
    f->leveret_version = LEVERET_VERSION;
    f->platform = d->platform;
    f->uptime_ms = clock_up_ms() - d->begun_up_ms;
    f->data_dir = config->data_dir;
    f->config_files = (const char *const *)config->files;
    f->config_file_count = config->file_count;
    f->memory_used_bytes = facts.readings.memory_bytes;
    f->memory_spare_bytes = facts.readings.spare_bytes;
    f->memory_limit_bytes = facts.limits.memory_bytes;
    f->memory_total_bytes = facts.total_bytes;
    f->memory_relative = config->memory_bytes == CONFIG_NONE ? config->memory_relative : 0;
    f->disk_free_bytes = facts.readings.disk_free_bytes;
    f->disk_free_limit_bytes = facts.limits.disk_free_bytes;
    f->files_reserved = d->descriptors_for_files;
}

static void each_listener(void *arg, node_listener_visit *visit, void *visit_arg)
{
    struct leveretd *d = arg;
    char protocol[LISTENER_WORDS_MAX], purpose[LISTENER_WORDS_MAX];
    for (size_t i = 0; i < d->listeners.count; i++) {
        const struct listener *l = &d->listeners.items[i];
        listener_words(l, protocol, purpose);
        const struct node_listener one = {
            .interface = l->address,
            .port = l->port,
            .protocol = protocol,
            .purpose = purpose,
            .is_tls = l->is_tls,
            .connections = listener_connections(l),
        };
        if (atomic_load(&l->is_open))
            visit(visit_arg, &one);
    }
}

static void each_certificate(void *arg, node_certificate_visit *visit, void *visit_arg)
{
    struct leveretd *d = arg;
    tls_keeper_each_certificate(d->tls_keeper, visit, visit_arg);
}

/* What each_setting() passes on. */
struct settings_visit {
    node_setting_visit *visit;
    void *arg;
};

static void visit_setting(void *arg, const char *key, const char *value, const char *fallback,
                          const char *origin)
{
    const struct settings_visit *v = arg;
    v->visit(v->arg, &(struct node_setting){key, value, fallback, origin});
}

static void each_setting(void *arg, node_setting_visit *visit, void *visit_arg)
{
    struct leveretd *d = arg;
    struct settings_visit v = {visit, visit_arg};
    config_visit_all(d->config, visit_setting, &v);
}

/* What each_cipher() passes on. */
struct ciphers_visit {
    node_cipher_visit *visit;
    void *arg;
};

static void visit_cipher(void *arg, const struct tls_cipher_facts *c)
{
    const struct ciphers_visit *v = arg;
    v->visit(v->arg, &(struct node_cipher){c->name, c->key_exchange, c->cipher, c->mac, c->prf});
}

static void each_cipher(void *arg, bool all, node_cipher_visit *visit, void *visit_arg)
{
    struct leveretd *d = arg;
    struct ciphers_visit v = {visit, visit_arg};
    config_tls_each_cipher(d->config, all, visit_cipher, &v);
}

static void store_sizes(void *arg, struct store_sizes *ret)
{
    struct leveretd *d = arg;
    if (d->disk)
        store_sizes_read(d->disk, ret);
}

struct node_source leveretd_node_source(struct leveretd *d)
{
    return (struct node_source){
        .arg = d,
        .describe = describe,
        .listeners = each_listener,
        .certificates = each_certificate,
        .settings = each_setting,
        .ciphers = each_cipher,
        .store = store_sizes,
    };
}
