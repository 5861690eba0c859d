/* Objects of the API and their fields (fields.h): which are asked for, how they are written, what
 * they are sorted by.
 *
 *     struct api_show show;
 *     api_show_begin(&show, c, &queue_kind);
 *     for each row
 *         api_show(&show, facts);
 */
#ifndef LEVERET_API_OBJECTS_H
#define LEVERET_API_OBJECTS_H

#include "api/api_private.h"
#include "manage/statistics.h"

/* A kind of objects: its fields, and how its statistics are found. */
struct api_kind {
    const struct column *fields;
    /* Finds the statistics of an object, with the samples that c->range asks for, as
     * statistics_...() do. NULL: it has none. */
    bool (*find_statistics)(const struct api_call *c, const void *facts,
                            struct statistics_answer *ret);
    /* Where the facts have their `const struct statistics_answer *statistics`: offsetof(). */
    size_t statistics_at;
    /* The fields in which a page looks for its parameter `name`, separated by spaces; NULL:
     * "name". */
    const char *names;
};

enum { API_FIELDS_MAX = 256 };

/* How objects of a kind are shown in a call. */
struct api_show {
    struct api_call *call;
    const struct api_kind *kind;
    const struct column *fields[API_FIELDS_MAX]; /* those that are asked for */
    size_t count;
    bool has_statistics; /* among them */
};

void api_show_begin(struct api_show *show, struct api_call *c, const struct api_kind *kind);
/* The same with all fields, whatever the request asks for. */
void api_show_whole(struct api_show *show, struct api_call *c, const struct api_kind *kind);
/* Writes an object. */
void api_show(const struct api_show *show, void *facts);
/* Writes the members of an object, between json_write_begin() and json_write_end() of the caller,
 * who may add members. */
void api_show_fields(const struct api_show *show, void *facts);
/* Returns whether the parameter `columns` asks for this member, or there is no such parameter. */
bool api_asks_for(const struct api_call *c, const char *name);

/* Set facts->statistics, unless the request wants none, and clear it. The answer is the
 * caller's. */
void api_statistics_begin(const struct api_call *c, const struct api_kind *kind, void *facts,
                          struct statistics_answer *answer);
void api_statistics_end(const struct api_kind *kind, void *facts, struct statistics_answer *answer);

/* Answers a listing like api_answer_listing(), of objects of this kind. */
void api_answer_kind(struct api_call *c, const struct api_kind *kind, bool is_done,
                     struct listing *listing, struct manage_error *error);

/* What objects are sorted by: a field, or a member of its value ("rate" of a statistic). */
struct api_sort_key {
    const struct column *field;
    struct slice member; /* empty: the field itself */
};

/* Finds what this path names: "message_stats.publish_details.rate". Returns false if it is nothing
 * that objects with these fields have. */
bool api_sort_key_find(const struct column *fields, struct slice path, struct api_sort_key *ret);
/* Returns the value, which is valid as long as the facts. */
struct value api_sort_key_value(const struct api_sort_key *key, const struct manage *m,
                                const void *facts);

#endif
