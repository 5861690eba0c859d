/* Definitions as JSON, in RabbitMQ's form: everything that is defined in the broker, or in one
 * vhost, is exported to a file, and a file is imported. docs/definitions.md describes the form.
 *
 * An import is a merge: what exists and is not in the file stays as it is, and importing a file
 * twice changes nothing the second time. It is all or nothing: everything in the file is checked
 * first, and if anything is wrong, everything that is wrong is reported and nothing is changed.
 * What is imported is committed at once, so that also a crash leaves all of it or nothing.
 *
 * Call on a thread that is as described in manage.h; or, at the start, on the thread that starts
 * the broker, before the loops have started, with manage.asker NULL. */
#ifndef LEVERET_MANAGE_DEFINITIONS_H
#define LEVERET_MANAGE_DEFINITIONS_H

#include "base/progress.h"
#include "manage/manage.h"

/* A larger file is refused, and one that is nested deeper, or has more objects and arrays. */
enum {
    DEFINITIONS_BYTES_MAX = 256 * 1024 * 1024,
    DEFINITIONS_DEPTH_MAX = 100,
    DEFINITIONS_CONTAINERS_MAX = 4 * 1000 * 1000,
};

/* What a file lists, in the order of an export. */
#define DEFINITIONS_KINDS(K)                                                                       \
    K(DEFINED_USERS, "users")                                                                      \
    K(DEFINED_VHOSTS, "vhosts")                                                                    \
    K(DEFINED_PERMISSIONS, "permissions")                                                          \
    K(DEFINED_TOPIC_PERMISSIONS, "topic_permissions")                                              \
    K(DEFINED_PARAMETERS, "parameters")                                                            \
    K(DEFINED_GLOBAL_PARAMETERS, "global_parameters")                                              \
    K(DEFINED_POLICIES, "policies")                                                                \
    K(DEFINED_QUEUES, "queues")                                                                    \
    K(DEFINED_EXCHANGES, "exchanges")                                                              \
    K(DEFINED_BINDINGS, "bindings")

enum defined_kind {
#define DEFINED_ENUM(id, name) id,
    DEFINITIONS_KINDS(DEFINED_ENUM)
#undef DEFINED_ENUM
        DEFINED_KINDS
};

/* Returns the key under which a file lists them: "queues". */
const char *defined_kind_name(enum defined_kind kind);

/* --- export ----------------------------------------------------------------------------------- */

/* Takes a part of the text. Returns false to end the export. It may wait, with RCU offline. */
typedef bool definitions_write(void *arg, struct slice part);

struct definitions_export {
    const struct slice
        *vhost;      /* only this vhost, without users and permissions; NULL: everything */
    bool is_for_cli; /* as rabbitmqctl has it: with the types of queues */
};

/* Writes the definitions in parts of about 64 KiB. Exclusive queues, queues and exchanges of the
 * broker's own (amq.*), and the bindings of the default exchange are left out. Only an
 * administrator may do it. Memory is needed for one reference to each queue and a copy of each
 * exchange and binding, not for the text. REFUSAL_NOT_FOUND: there is no such vhost. */
bool manage_export_definitions(struct manage *m, const struct actor *actor,
                               const struct definitions_export *what, definitions_write *write,
                               void *arg, struct manage_error *error);

/* Returns about how many bytes importing a text takes in memory, beside the text. Pure. */
size_t definitions_memory(struct slice text);

/* --- import ----------------------------------------------------------------------------------- */

/* What came of an import. All zero at first; definitions_report_free() frees it. */
struct definitions_report {
    size_t fault_count;
    struct lv_buffer
        faults; /* a line for each of the first 1000: "queues[3] 'q' in vhost '/': why" */
    size_t note_count;
    struct lv_buffer notes; /* a line for each thing that was ignored, as far as they fit */
    size_t skipped_count;
    struct lv_buffer skipped;     /* a line for each of the first 1000 rows that are left out */
    size_t listed[DEFINED_KINDS]; /* how many the files list */
    bool is_unchanged;            /* the same files were imported before, so nothing was done */
};

void definitions_report_free(struct definitions_report *report);

/* Logs each note, and each row that is left out, as a warning, and each fault as an error. */
void definitions_report_log(const struct definitions_report *report);

struct definitions_source {
    const char *name; /* the file's, for the report; NULL: there is only one source */
    struct slice text;
};

/* All borrowed. */
struct definitions_import {
    const struct definitions_source *sources; /* they may refer to each other */
    size_t source_count;
    const struct slice *vhost; /* everything goes into this one; NULL: where the file says */
    /* Called once the texts have been read, and may be freed. NULL: nobody waits for it. */
    void (*is_read)(void *arg);
    void *arg;
    /* If these texts are what was last imported with this flag, does nothing. A global parameter
     * keeps their hash. */
    bool skip_if_unchanged;
    /* Leaves out queues and exchanges of types that this broker does not have, with their bindings,
     * and parameters of components that it does not have; otherwise they are faults. */
    bool skip_unsupported;
};

/* Imports files, all of them or none. The vhost, if one is given, must exist; the file may be the
 * export of another one. Returns once all of it is durable. Returns false after refusing:
 *
 *   REFUSAL_MALFORMED     it is not JSON, or too large; the text says where
 *   REFUSAL_PRECONDITION  it has faults: the report has them, and so has the error's text
 *   REFUSAL_NOT_FOUND     there is no such vhost
 *   REFUSAL_INTERNAL      it could not be stored; it is in effect until the next start. With
 *                         ERR_CLOSED: the broker was stopped meanwhile, and a part may be stored
 *
 * Counts rows in `progress`, which may be NULL. Can be cancelled until something is changed: then
 * it has changed nothing, and returns true.
 *
 * Only an administrator may do it. If another client changes the same things during the import,
 * what can then no longer be done is reported as a fault, and the rest is done. */
bool manage_import_definitions(struct manage *m, const struct actor *actor,
                               const struct definitions_import *what, struct progress *progress,
                               struct definitions_report *report, struct manage_error *error);

/* How many things of a kind a comparison names. */
enum { DIFFERENCE_ITEMS_MAX = 100 };

/* Finds out what an import would do, and does nothing. Refuses as manage_import_definitions() does;
 * else sets *ret, which the caller owns, to an object with a member for each kind:
 *
 *     "users": {"created": {"count": 1, "items": [{"name": "a"}]},
 *               "changed": {"count": 1, "items": [{"name": "b", "changes":
 *                           [{"field": "tags", "old": "", "new": "monitoring"}]}]},
 *               "same": 3, "kept": {"count": 2, "items": [...]}}
 *
 * `kept` are those that exist and the file does not list. Items are the first DIFFERENCE_ITEMS_MAX.
 * A change of a password has neither old nor new; a value that is long is cut. Computes as long as
 * an import, and takes as much memory. */
struct json_t;
bool manage_compare_definitions(struct manage *m, const struct actor *actor,
                                const struct definitions_import *what,
                                struct definitions_report *report, struct json_t **ret,
                                struct manage_error *error);

#endif
