/* The facts that `leveretctl status` and `environment` show about the process. Any thread. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "leveretd/leveretd.h"

static json_t *json_of_uint(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* The process's descriptors, and those of them that are sockets. */
struct open_files {
    uint64_t all, sockets;
};

static bool is_socket(DIR *dir, const char *name)
{
    char target[16] = "";
    ssize_t n = readlinkat(dirfd(dir), name, target, sizeof target - 1);
    return n > 0 && strncmp(target, "socket:", strlen("socket:")) == 0;
}

static struct open_files count_open_files(void)
{
    struct open_files count = {0};
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return count;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        count.all += entry->d_name[0] != '.';
        count.sockets += is_socket(dir, entry->d_name);
    }
    closedir(dir);
    count.all--; /* without the descriptor of this listing */
    return count;
}

static json_t *listeners_of(const struct leveretd *d)
{
    char protocol[LISTENER_WORDS_MAX], purpose[LISTENER_WORDS_MAX];
    json_t *list = json_array();
    for (size_t i = 0; i < d->listeners.count; i++) {
        const struct listener *l = &d->listeners.items[i];
        json_t *one = json_object();
        json_object_set_new(one, "interface", json_string(l->address));
        json_object_set_new(one, "port", json_of_uint(l->port));
        listener_words(l, protocol, purpose);
        json_object_set_new(one, "protocol", json_string(protocol));
        json_object_set_new(one, "purpose", json_string(purpose));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *alarms_of(struct leveretd *d)
{
    static const struct {
        unsigned alarm;
        const char *name;
    } names[] = {
        {BROKER_ALARM_DISK, "disk"},
        {BROKER_ALARM_MEMORY, "memory"},
        {BROKER_ALARM_LOG, "log"},
        {BROKER_ALARM_STORE, "store"},
    };
    json_t *list = json_array();
    unsigned alarms = atomic_load_explicit(&d->broker->alarms, memory_order_relaxed);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (alarms & names[i].alarm)
            json_array_append_new(list, json_string(names[i].name));
    return list;
}

void leveretd_facts(void *arg, json_t *object)
{
    struct leveretd *d = arg;
    const struct config *config = d->config;
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    struct alarm_facts facts;
    alarms_facts(d->alarms, &facts);
    json_object_set_new(object, "pid", json_of_uint((uint64_t)getpid()));
    json_object_set_new(object, "uptime", json_of_uint((clock_up_ms() - d->begun_up_ms) / 1000));
    json_object_set_new(object, "leveret_version", json_string(LEVERET_VERSION));
    json_object_set_new(object, "platform", json_string(d->platform));
    json_object_set_new(object, "loops", json_of_uint(loops_count(d->loops)));
    json_object_set_new(object, "data_directory", json_string(config->data_dir));
    json_t *config_files = json_array();
    for (size_t i = 0; i < config->file_count; i++)
        json_array_append_new(config_files, json_string(config->files[i]));
    json_object_set_new(object, "config_files", config_files);
    json_object_set_new(object, "alarms", alarms_of(d));
    json_object_set_new(object, "memory_used", json_of_uint(facts.readings.memory_bytes));
    json_object_set_new(object, "memory_limit", json_of_uint(facts.limits.memory_bytes));
    json_object_set_new(object, "memory_setting",
                        config->memory_bytes != CONFIG_NONE
                            ? json_of_uint((uint64_t)config->memory_bytes)
                            : json_real(config->memory_relative));
    json_object_set_new(object, "disk_free", json_of_uint(facts.readings.disk_free_bytes));
    json_object_set_new(object, "disk_free_limit", json_of_uint(facts.limits.disk_free_bytes));
    struct open_files open = count_open_files();
    json_object_set_new(object, "files_used", json_of_uint(open.all));
    json_object_set_new(object, "files_limit", json_of_uint((uint64_t)files.rlim_cur));
    json_object_set_new(object, "sockets_used", json_of_uint(open.sockets));
    json_object_set_new(object, "sockets_limit",
                        json_of_uint((uint64_t)files.rlim_cur - d->descriptors_for_files));
    json_object_set_new(object, "listeners", listeners_of(d));
    json_object_set_new(object, "certificates", tls_keeper_certificates(d->tls_keeper));
}

static void add_setting(void *arg, const char *key, const char *value, const char *fallback,
                        const char *origin)
{
    json_object_set_new(arg, key,
                        json_pack("{s:s, s:s, s:s}", "value", value, "default", fallback, "origin",
                                  origin ? origin : "default"));
}

void leveretd_environment(void *arg, json_t *object)
{
    struct leveretd *d = arg;
    config_visit_all(d->config, add_setting, object);
}
