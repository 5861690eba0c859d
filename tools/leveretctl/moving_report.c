/* What import_from and export_to print: a line for each queue when it has had its turn, on a
 * terminal also one that counts; and at the end what was moved, and what is left. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "leveretctl/moving.h"
#include "leveretctl/terminal.h"

enum { SHOWN_EVERY_MS = 200 };

/* --- words ------------------------------------------------------------------------------------ */

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_int_t number_in(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void put_queue(struct lv_buffer *out, const json_t *queue)
{
    lv_buffer_printf(out, "queue '%s' in vhost '%s'", text_in(queue, "name"),
                     text_in(queue, "vhost"));
}

static void put_messages(struct lv_buffer *out, json_int_t messages, json_int_t bytes)
{
    lv_buffer_printf(out, "%lld message%s, ", (long long)messages, messages == 1 ? "" : "s");
    size_put(out, (long long)bytes);
}

static json_int_t sum_of(const struct moving *m, const char *name)
{
    const json_t *queue;
    json_int_t sum = 0;
    size_t n;
    json_array_foreach(m->queues, n, queue) if (!json_object_get(queue, "skipped")) sum +=
        number_in(queue, name);
    return sum;
}

/* Prints, and empties the buffer. */
static void print(struct lv_buffer *out)
{
    terminal_escape_for(stdout, out, 0, TERMINAL_LINES);
    printf("%.*s", SLICE_ARG(lv_buffer_slice(out)));
    fflush(stdout);
    out->n = 0;
}

/* --- under way -------------------------------------------------------------------------------- */

static bool is_live(const struct moving *m)
{
    return m->i->format == FORMAT_TABLE && !is_quiet(m->i) && isatty(STDOUT_FILENO);
}

static void print_live(struct moving *m, const json_t *queue, const char *what)
{
    struct lv_buffer out = {0};
    uint64_t now = clock_up_ms();
    if (!is_live(m) || now - m->shown_ms < SHOWN_EVERY_MS)
        return;
    m->shown_ms = now;
    put_queue(&out, queue);
    lv_buffer_printf(&out, ": ");
    put_messages(&out, number_in(queue, "messages"), number_in(queue, "moved_bytes"));
    terminal_escape(&out, 0, TERMINAL_CELL);
    printf("\r\033[K%.*s%s", SLICE_ARG(lv_buffer_slice(&out)), what);
    fflush(stdout);
    lv_buffer_free(&out);
}

/* A queue is told again only when there is something new to tell. */
static void print_queue(const struct moving *m, const json_t *queue)
{
    struct lv_buffer out = {0};
    json_int_t messages = number_in(queue, "messages");
    const char *reason = text_in(queue, "reason");
    if (is_live(m))
        printf("\r\033[K");
    if (messages > number_in(queue, "told") || reason[0]) {
        put_queue(&out, queue);
        lv_buffer_printf(&out, ": ");
        put_messages(&out, messages, number_in(queue, "moved_bytes"));
        if (reason[0])
            lv_buffer_printf(&out, "; %s", reason);
        lv_buffer_add_u8(&out, '\n');
    }
    print(&out);
    lv_buffer_free(&out);
    json_object_set_new((json_t *)(uintptr_t)queue, "told", json_integer(messages));
}

void moving_progress(void *arg, const json_t *queue, enum migrate_step step)
{
    struct moving *m = arg;
    if (m->i->format == FORMAT_JSON || is_quiet(m->i))
        return;
    if (step == MIGRATE_DONE)
        print_queue(m, queue);
    else
        print_live(m, queue, step == MIGRATE_CONNECTING ? "; connecting again ..." : "");
}

/* --- before and after ------------------------------------------------------------------------- */

static void put_skipped(const struct moving *m, struct lv_buffer *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(m->queues, n, queue)
    {
        const char *skipped = text_in(queue, "skipped");
        if (!skipped[0])
            continue;
        lv_buffer_printf(out, "Not moved: ");
        put_queue(out, queue);
        lv_buffer_printf(out, ", %s\n", skipped);
    }
}

static void put_refused(const struct moving *m, struct lv_buffer *out)
{
    const json_t *one;
    size_t n;
    json_array_foreach(m->refused, n, one) lv_buffer_printf(
        out, "Not moved: %s '%s' in vhost '%s', RabbitMQ refuses it: %s\n", text_in(one, "kind"),
        text_in(one, "name"), text_in(one, "vhost"), text_in(one, "reason"));
}

static void put_passwordless(const struct moving *m, struct lv_buffer *out)
{
    const json_t *name;
    size_t n;
    json_array_foreach(m->passwordless, n, name) lv_buffer_printf(
        out, "User '%s' has no password at RabbitMQ: give it one there\n", json_string_value(name));
}

void moving_say_plan(const struct moving *m)
{
    struct lv_buffer out = {0};
    const json_t *queue;
    size_t n;
    json_array_foreach(m->queues, n, queue)
    {
        json_int_t ready = number_in(queue, "ready"), unacked = number_in(queue, "unacked");
        if (json_object_get(queue, "skipped") || ready + unacked == 0)
            continue;
        put_queue(&out, queue);
        lv_buffer_printf(&out, ": ");
        put_messages(&out, ready + unacked, number_in(queue, "bytes"));
        if (unacked > 0)
            lv_buffer_printf(&out, "; %lld of them unacknowledged", (long long)unacked);
        lv_buffer_add_u8(&out, '\n');
    }
    put_skipped(m, &out);
    put_messages(&out, sum_of(m, "ready") + sum_of(m, "unacked"), sum_of(m, "bytes"));
    lv_buffer_printf(&out, " would be moved. Nothing was changed.\n");
    print(&out);
    lv_buffer_free(&out);
}

static json_int_t left_in(const json_t *queue)
{
    return json_object_get(queue, "skipped")
               ? 0
               : number_in(queue, "left") + number_in(queue, "unacked");
}

bool moving_has_left(const struct moving *m)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(m->queues, n, queue) if (left_in(queue) > 0 ||
                                                json_object_get(queue, "reason")) return true;
    return false;
}

static void put_left(const struct moving *m, struct lv_buffer *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(m->queues, n, queue)
    {
        const char *reason = text_in(queue, "reason");
        if (left_in(queue) == 0 && !reason[0])
            continue;
        lv_buffer_printf(out, "Left: ");
        put_queue(out, queue);
        lv_buffer_printf(out, ", %lld ready, %lld in consumers' hands%s%s\n",
                         (long long)number_in(queue, "left"),
                         (long long)number_in(queue, "unacked"), reason[0] ? "; " : "", reason);
    }
    if (moving_has_left(m))
        lv_buffer_printf(out, "Run the same command again to move what is left, or with --wait to "
                              "go on until nothing is.\n");
}

static void put_changed(const struct moving *m, struct lv_buffer *out)
{
    long long rerouted = (long long)sum_of(m, "rerouted");
    long long anonymous = (long long)sum_of(m, "anonymous");
    if (rerouted > 0)
        lv_buffer_printf(out, "%lld of them show another exchange than before.\n", rerouted);
    if (anonymous > 0)
        lv_buffer_printf(out, "%lld of them have lost their user_id.\n", anonymous);
}

void moving_say_result(const struct moving *m)
{
    struct lv_buffer out = {0};
    double seconds = (double)(clock_up_ms() - m->since_ms) / 1000;
    put_skipped(m, &out);
    put_refused(m, &out);
    put_passwordless(m, &out);
    put_messages(&out, sum_of(m, "messages"), sum_of(m, "moved_bytes"));
    lv_buffer_printf(&out, " moved in %.1f s.\n", seconds);
    put_changed(m, &out);
    put_left(m, &out);
    print(&out);
    lv_buffer_free(&out);
}

json_t *moving_result(const struct moving *m)
{
    json_t *queue;
    size_t n;
    json_array_foreach(m->queues, n, queue)
    {
        json_object_del(queue, "told");
        json_object_del(queue, "window");
    }
    return json_pack("{s:O, s:O, s:O, s:I, s:I, s:I, s:I}", "queues", m->queues, "passwordless",
                     m->passwordless, "refused", m->refused, "messages", sum_of(m, "messages"),
                     "bytes", sum_of(m, "moved_bytes"), "rerouted", sum_of(m, "rerouted"),
                     "anonymous", sum_of(m, "anonymous"));
}
