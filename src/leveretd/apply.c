/* Applies the config in force to the rooms, at the start and after each reload. */
#include <stdlib.h>
#include <string.h>

#include "auth/attempts.h"
#include "auth/sasl.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pattern.h"
#include "leveretd/chain_config.h"
#include "leveretd/leveretd.h"
#include "leveretd/log_exchange.h"
#include "leveretd/machine_memory.h"
#include "tls/certificate.h"

/* Returns how many bytes of incomplete messages a loop may hold: an equal share of a quarter of the
 * memory limit, and at least BYTES_MIN. */
static uint64_t unfinished_bytes_max(const struct leveretd *d)
{
    enum { BYTES_MIN = 4 * 1024 * 1024 };
    struct alarm_limits limits;
    alarm_limits_of(d->config, alarm_total_bytes(d->config, machine_memory_bytes()), &limits);
    uint64_t bytes = limits.memory_bytes / 4 / loops_count(d->loops);
    return bytes > BYTES_MIN ? bytes : BYTES_MIN;
}

static void apply_to_sessions(struct leveretd *d)
{
    const struct config *config = d->config;
    struct session_settings *s = &d->sessions.settings;
    s->product = config->server_product;
    s->version = config->server_version;
    s->frame_bytes_max = (uint32_t)config->frame_bytes_max;
    s->initial_frame_bytes_max = (uint32_t)config->initial_frame_bytes_max;
    s->channel_max = (uint16_t)config->channel_max;
    s->heartbeat_s = (uint16_t)config->heartbeat_s;
    s->handshake_timeout_ms = (uint32_t)config->handshake_timeout_ms;
    s->send_timeout_ms = (uint32_t)config->send_timeout_ms;
    s->message_bytes_max = (uint64_t)config->message_bytes_max;
    s->unfinished_bytes_max = unfinished_bytes_max(d);
    s->connections_max = config->connection_max; /* CONFIG_NONE is below 0 */
    s->channels_max = config->channel_max_per_node;
    s->channel_consumers_max = config->consumer_max_per_channel;
    s->qos_reaches_running = config->qos_reaches_running;
    s->forgets_histories = config->republished_x_death == CONFIG_X_DEATH_IGNORE;
}

static void apply_mechanisms(struct leveretd *d)
{
    const struct config *config = d->config;
    struct session_settings *s = &d->sessions.settings;
    unsigned mechanisms = 0;
    for (size_t i = 0; i < config->auth_mechanisms.count; i++)
        mechanisms |= sasl_mechanism(slice_str(config->auth_mechanisms.items[i].value));
    s->mechanisms = mechanisms;
    s->anonymous_user = config_is_none(config->anonymous_user) ? NULL : config->anonymous_user;
    s->anonymous_password = config_is_none(config->anonymous_pass) ? NULL : config->anonymous_pass;
    /* The lists of words are in the order of the enums; the last has two words for one. */
    s->name_from = config->ssl_cert_login_from > TLS_NAME_ALTERNATIVE ? TLS_NAME_ALTERNATIVE
                                                                      : config->ssl_cert_login_from;
    s->san_type = config->ssl_cert_login_san_type;
    s->san_index = (unsigned)config->ssl_cert_login_san_index;
}

static void apply_loopback_users(struct leveretd *d)
{
    const struct config_flags *users = &d->config->loopback_users;
    struct slice *names = lv_calloc(users->count + 1, sizeof *names);
    for (size_t i = 0; i < users->count; i++)
        names[i] = slice_str(users->names[i]);
    auth_set_loopback_users(d->auth, names, users->count);
    free(names);
}

int leveretd_apply_chain(struct leveretd *d)
{
    struct auth_chain *chain;
    struct lv_buffer reason = {0};
    int err = chain_from_config(d->config, &chain, &reason);
    if (err < 0)
        log_error(
            "auth_backends: a backend cannot be used: %.*s",
            SLICE_ARG(reason.n > 0 ? lv_buffer_slice(&reason) : slice_str(lv_error_text(err))));
    else
        auth_set_chain(d->auth, &chain);
    lv_buffer_free(&reason);
    return err;
}

static void apply_validator(struct leveretd *d)
{
    const struct config *config = d->config;
    struct pattern *pattern = NULL;
    size_t length_min = 0;
    if (config->validator == CONFIG_VALIDATOR_LENGTH)
        length_min = (size_t)config->validator_min_length;
    if (config->validator == CONFIG_VALIDATOR_REGEXP)
        pattern_compile(slice_str(config->validator_regexp), &pattern, NULL);
    auth_set_validator(d->auth, length_min, pattern);
}

void leveretd_apply_hashing(struct leveretd *d)
{
    enum password_algorithm algorithm;
    const char *word = config_word(CONFIG_HASHES, d->config->password_hashing);
    int err = password_algorithm_of(slice_str(word), &algorithm);
    lv_assert(err == 0); /* CONFIG_HASHES has the names of password.h */
    auth_set_hashing(d->auth, algorithm);
}

static void apply_to_broker(struct leveretd *d)
{
    const struct config *config = d->config;
    struct node_limits *limits = &d->broker->topology.limits;
    atomic_store(&limits->queues_max, config->cluster_queue_limit);
    atomic_store(&limits->exchanges_max, config->cluster_exchange_limit);
    atomic_store(&limits->vhosts_max, config->vhost_max);
    atomic_store(&d->broker->topology.default_queue_type,
                 config_word(CONFIG_QUEUE_TYPES, config->default_queue_type));
    d->broker->topology.is_type_relaxed = config->is_queue_type_relaxed;
    d->broker->topology.consumer_timeout_ms =
        config->consumer_timeout_ms == CONFIG_NONE ? 0 : (uint64_t)config->consumer_timeout_ms;
}

void leveretd_apply_limits(struct leveretd *d)
{
    leveretd_assert_home(d);
    d->sessions.settings.unfinished_bytes_max = unfinished_bytes_max(d);
    alarms_configure(d->alarms, d->config);
}

void leveretd_apply(struct leveretd *d)
{
    leveretd_assert_home(d);
    log_exchange_configure(d->config);
    apply_loopback_users(d);
    leveretd_apply_hashing(d);
    apply_validator(d);
    auth_set_decisions(d->auth, (uint64_t)d->config->auth_cache_ttl_ms);
    auth_track_sources(d->auth, d->config->tracks_auth_sources);
    apply_to_sessions(d);
    apply_mechanisms(d);
    apply_to_broker(d);
    tls_keeper_configure(d->tls_keeper, d->config);
    listeners_configure(&d->listeners, d->config);
    if (d->alarms)
        alarms_configure(d->alarms, d->config);
}
