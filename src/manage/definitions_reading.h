/* Between definitions_read.c, which takes a file apart, and definitions_row.c, which reads its
 * objects. Pure. */
#ifndef LEVERET_MANAGE_DEFINITIONS_READING_H
#define LEVERET_MANAGE_DEFINITIONS_READING_H

#include "manage/definitions_rows.h"

struct reading {
    struct definitions_report *report;
    struct definitions_file *file;
    const char *source;        /* its name, or NULL */
    struct slice text;         /* all of the source */
    const struct slice *vhost; /* that everything is in; NULL: where the file says */
    enum defined_kind kind;
    struct defined *row; /* all zero before it is read */
};

/* Returns "an object", "a list" ... */
const char *json_type_name(const json_t *value);

/* Returns the size of the kind's rows; whether the kind is part of the file of one vhost. */
size_t row_bytes(enum defined_kind kind);
bool kind_is_in_vhost(enum defined_kind kind);

/* Reads an object into r->row, which keeps nothing of it. What is wrong with it is reported. */
void row_read(struct reading *r, json_t *object);
/* Frees what a row owns. */
void row_free(enum defined_kind kind, struct defined *row);
void texts_free(struct kept_texts *texts);

#endif
