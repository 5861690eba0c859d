/* `cipher_suites`: the ciphers that listeners offer, by OpenSSL's names or as Erlang's terms. */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

static bool is_form(const struct invocation *i, const char *form)
{
    const char *given = i->values[OPTION_FORMAT];
    return strcmp(given ? given : "openssl", form) == 0;
}

static bool is_erlang(const struct invocation *i)
{
    return is_form(i, "erlang");
}

static bool is_map(const struct invocation *i)
{
    return is_form(i, "map");
}

const struct text_choice cipher_banners[] = {
    {is_erlang, "Listing available cipher suites in Erlang term format"},
    {is_map, "Listing available cipher suites in map format"},
    {NULL, "Listing available cipher suites in OpenSSL format"},
};

int ciphers_check(const struct invocation *i, const struct command *c)
{
    if (is_form(i, "openssl") || is_erlang(i) || is_map(i))
        return EXIT_OK;
    return usage_error(i, c, EXIT_DATA,
                       "Bad argument: Format should be either openssl, erlang or map");
}

static const char *word(const json_t *row, size_t at)
{
    return json_string_value(json_array_get(row, at));
}

static void keep_row(void *rows, const json_t *row)
{
    json_array_append(rows, (json_t *)(uintptr_t)row);
}

/* Returns a cipher as JSON: a name, or an object. */
static json_t *value_of(const struct invocation *i, const json_t *row)
{
    if (is_form(i, "openssl"))
        return json_string(word(row, 0));
    return json_pack("{s:s, s:s, s:s, s:s}", "cipher", word(row, 2), "key_exchange", word(row, 1),
                     "mac", word(row, 3), "prf", word(row, 4));
}

static void print_terms(const struct invocation *i, const json_t *rows)
{
    const json_t *row;
    size_t r;
    printf("[\n");
    json_array_foreach(rows, r, row)
    {
        if (is_map(i))
            printf("%s#{cipher => %s,key_exchange => %s,mac => %s,prf => %s}\n", r ? "," : "",
                   word(row, 2), word(row, 1), word(row, 3), word(row, 4));
        else
            printf("%s{%s,%s,%s,%s}\n", r ? "," : "", word(row, 1), word(row, 2), word(row, 3),
                   word(row, 4));
    }
    printf("]\n");
}

static void print_ciphers(const struct invocation *i, const json_t *rows)
{
    const json_t *row;
    size_t r;
    if (i->format == FORMAT_JSON) {
        json_t *values = json_array();
        json_array_foreach(rows, r, row) json_array_append_new(values, value_of(i, row));
        say_json(values);
    } else if (is_form(i, "openssl")) {
        json_array_foreach(rows, r, row) printf("%s\n", word(row, 0));
    } else {
        print_terms(i, rows);
    }
}

int run_cipher_suites(struct invocation *i, const struct command *c)
{
    json_t *rows = json_array(), *answer;
    int code =
        broker_ask(i, c, command_banner(i, c), request_create(i, c), keep_row, rows, &answer);
    if (code == EXIT_OK) {
        print_ciphers(i, rows);
        json_decref(answer);
    }
    json_decref(rows);
    return code;
}
