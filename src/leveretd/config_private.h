/* What the files of the config share: a row of the table of settings, its types, and how a
 * complaint is said. Private to config*.c. */
#ifndef LEVERET_LEVERETD_CONFIG_PRIVATE_H
#define LEVERET_LEVERETD_CONFIG_PRIVATE_H

#include "leveretd/config.h"

struct lv_buffer;

enum type {
    TYPE_NUMBER,
    TYPE_NUMBER_OR_NONE,
    TYPE_NUMBER_OR_ZERO,
    TYPE_BYTES,
    TYPE_BYTES_OR_NONE,
    TYPE_BOOL,
    TYPE_RATIO,
    TYPE_STRING,
    TYPE_SECRET,
    TYPE_PATTERN,
    TYPE_ENUM,
    TYPE_LEVEL,
    TYPE_LEVEL_OR_NONE,
    TYPE_FLAGS,
    TYPE_LISTENERS,
};

/* A row of CONFIG_SETTINGS. */
struct setting {
    const char *key;
    const char *value; /* the default */
    int64_t from;
    int64_t to;
    size_t offset; /* in struct config */
    enum type type;
    bool is_reloadable;
};

/* --- what is wrong, and where: config_keys.c -------------------------------------------------- */

struct place {
    const char *name; /* a file, or what stands for one */
    int line;         /* 0: not a file */
    config_say say;
    void *arg;
};

/* Says one line about the place, which goes before it. */
void config_tell(const struct place *place, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Remarks on a key that sets something which this version does not act on. */
void config_tell_waiting(const char *key, const struct place *place);
/* Says that a key sets nothing: RabbitMQ's, with the reason, or nobody's. */
void config_tell_unknown(const char *key, const struct place *place);

/* --- by key: config.c ------------------------------------------------------------------------- */

/* Sets what the key, or another name for it, means. ERR_INVALID after it was said; ERR_NOT_FOUND
 * without a word. */
int config_set_by_key(struct config *config, const char *key, const char *value,
                      const struct place *place);

/* --- one value: config_values.c --------------------------------------------------------------- */

/* The setting's member of the config. */
void *config_member(const struct config *config, const struct setting *s);
/* Reads a value into the setting's member. `name` is the name in a list, which others do not look
 * at. False: not a value of that type, or out of bounds; then the member is unchanged. */
bool config_value_read(struct config *config, const struct setting *s, const char *name,
                       const char *value);
/* Appends what a value of that setting looks like, for the complaint. */
void config_value_describe(const struct setting *s, struct lv_buffer *out);
/* Appends the value as a file would have it, secrets too. */
void config_value_print(const struct config *config, const struct setting *s,
                        struct lv_buffer *out);
/* Decimal digits at the beginning of the text; *ret_end is behind them. False: none, or too many
 * (then both are unchanged). */
bool config_digits_read(const char *text, int64_t *ret, const char **ret_end);
/* true, false, on, off. */
bool config_bool_read(const char *value, bool *ret);

/* --- lists: config_lists.c -------------------------------------------------------------------- */

/* Sets or clears the flag of that name. False: the value is no bool. */
bool config_flag_read(struct config_flags *flags, const char *name, const char *value);
/* Frees what is in it; it is empty then. */
void config_flags_clear(struct config_flags *flags);
void config_flags_print(const struct config_flags *flags, struct lv_buffer *out);
/* Sets the listener of that name to `PORT` or `ADDRESS:PORT`. False: it is neither. */
bool config_listener_read(struct config_listeners *listeners, const char *name, const char *value);
/* Frees what is in it; it is empty then. */
void config_listeners_clear(struct config_listeners *listeners);
void config_listeners_print(const struct config_listeners *listeners, struct lv_buffer *out);
/* A port from 0 to 65535 and nothing else. */
bool config_port_read(const char *text, uint16_t *ret);

/* --- text: config_file.c ---------------------------------------------------------------------- */

/* Takes the first line, without its end, from the text. */
struct slice config_take_line(struct slice *rest);
/* Appends a whole file. ERR_TOO_LARGE: above 1 MiB. Blocks. */
int config_read_whole(const char *path, struct lv_buffer *out);

#endif
