/* Rules about connections, channels and consumers. */
#include <inttypes.h>

#include "manage/doctor_rules.h"

bool doctor_rule_consumer_never_acks(const struct consumer_look *c, struct verdict *ret)
{
    bool is_full = c->limit > 0 && c->unacked >= c->limit;
    bool is_still = c->span_s > 0 && c->acked == 0 && c->delivered == 0 && c->delivered_before > 0;
    return is_full && is_still &&
           doctor_find(ret, SEVERITY_WARNING, c->ready,
                       "%s %.*s of %.*s holds %s, as many as its "
                       "prefetch allows, and has acknowledged none in the last %s; %s wait in the "
                       "queue.",
                       c->is_limit_of_channel ? "The channel of consumer" : "Consumer",
                       SLICE_ARG(c->tag), SLICE_ARG(c->queue),
                       COUNT_OF(c->unacked, "unacknowledged message"), TIME(c->span_s),
                       NUMBER(c->ready));
}

bool doctor_rule_prefetch_unlimited(const struct consumer_look *c, struct verdict *ret)
{
    return c->limit == 0 && c->unacked >= DOCTOR_UNACKED_MANY &&
           doctor_find(ret, SEVERITY_WARNING, c->unacked,
                       "Consumer %.*s of %.*s has no prefetch limit, and holds %s "
                       "unacknowledged messages.",
                       SLICE_ARG(c->tag), SLICE_ARG(c->queue), NUMBER(c->unacked));
}

bool doctor_rule_consumer_timeout_near(const struct channel_look *c, struct verdict *ret)
{
    return doctor_timeout_is_near(c->held_ms, c->held_timeout_ms) &&
           doctor_find(ret, SEVERITY_WARNING, c->held_ms,
                       "A delivery on channel %.*s has been unacknowledged for %s; the timeout is "
                       "%s.",
                       SLICE_ARG(c->name), TIME(c->held_ms / 1000),
                       TIME(c->held_timeout_ms / 1000));
}

bool doctor_rule_transient_confirms(const struct channel_look *c, struct verdict *ret)
{
    return c->transient >= DOCTOR_TRANSIENT_MANY && c->transient >= c->published / 2 &&
           doctor_find(ret, SEVERITY_ADVICE, c->transient,
                       "%s of %s that user %.*s has published on channel %.*s, which has "
                       "confirms, were not persistent.",
                       NUMBER(c->transient), COUNT_OF(c->published, "message"), SLICE_ARG(c->user),
                       SLICE_ARG(c->name));
}

bool doctor_rule_no_heartbeat(const struct connection_look *c, struct verdict *ret)
{
    return c->heartbeat_s == 0 && !c->is_loopback &&
           doctor_find(ret, SEVERITY_ADVICE, c->channels,
                       "Connection %.*s of user %.*s has a heartbeat of 0 s, and %s.",
                       SLICE_ARG(c->name), SLICE_ARG(c->user), COUNT_OF(c->channels, "channel"));
}

bool doctor_rule_channels_leak(const struct connection_look *c, struct verdict *ret)
{
    bool is_near = c->channel_max > 0 && c->channels >= c->channel_max - c->channel_max / 10;
    bool is_many = c->channels >= DOCTOR_CHANNELS_MANY;
    return (is_near || is_many) && c->channels > 1 &&
           doctor_find(ret, is_near ? SEVERITY_WARNING : SEVERITY_ADVICE, c->channels,
                       "Connection %.*s of user %.*s has %s channels open; it may have %s.",
                       SLICE_ARG(c->name), SLICE_ARG(c->user), NUMBER(c->channels),
                       NUMBER(c->channel_max));
}
