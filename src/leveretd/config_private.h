/* Shared by the files of the config: a row of the table of settings, the types of values, and how
 * an error is reported. Private to config*.c. */
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
    TYPE_LIST,
    TYPE_PAIRS,
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

extern const struct setting config_settings[]; /* of CONFIG_SETTING_COUNT rows */

/* --- reports: config_keys.c ------------------------------------------------------------------- */

/* Where a key is set, and who is told about it. */
struct location {
    const char *source; /* a file's name, or a flag or an environment variable */
    int line;           /* in the file, from 1; 0: not from a file */
    config_say say;
    void *arg;
    bool is_secret; /* the value is not shown: it was encrypted */
};

/* Reports one line, which begins with the location: "FILE:LINE: ...". */
void config_tell(const struct location *location, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Reports that the key sets nothing: says why if RabbitMQ has this key, else that it is unknown. */
void config_tell_unknown(const char *key, const struct location *location);

/* Returns the known key that is nearest to an unknown one, or NULL if none is near. The caller owns
 * it. (config_suggest.c) */
char *config_suggest(const char *key);
/* What is considered for that: a key, or a family whose name ends with a star. */
struct nearest;
void config_suggest_consider(struct nearest *nearest, const char *known);
/* Considers RabbitMQ's keys that have no effect here (config_keys.c), and other names of keys
 * (config.c). */
void config_suggest_idle(struct nearest *nearest);
void config_suggest_aliases(struct nearest *nearest);

/* --- by key: config.c ------------------------------------------------------------------------- */

/* Sets the setting of that key, which may be an alias. Returns ERR_INVALID after reporting a bad
 * value, or ERR_NOT_FOUND, unreported, if there is no such key. */
int config_set_by_key(struct config *config, const char *key, const char *value,
                      const struct location *location);

/* Returns the key that the key is another name of, or the key itself. */
const char *config_canonical_key(const char *key);
/* Returns true if the key is a family's without its star, such as "loopback_users", which can be
 * set to none. */
bool config_key_is_family(const char *key);
/* Returns the default of the key's setting, or NULL if there is no such key, or it has none. */
const char *config_default_of(const char *key);

/* --- encrypted values: config_decoder.c ------------------------------------------------------- */

/* Returns true if the value begins with "encrypted:". */
bool config_is_encrypted(const char *value);
/* Checks the settings of the decoder, and reads the passphrase from its file. Returns ERR_INVALID
 * after reporting what is wrong. Blocks. */
int config_decoder_load(struct config *config, config_say say, void *arg);
/* Returns the decrypted value, which the caller owns, or NULL after reporting why there is none. */
char *config_decrypt(const struct config *config, const char *key, const char *value,
                     const struct location *location);

/* --- one value: config_values.c --------------------------------------------------------------- */

/* Returns the setting's member of the config. */
void *config_member(const struct config *config, const struct setting *s);
/* Returns true for the types that know for each entry whether it is shown. */
bool config_type_has_own_secrets(enum type type);
/* Returns true for the types whose key has a star, which stands for an entry's name. */
bool config_type_has_entries(enum type type);
/* Reads a value into the setting's member. `name` is the entry's name in a setting that has
 * entries, ignored for other types; `origin`, or NULL for a default, is copied into entries that
 * keep it. Returns false, with the member unchanged, if the text is not a value of the setting's
 * type or is out of bounds. */
bool config_value_read(struct config *config, const struct setting *s, const char *name,
                       const char *value, const char *origin);
/* Marks the entry of that name, in a LIST or PAIRS, as one whose value is not shown. */
void config_value_hide(struct config *config, const struct setting *s, const char *name);
/* Removes the entries of a setting that has them, and frees them. */
void config_value_clear(struct config *config, const struct setting *s);
/* Appends which values the setting takes, for an error that ends with "expected ...". */
void config_value_describe(const struct setting *s, struct lv_buffer *out);
/* Returns whether the value is one of a setting's words (`from` of its row). */
bool config_word_is(const struct setting *s, const char *value);
/* Appends the value as a file would have it, also that of a SECRET; with `is_shown`, secret entries
 * of PAIRS and of a LIST are "<redacted>". */
void config_value_print(const struct config *config, const struct setting *s, bool is_shown,
                        struct lv_buffer *out);
/* Reads the decimal digits at the beginning of the text; *ret_end points behind them. Returns false
 * if there are none or the number is above INT64_MAX: the caller then uses neither result. */
bool config_digits_read(const char *text, int64_t *ret, const char **ret_end);
/* Reads true, false, on or off. Returns false if the text is none of them. */
bool config_bool_read(const char *value, bool *ret);

/* --- shown: config_print.c -------------------------------------------------------------------- */

/* Appends the value of a setting, or "<redacted>". */
void config_value_show(const struct config *config, size_t index, struct lv_buffer *out);
/* Overwrites the text, which may be a secret, and frees it. NULL is fine. */
void config_text_free(char *text);

/* --- lists: config_lists.c -------------------------------------------------------------------- */

/* Sets or clears the flag of that name. Returns false if the value is not a bool. */
bool config_flag_read(struct config_flags *flags, const char *name, const char *value);
/* Empties the list and frees its names. */
void config_flags_clear(struct config_flags *flags);
void config_flags_print(const struct config_flags *flags, struct lv_buffer *out);
/* Adds or replaces the listener of that name, with `PORT` or `ADDRESS:PORT`. Returns false if the
 * value is neither, or if there are CONFIG_LISTENERS_MAX others. */
bool config_listener_read(struct config_listeners *listeners, const char *name, const char *value);
/* Empties the list and frees its names and addresses. */
void config_listeners_clear(struct config_listeners *listeners);
void config_listeners_print(const struct config_listeners *listeners, struct lv_buffer *out);
/* Adds an entry, or replaces the value of the one of that name, and returns it, borrowed until the
 * next call. Copies its arguments; `origin` may be NULL. With `is_sorted`, entries are kept in a
 * LIST's order, else in that of the calls. */
struct config_pair *config_pairs_put(struct config_pairs *pairs, const char *name,
                                     const char *value, const char *origin, bool is_sorted);
/* Adds the values between spaces, named "1", "2" ... */
void config_pairs_put_words(struct config_pairs *pairs, const char *words);
/* Returns true if the entry's value must not be shown: it was encrypted, or its name ends with
 * "password", "passphrase" or "secret". */
bool config_pair_is_secret(const struct config_pair *pair);
/* Empties the list and frees its entries. */
void config_pairs_clear(struct config_pairs *pairs);
/* Appends the values, with "NAME = " before each unless `has_names` is false, and a space between
 * two of them; "<redacted>" for a secret one if `is_shown`. */
void config_pairs_print(const struct config_pairs *pairs, bool has_names, bool is_shown,
                        struct lv_buffer *out);
/* Returns a numeric address without its brackets, or NULL if the text is not one. "localhost" is
 * 127.0.0.1; "auto", "*" and no text are every address, which is "". The caller owns it. */
char *config_address_read(struct slice text);
/* Reads a port from 0 to 65535. Returns false if the text is anything else. */
bool config_port_read(const char *text, uint16_t *ret);

/* --- text: config_file.c ---------------------------------------------------------------------- */

/* Takes the first line off *rest and returns it without its line end. */
struct slice config_take_line(struct slice *rest);
/* Appends the content of a file to *out. Returns ERR_TOO_LARGE if it is larger than 1 MiB. Blocks.
 */
int config_read_whole(const char *path, struct lv_buffer *out);

#endif
