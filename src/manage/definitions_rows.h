/* The content of a file of definitions, row by row. Private to the files definitions_....c. */
#ifndef LEVERET_MANAGE_DEFINITIONS_ROWS_H
#define LEVERET_MANAGE_DEFINITIONS_ROWS_H

#include <jansson.h>

#include "manage/definitions.h"

/* Texts of rows are kept by the file (struct kept_texts), unless they are said to be owned. JSON
 * values that are not are there only while the row is read. */

/* Each row begins with this. A row without a name has an empty one: a permission has its user's
 * name, a binding its source's. */
struct defined {
    const char *source; /* the file's name, borrowed; NULL: there is only one */
    size_t index;       /* in the file's list */
    struct slice name;
    struct slice vhost; /* empty: it has none */
    bool is_faulty;     /* it has a fault, and is not looked at again */
    bool is_skipped;    /* it is left out; or, a binding, exists already */
    bool is_there;      /* definitions_compare() has found that it exists */
};

struct defined_user {
    struct defined head;
    bool has_password, has_hash;
    struct slice password;
    struct slice hash, algorithm;
    struct slice tags; /* owned; separated by commas */
    json_t *limits;    /* owned; NULL: none are given */
    /* The password's hash, made before anything is changed. */
    enum password_algorithm new_algorithm;
    char new_hash[PASSWORD_HASH_TEXT_MAX];
};

struct defined_vhost {
    struct defined head;
    bool has_description, has_tags, has_tracing, has_protection;
    struct slice description;
    struct slice tags; /* owned; separated by commas */
    struct slice default_queue_type;
    bool is_traced, is_protected;
    json_t *limits;   /* owned; NULL: none are given */
    json_t *metadata; /* NULL: none; only while the row is read */
    bool is_created;  /* by this import */
};

struct defined_permission {
    struct defined head;
    struct slice configure, write, read;
};

struct defined_topic_permission {
    struct defined head;
    struct slice exchange, write, read;
};

struct defined_parameter {
    struct defined head;
    struct slice component;
    json_t *value;     /* only while the row is read */
    struct slice text; /* owned: the value as JSON text */
};

struct defined_policy {
    struct defined head;
    struct slice pattern, apply_to;
    int64_t priority;
    json_t *definition; /* only while the row is read */
    struct slice text;  /* owned: the definition as JSON text */
};

struct defined_queue {
    struct defined head;
    bool is_durable, is_auto_delete;
    struct slice arguments; /* owned: a field table */
};

struct defined_exchange {
    struct defined head;
    struct slice type;
    bool is_durable, is_auto_delete, is_internal;
    struct slice arguments; /* owned: a field table */
};

struct defined_binding {
    struct defined head;
    struct slice destination, destination_type, routing_key;
    struct slice arguments; /* owned: a field table */
};

struct defined_list {
    void *rows; /* owned; of the kind's struct */
    size_t count;
    size_t row_bytes;
};

/* Copies of texts, each with a NUL behind it, in blocks that are freed together. */
struct kept_texts {
    struct text_block *last; /* owned; the last of a list */
    struct slice vhost;      /* of the row before: most rows are in the same one */
};

struct definitions_file {
    struct kept_texts texts;
    /* rabbitmqctl of 3.10 has made it: it lists bindings of internal exchanges, but not these. */
    bool lacks_internals;
    struct defined_list lists[DEFINED_KINDS];
};

/* Returns row i of a list. */
static inline struct defined *defined_at(const struct defined_list *list, size_t i)
{
    return (struct defined *)((char *)list->rows + i * list->row_bytes);
}

/* --- reports ---------------------------------------------------------------------------------- */

/* Adds a fault of this row, "queues[3] 'q' in vhost '/': TEXT", and marks the row. Returns
 * false. */
bool report_fault(struct definitions_report *report, enum defined_kind kind, struct defined *row,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds a fault of the whole file: "TEXT". Returns false. */
bool report_file_fault(struct definitions_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says that this row is left out, and marks it. */
void report_skipped(struct definitions_report *report, enum defined_kind kind, struct defined *row,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds a note. Equal notes are added once. */
void report_note(struct definitions_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- reading: pure ---------------------------------------------------------------------------- */

/* Reads the sources: their JSON, their lists, their rows with the types of the fields. Keeps
 * nothing of the texts. Returns false with the error filled in if one is not JSON; else true, with
 * what is wrong in the report. With a vhost, all rows are in that one, and lists that do not belong
 * to a vhost are ignored. The caller frees *ret in any case. Any thread. */
bool definitions_read(const struct definitions_import *what, struct definitions_report *report,
                      struct definitions_file *ret, struct manage_error *error);
void definitions_file_free(struct definitions_file *file);

/* --- rows by name ----------------------------------------------------------------------------- */

/* Rows of one kind by vhost and name; of equal ones, the first of the file is the first. */
struct name_index {
    struct defined **rows; /* owned; the rows are borrowed */
    size_t count;
};

struct name_index index_make(const struct defined_list *list);
/* Returns the first row of this vhost and name, or NULL. */
struct defined *index_find(const struct name_index *index, struct slice vhost, struct slice name);

/* --- checking, applying ----------------------------------------------------------------------- */

/* A vhost that rows of the file are in. */
struct defined_scope {
    struct slice name;
    struct vhost *vhost; /* a reference; or, of a vhost that the file creates, a draft */
    bool is_new;
    const struct defined_vhost *row; /* NULL: the file does not list the vhost */
    int64_t queues_max;              /* once the file is imported; negative: no limit */
    size_t new_queues;
};

struct defined_scopes {
    struct defined_scope *items; /* by name */
    size_t count;
};

/* Returns the vhost's scope, or NULL if it neither exists nor is in the file. */
struct defined_scope *scope_find(const struct defined_scopes *scopes, struct slice name);

/* Leaves out what this broker does not support, and reports it. Any thread. */
void definitions_skip_unsupported(struct definitions_file *file, struct definitions_report *report);

/* Checks everything against what exists and what the file itself defines. Sets *ret to the vhosts;
 * the caller frees them in any case with defined_scopes_free(). RCU is online throughout. */
void definitions_check(struct manage *m, struct definitions_file *file,
                       struct definitions_report *report, struct defined_scopes *ret);
void defined_scopes_free(struct defined_scopes *scopes);

/* Applies a file without faults, and counts its rows. Returns 0 once it is durable, or the error of
 * the commit, or ERR_CLOSED. */
int definitions_apply(struct manage *m, const struct actor *actor, struct definitions_file *file,
                      struct progress *progress, struct definitions_report *report);

/* Compares a file without faults with what exists, and returns what definitions.h says of
 * manage_compare_definitions(). The caller owns it. RCU is online throughout. */
json_t *definitions_compare(struct manage *m, const struct slice *vhost,
                            struct definitions_file *file);

/* The global parameter that keeps the hash of what was imported (definitions_import). */
#define IMPORTED_HASH_PARAMETER "imported_definition_hash_value"

#endif
