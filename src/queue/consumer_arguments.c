/* Reads the arguments of consumers, in the order in which RabbitMQ does. */
#include "queue/consumer_arguments.h"

#include "topology/argument_checks.h"

static bool read_flag(struct argument_subject *s, const char *name, bool *ret)
{
    struct field f;
    s->argument = name;
    bool is_there = table_find(s->table, name, &f);
    if (is_there && !check_bool(s, &f))
        return false;
    *ret = is_there && f.b;
    return true;
}

/* x-browse-offset is a number of messages to skip, or a word. */
static bool read_browse_offset(struct argument_subject *s, struct browser_arguments *ret)
{
    static const char *const words[] = {"first", "last", "next", NULL};
    struct field f;
    s->argument = "x-browse-offset";
    if (!table_find(s->table, s->argument, &f))
        return true;
    if (f.type != FIELD_LONGSTR) {
        if (!check_not_negative(s, &f))
            return false;
        ret->skip = (uint64_t)f.i;
        return true;
    }
    if (!is_one_of(&f, words))
        return refuse_value(s, "\"expected a number, first, last or next\"");
    ret->is_last = slice_is(f.bytes, "last");
    ret->is_next = slice_is(f.bytes, "next");
    return true;
}

/* Reads the arguments of a browser, which are Leveret's own. */
static bool browser_arguments_read(struct argument_subject *s, struct browser_arguments *ret)
{
    *ret = (struct browser_arguments){0};
    return read_flag(s, "x-browse", &ret->is_wanted) && read_browse_offset(s, ret) &&
           read_flag(s, "x-browse-end", &ret->ends);
}

bool consumer_arguments_read(struct slice table, enum queue_type type, struct slice queue,
                             struct slice vhost, struct consumer_arguments *ret,
                             struct broker_error *error)
{
    struct argument_subject s = {"x-priority", "queue", queue, vhost, table, error};
    struct field priority;
    struct field f;
    bool has_priority = table_find(table, s.argument, &priority);
    if (has_priority && !check_integer(&s, &priority))
        return false;
    s.argument = "x-cancel-on-ha-failover";
    if (table_find(table, s.argument, &f) &&
        (type == QUEUE_QUORUM ? !refuse_foreign(&s, slice_str(s.argument), type)
                              : !check_bool(&s, &f)))
        return false;
    s.argument = "x-stream-offset";
    if (table_find(table, s.argument, &f))
        return refuse_foreign(&s, slice_str(s.argument), type);
    ret->priority = has_priority ? priority.i : 0;
    return browser_arguments_read(&s, &ret->browsing);
}

bool consumer_argument_is_known(struct slice name)
{
    static const char *const names[] = {"x-priority",         "x-cancel-on-ha-failover",
                                        "x-stream-offset",    "x-browse",
                                        "x-browse-offset",    "x-browse-end",
                                        "x-consumer-timeout", NULL};
    return argument_is_custom(name) || is_among(name, names);
}
