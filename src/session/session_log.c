/* How a log line names a session. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "session/frontend.h"
#include "wire/table.h"

enum { CLIENT_NAME_BYTES_MAX = 128 };

struct slice session_client_name(struct slice client_properties)
{
    struct slice name;
    if (!table_find_string(client_properties, "connection_name", &name))
        return SLICE_EMPTY;
    return slice_of(name.p, name.n < CLIENT_NAME_BYTES_MAX ? name.n : CLIENT_NAME_BYTES_MAX);
}

static void title_put(struct session_title *title, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void title_put(struct session_title *title, const char *format, ...)
{
    size_t n = strlen(title->text);
    va_list args;
    va_start(args, format);
    vsnprintf(title->text + n, sizeof title->text - n, format, args);
    va_end(args);
}

/* Notes what the next line is about, for outputs that write it in fields. */
static void note_session(const struct session *s, struct slice client_name,
                         const struct session_title *title)
{
    log_note_number(LOG_NOTE_PID, s->id);
    log_note(LOG_NOTE_CONNECTION, slice_str(s->name));
    log_note(LOG_NOTE_PEER, slice_str(s->peer.peer.text));
    if (client_name.n > 0)
        log_note(LOG_NOTE_CONNECTION_NAME, client_name);
    if (s->identity)
        log_note(LOG_NOTE_USER, auth_identity_name(s->identity));
    else if (title->refused.n > 0)
        log_note(LOG_NOTE_USER, title->refused);
    if (s->vhost)
        log_note(LOG_NOTE_VHOST, vhost_name(s->vhost));
    if (title->has_channel && title->channel > 0)
        log_note_number(LOG_NOTE_CHANNEL, title->channel);
}

const char *session_title(const struct session *s, struct session_title *title)
{
    struct slice name = session_client_name(s->client_properties);
    lv_assert(title->text[0] == '\0');
    note_session(s, name, title);
    title_put(title, "<0.%llu.0> (%s", (unsigned long long)s->id, s->name);
    if (name.n > 0)
        title_put(title, " - %.*s", SLICE_ARG(name));
    if (s->vhost && !title->is_without_account)
        title_put(title, ", vhost: '%.*s'", SLICE_ARG(vhost_name(s->vhost)));
    if (s->identity && !title->is_without_account)
        title_put(title, ", user: '%.*s'", SLICE_ARG(auth_identity_name(s->identity)));
    if (title->state)
        title_put(title, ", state: %s", title->state);
    title_put(title, ")");
    if (title->has_channel)
        title_put(title, ", channel %u", title->channel);
    return title->text;
}
