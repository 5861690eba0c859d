/* The type of queues that are declared without x-queue-type: added to the declaration's
 * arguments. */
#include "queue/default_type.h"

#include "topology/vhost.h"
#include "wire/table.h"

/* A vhost's default "classic" is added to every queue's arguments; a broker's default "classic" is
 * not. */
static struct slice default_type(const struct vhost *vhost)
{
    const char *of_broker =
        atomic_load_explicit(&vhost->topology->default_queue_type, memory_order_relaxed);
    if (vhost->default_queue_type.n > 0)
        return vhost->default_queue_type;
    if (!of_broker || slice_is(slice_str(of_broker), "classic"))
        return SLICE_EMPTY;
    return slice_str(of_broker);
}

static bool type_fits(struct slice type, struct queue_flags flags)
{
    return slice_is(type, "classic") || (flags.durable && !flags.exclusive && !flags.auto_delete);
}

struct slice default_type_arguments(const struct vhost *vhost, const struct queue_declaration *d,
                                    struct lv_buffer *space)
{
    struct slice type = default_type(vhost);
    struct field named;
    if (type.n == 0 || d->passive || !type_fits(type, d->flags) ||
        table_find(d->arguments, "x-queue-type", &named))
        return d->arguments;
    struct table_writer w;
    struct slice rest = d->arguments, name;
    struct field f;
    table_begin(&w, space);
    while (table_next(&rest, &name, &f))
        table_put_field(&w, name, &f);
    table_put_str(&w, "x-queue-type", type);
    return table_end(&w);
}
