/* Any bytes as a message's properties. When the message is dead-lettered, its new properties are
 * well formed, record the death and keep everything else; and it can be dead-lettered again.
 *
 *   reason u8 | queue u8 (one of four) | flags u8: 1 a routing key | property flags and values */
#include <stdlib.h>

#include "base/buffer.h"
#include "message/death.h"
#include "wire/properties.h"
#include "wire/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* x-death is an array of tables; the first is about this death. */
static void check_history(struct slice headers, const struct dead_letter *d)
{
    struct field history, entry, f;
    lv_assert(table_find(headers, "x-death", &history) && history.type == FIELD_ARRAY);
    bool is_first = true;
    while (array_next(&history.bytes, &entry)) {
        lv_assert(entry.type == FIELD_TABLE);
        if (is_first) {
            lv_assert(table_find(entry.bytes, "count", &f) && f.type == FIELD_LONG);
            lv_assert(table_find(entry.bytes, "queue", &f) && slice_equal(f.bytes, d->queue));
            lv_assert(table_find(entry.bytes, "reason", &f) &&
                      slice_is(f.bytes, death_word(d->reason)));
        }
        is_first = false;
    }
    lv_assert(!is_first && history.bytes.n == 0);
}

static bool is_about_death(struct slice name)
{
    return slice_is(name, "x-death") || slice_begins(name, "x-first-death-") ||
           slice_begins(name, "x-last-death-");
}

/* Every other header is unchanged, except CC if a routing key replaces it. */
static void check_kept(struct slice before, struct slice after, const struct dead_letter *d)
{
    struct slice rest = before, name;
    struct field value, first, kept;
    while (table_next(&rest, &name, &value)) {
        if (is_about_death(name) || (d->has_routing_key && slice_is(name, "CC")))
            continue;
        lv_assert(table_find_slice(before, name, &first));
        lv_assert(table_find_slice(after, name, &kept));
        lv_assert(field_equal(&first, &kept));
    }
}

static struct message *die(const struct dead_letter *d)
{
    struct properties before, after;
    bool had_bad_history;
    struct message *made = dead_letter_make(d, &had_bad_history);
    lv_assert(made != NULL);
    lv_assert(properties_read(message_header(d->message), &before));
    lv_assert(properties_read(message_header(made), &after));
    lv_assert(after.flags ==
              ((before.flags | PROPERTY_HEADERS) & ~PROPERTY_EXPIRATION & PROPERTY_ALL));
    check_history(after.headers, d);
    check_kept(before.headers, after.headers, d);
    dead_letter_turns(made, d->queue);
    struct lv_buffer text = {0};
    dead_letter_describe(&text, made, d->queue);
    lv_buffer_free(&text);
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const queues[] = {"a", "b", "", "queue"};
    struct properties p;
    if (n < 3 || !properties_read(slice_of(bytes + 3, n - 3), &p))
        return 0;
    struct message *m =
        message_create(slice_str("x"), slice_str("k"), slice_of(bytes + 3, n - 3), 0, false);
    struct dead_letter d = {
        .message = m,
        .queue = slice_str(queues[bytes[1] % 4]),
        .reason = (enum death)(bytes[0] % DEATH_COUNT),
        .time_s = 1,
        .exchange = slice_str("dlx"),
        .has_routing_key = bytes[2] & 1,
        .routing_key = slice_str("dead"),
    };
    struct message *once = die(&d);
    d.message = once;
    struct message *twice = die(&d);
    if (d.reason != DEATH_REJECTED)
        lv_assert(dead_letter_turns(twice, d.queue));
    message_unref(&twice);
    message_unref(&once);
    message_unref(&m);
    return 0;
}
