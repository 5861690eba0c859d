/* Importing definitions: read, check, apply. */
#include "manage/definitions_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/rcu.h"
#include "broker/parameters.h"
#include "manage/compute_slots.h"

/* --- whether it was imported before ----------------------------------------------------------- */

enum { HASH_TEXT_MAX = 32 };

/* Writes the hash of all sources as a JSON string. */
static void hash_text(const struct definitions_import *what, char ret[HASH_TEXT_MAX])
{
    uint64_t hash = 0;
    for (size_t i = 0; i < what->source_count; i++)
        hash = hash * 31 + lv_hash(what->sources[i].text);
    snprintf(ret, HASH_TEXT_MAX, "\"%016" PRIx64 "\"", hash);
}

struct looking {
    struct slice wanted;
    bool is_found;
};

static void compare_hash(void *arg, const struct definition_global_parameter *row)
{
    struct looking *l = arg;
    l->is_found |=
        slice_is(row->name, IMPORTED_HASH_PARAMETER) && slice_equal(row->value, l->wanted);
}

static bool is_unchanged(struct manage *m, const char *hash)
{
    struct looking l = {.wanted = slice_str(hash)};
    global_parameter_each(m->broker, compare_hash, &l);
    return l.is_found;
}

static int remember_hash(struct manage *m, const char *hash)
{
    struct commit commit;
    commit_begin(&commit);
    int err = global_parameter_set(m->broker, slice_str(IMPORTED_HASH_PARAMETER), slice_str(hash),
                                   (struct durable_done){commit_done, &commit});
    return commit_end(&commit, err);
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool refuse_faults(const struct definitions_report *report, struct manage_error *error)
{
    return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_DEFINITIONS, "%.*s",
                         (int)report->faults.n - 1, (const char *)report->faults.p);
}

/* Hashes are made before anything is changed, for they may fail, and take long. */
static bool hash_passwords(struct manage *m, struct definitions_file *file,
                           struct progress *progress, struct manage_error *error)
{
    const size_t count = file->lists[DEFINED_USERS].count;
    int err = 0;
    bool had_slot = compute_slot_pause();
    for (size_t i = 0; err == 0 && i < count && !progress_is_cancelled(progress); i++) {
        struct defined_user *u = (struct defined_user *)defined_at(&file->lists[DEFINED_USERS], i);
        if (u->has_password && u->password.n > 0)
            err = auth_hash_password(m->auth, u->password, &u->new_algorithm, u->new_hash);
    }
    compute_slot_resume(had_slot);
    return manage_end(error, err);
}

static void log_import(const struct actor *actor, const struct definitions_report *report)
{
    struct lv_buffer text = {0};
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++)
        if (report->listed[kind] > 0)
            lv_buffer_printf(&text, "%s%zu %s", text.n ? ", " : "", report->listed[kind],
                             defined_kind_name(kind));
    actor_log(actor, "definitions are imported: %.*s",
              SLICE_ARG(text.n ? lv_buffer_slice(&text) : slice_str("nothing")));
    lv_buffer_free(&text);
}

static bool import_checked(struct manage *m, const struct actor *actor,
                           struct definitions_file *file, struct progress *progress,
                           struct definitions_report *report, struct manage_error *error)
{
    if (!hash_passwords(m, file, progress, error))
        return false;
    if (!progress_finish(progress)) {
        actor_log(actor, "an import of definitions is cancelled: nothing is changed");
        return true;
    }
    int err = definitions_apply(m, actor, file, progress, report);
    if (err == 0 && report->fault_count > 0)
        return refuse_faults(report, error);
    if (err == 0)
        log_import(actor, report);
    return manage_end(error, err);
}

static void count_rows(const struct definitions_report *report, struct progress *progress)
{
    uint64_t total = 0;
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++)
        total += report->listed[kind];
    progress_set_total(progress, total);
}

static bool import_sources(struct manage *m, const struct actor *actor,
                           const struct definitions_import *what, struct progress *progress,
                           struct definitions_report *report, struct manage_error *error)
{
    struct definitions_file file;
    struct defined_scopes scopes = {0};
    bool is_done = definitions_read(what, report, &file, error);
    if (what->is_read)
        what->is_read(what->arg);
    if (is_done) {
        count_rows(report, progress);
        if (what->skip_unsupported)
            definitions_skip_unsupported(&file, report);
        definitions_check(m, &file, report, &scopes);
        defined_scopes_free(&scopes);
        is_done = report->fault_count == 0
                      ? import_checked(m, actor, &file, progress, report, error)
                      : refuse_faults(report, error);
    }
    definitions_file_free(&file);
    return is_done;
}

static bool compare_sources(struct manage *m, const struct definitions_import *what,
                            struct definitions_report *report, struct json_t **ret,
                            struct manage_error *error)
{
    struct definitions_file file;
    struct defined_scopes scopes = {0};
    bool is_done = definitions_read(what, report, &file, error);
    if (is_done) {
        if (what->skip_unsupported)
            definitions_skip_unsupported(&file, report);
        definitions_check(m, &file, report, &scopes);
        defined_scopes_free(&scopes);
        is_done = report->fault_count == 0 || refuse_faults(report, error);
    }
    if (is_done)
        *ret = definitions_compare(m, what->vhost, &file);
    definitions_file_free(&file);
    return is_done;
}

bool manage_compare_definitions(struct manage *m, const struct actor *actor,
                                const struct definitions_import *what,
                                struct definitions_report *report, struct json_t **ret,
                                struct manage_error *error)
{
    return actor_check_rank(actor, ACTOR_ADMINISTRATOR, error) &&
           (!what->vhost || manage_vhost(m, *what->vhost, error)) &&
           compare_sources(m, what, report, ret, error);
}

bool manage_import_definitions(struct manage *m, const struct actor *actor,
                               const struct definitions_import *what, struct progress *progress,
                               struct definitions_report *report, struct manage_error *error)
{
    char hash[HASH_TEXT_MAX];
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error) ||
        (what->vhost && !manage_vhost(m, *what->vhost, error)))
        return false;
    hash_text(what, hash);
    report->is_unchanged = what->skip_if_unchanged && is_unchanged(m, hash);
    if (report->is_unchanged)
        return true;
    if (!import_sources(m, actor, what, progress, report, error))
        return false;
    bool is_to_be_kept = what->skip_if_unchanged && !progress_is_cancelled(progress);
    return !is_to_be_kept || manage_end(error, remember_hash(m, hash));
}
