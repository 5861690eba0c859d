/* Reads the files, fetches the one on a web server, and has them imported, all of them or none:
 * they may refer to each other. */
#include "leveretd/load_definitions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/fetch.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/vec.h"
#include "leveretd/config_tls.h"
#include "manage/definitions.h"

enum {
    READ_BYTES = 64 * 1024,
    CONNECTION_TIMEOUT_MS_MAX = 30 * 1000,
};

struct loaded_file {
    char *name; /* owned */
    struct lv_buffer text;
};

struct loading {
    const char *path;       /* of the files; "": none */
    struct lv_buffer shown; /* the path and the URL, for messages */
    struct loaded_file *files;
    size_t count, capacity;
};

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct loaded_file *)a)->name, ((const struct loaded_file *)b)->name);
}

/* Appends the file's content. Returns 0 or a negative error. */
static int file_read(const char *path, struct lv_buffer *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lv_error_from_errno(errno);
    ssize_t n;
    do {
        n = read(fd, lv_buffer_reserve(text, READ_BYTES), READ_BYTES);
        text->n += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && text->n <= DEFINITIONS_BYTES_MAX) || (n < 0 && errno == EINTR));
    int err = n < 0 ? lv_error_from_errno(errno) : 0;
    close(fd);
    return err;
}

static int add_file(struct loading *l, const char *name, const char *path)
{
    lv_vec_room(l->files, l->count, l->capacity);
    struct loaded_file *file = &l->files[l->count++];
    *file = (struct loaded_file){.name = slice_strdup(slice_str(name))};
    int err = file_read(path, &file->text);
    if (err < 0)
        log_error("definitions: cannot read %s: %s", path, lv_error_reason(err));
    return err;
}

/* Adds the files of the directory whose names do not begin with a dot. */
static int add_directory(struct loading *l)
{
    DIR *directory = opendir(l->path);
    if (!directory) {
        int err = lv_error_from_errno(errno);
        log_error("definitions: cannot read %s: %s", l->path, lv_error_reason(err));
        return err;
    }
    int err = 0;
    struct dirent *entry;
    struct lv_buffer path = {0};
    struct stat st;
    while (err == 0 && (entry = readdir(directory))) {
        path.n = 0;
        lv_buffer_printf(&path, "%s/%s", l->path, entry->d_name);
        if (entry->d_name[0] != '.' && stat((const char *)path.p, &st) == 0 && S_ISREG(st.st_mode))
            err = add_file(l, entry->d_name, (const char *)path.p);
    }
    closedir(directory);
    lv_buffer_free(&path);
    if (l->count > 1)
        qsort(l->files, l->count, sizeof *l->files, compare_files);
    return err;
}

static int read_files(struct loading *l)
{
    struct stat st;
    if (l->path[0] == '\0')
        return 0;
    if (stat(l->path, &st) == 0 && S_ISDIR(st.st_mode))
        return add_directory(l);
    return add_file(l, l->path, l->path);
}

/* Returns the list, or NULL if it is empty. */
static const char *list_of(const struct lv_buffer *ciphers)
{
    return ciphers->n > 0 ? (const char *)ciphers->p : NULL;
}

/* Fetches the file by backend_fetch(). The settings have been checked. */
static int fetch(const struct config *config, struct lv_buffer *text, struct lv_buffer *url,
                 struct lv_buffer *reason)
{
    const int timeout_ms = (int)config->definitions_timeout_ms;
    struct config_tls_client spoken;
    config_tls_of_definitions(config, config_say_nothing, NULL, &spoken);
    const struct fetch_request request = {
        .url = config->definitions_url,
        .bytes_max = DEFINITIONS_BYTES_MAX,
        .connection_timeout_ms =
            timeout_ms < CONNECTION_TIMEOUT_MS_MAX ? timeout_ms : CONNECTION_TIMEOUT_MS_MAX,
        .timeout_ms = timeout_ms,
        .tls =
            {
                .is_unverified = config->definitions_verify == CONFIG_VERIFY_NONE,
                .ca_file = config->definitions_cacertfile,
                .certificate_file = config->definitions_certfile,
                .key_file = config->definitions_keyfile,
                .key_password = config->definitions_password,
                .depth = (int)config->definitions_depth,
            },
        .protocol =
            {
                .lacks_1_2 = !(spoken.versions & TLS_1_2),
                .lacks_1_3 = !(spoken.versions & TLS_1_3),
                .ciphers_1_2 = list_of(&spoken.ciphers.tls_1_2),
                .ciphers_1_3 = list_of(&spoken.ciphers.tls_1_3),
            },
    };
    int err = backend_fetch(&request, text, url, reason);
    tls_ciphers_free(&spoken.ciphers);
    return err;
}

/* Fetches the file that is on a web server, if there is one. */
static int fetch_file(struct loading *l, const struct config *config)
{
    if (!config_fetches_definitions(config))
        return 0;
    struct lv_buffer url = {0};
    struct lv_buffer reason = {0};
    struct lv_buffer text = {0};
    log_info("definitions: fetching what definitions.https.url names, for at most %lld ms",
             (long long)config->definitions_timeout_ms);
    int err = fetch(config, &text, &url, &reason);
    if (url.n == 0)
        lv_buffer_printf(&url, "what definitions.https.url names");
    if (err < 0)
        log_error("definitions: cannot fetch %.*s: %.*s", SLICE_ARG(lv_buffer_slice(&url)),
                  SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_printf(&l->shown, "%s%.*s", l->path[0] ? " and " : "",
                     SLICE_ARG(lv_buffer_slice(&url)));
    lv_vec_room(l->files, l->count, l->capacity);
    l->files[l->count++] = (struct loaded_file){slice_strdup(lv_buffer_slice(&url)), text};
    lv_buffer_free(&url);
    lv_buffer_free(&reason);
    return err;
}

/* The texts have been read, and their memory is needed for what they define. */
static void free_texts(void *arg)
{
    struct loading *l = arg;
    for (size_t i = 0; i < l->count; i++)
        lv_buffer_free(&l->files[i].text);
}

static void loading_free(struct loading *l)
{
    free_texts(l);
    for (size_t i = 0; i < l->count; i++)
        free(l->files[i].name);
    free(l->files);
    lv_buffer_free(&l->shown);
}

/* Logs how it went. Without a user nobody can log in: as in RabbitMQ, the default user is not
 * created if definitions are to be loaded. */
static int log_result(const struct leveretd *d, const struct loading *l, bool is_done,
                      const struct definitions_report *report, const struct manage_error *error)
{
    const struct slice shown = lv_buffer_slice(&l->shown);
    definitions_report_log(report);
    if (!is_done) {
        if (report->fault_count == 0)
            log_error("definitions: %.*s", SLICE_ARG(lv_buffer_slice(&error->text)));
        log_error("cannot load the definitions in %.*s: %s", SLICE_ARG(shown),
                  error->refusal == REFUSAL_INTERNAL ? "they could not be stored"
                                                     : "they have faults, and nothing was changed");
        return EXIT_DEFINITIONS;
    }
    if (report->is_unchanged)
        log_info("definitions: %.*s is unchanged since it was last loaded", SLICE_ARG(shown));
    if (auth_user_count(d->auth) == 0)
        log_warning("there is no user: %.*s has none, and the default user is not created if "
                    "definitions are loaded; create one with leveretctl add_user",
                    SLICE_ARG(shown));
    return EXIT_OK;
}

static int import(struct leveretd *d, struct loading *l)
{
    static const struct actor actor = {
        .name = {(const uint8_t *)EVENT_ACTOR_INTERNAL, sizeof EVENT_ACTOR_INTERNAL - 1}};
    struct manage m = d->manage;
    m.asker = NULL; /* no loop runs yet */
    struct definitions_source *sources = lv_calloc(l->count + 1, sizeof *sources);
    for (size_t i = 0; i < l->count; i++)
        sources[i] = (struct definitions_source){l->count > 1 ? l->files[i].name : NULL,
                                                 lv_buffer_slice(&l->files[i].text)};
    const struct definitions_import what = {
        .sources = sources,
        .source_count = l->count,
        .is_read = free_texts,
        .arg = l,
        .skip_if_unchanged = d->config->definitions_skip_if_unchanged,
        .skip_unsupported = d->config->definitions_skip_unsupported,
    };
    struct definitions_report report = {0};
    struct manage_error error = {0};
    bool is_done = manage_import_definitions(&m, &actor, &what, NULL, &report, &error);
    int code = log_result(d, l, is_done, &report, &error);
    definitions_report_free(&report);
    manage_error_free(&error);
    free(sources);
    return code;
}

int leveretd_load_definitions(struct leveretd *d)
{
    struct loading l = {.path = d->config->load_definitions};
    if (!config_loads_definitions(d->config))
        return EXIT_OK;
    lv_buffer_printf(&l.shown, "%s", l.path);
    int code = EXIT_DEFINITIONS;
    if (read_files(&l) == 0 && fetch_file(&l, d->config) == 0)
        code = import(d, &l);
    loading_free(&l);
    return code;
}
