/* encode, decode and what there is for them: as rabbitmqctl has them, without a broker.
 *
 * A value to encode is a string ("secret"), a binary (<<"secret">>), or text. Text is encoded as a
 * string, where rabbitmqctl makes an atom or a number of it: RabbitMQ could not use these as a
 * password. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/erlang_term.h"
#include "base/error.h"
#include "leveretctl/encryption.h"
#include "leveretctl/talk.h"

/* --- what is typed ---------------------------------------------------------------------------- */

static const char *value_or(const struct invocation *i, enum option option, const char *fallback)
{
    return is_given(i, option) ? i->values[option] : fallback;
}

/* Reads the three options. Returns EXIT_OK, or the exit code after saying which one is wrong. */
static int take_options(const struct invocation *i, const struct command *c,
                        const struct encryption_module *module, struct encryption *ret)
{
    json_int_t iterations = ENCRYPTED_DEFAULT_ITERATIONS;
    ret->cipher = value_or(i, OPTION_CIPHER, ENCRYPTED_DEFAULT_CIPHER);
    ret->hash = value_or(i, OPTION_HASH, ENCRYPTED_DEFAULT_HASH);
    if (!module->has_cipher(ret->cipher))
        return usage_error(i, c, EXIT_DATA, "Bad argument: The requested cipher is not supported.");
    if (!module->has_hash(ret->hash))
        return usage_error(i, c, EXIT_DATA, "Bad argument: The requested hash is not supported");
    if (is_given(i, OPTION_ITERATIONS) && !read_number(i->values[OPTION_ITERATIONS], &iterations))
        iterations = 0;
    if (iterations < 1 || iterations > ENCRYPTED_ITERATIONS_MAX)
        return usage_error(i, c, EXIT_DATA,
                           "Bad argument: The requested number of iterations is incorrect");
    ret->iterations = iterations;
    return EXIT_OK;
}

/* Appends an argument, or if it is missing a line of standard input. Returns EXIT_OK, or the exit
 * code after saying that there is none. */
static int take_argument(const struct invocation *i, size_t index, const char *prompt,
                         struct lv_buffer *out)
{
    bool has_prompt = !is_quiet(i) && format_is_for_people(i->format);
    if (index < i->argument_count) {
        lv_buffer_printf(out, "%s", i->arguments[index]);
        return EXIT_OK;
    }
    if (secret_read(has_prompt ? prompt : NULL, out))
        return EXIT_OK;
    return say_error(EXIT_USAGE, "not enough arguments.");
}

/* Appends the text of an Erlang string or binary, and says which it was; else the whole input. */
static enum encrypted_kind read_term(struct slice input, struct lv_buffer *out)
{
    struct erlang_terms terms;
    struct erlang_fault fault;
    enum encrypted_kind kind = ENCRYPTED_STRING;
    struct slice text = input;
    bool is_term = erlang_terms_parse(input, &terms, &fault) == 0;
    const struct erlang_term *term = is_term && terms.count == 1 ? &terms.items[0] : NULL;
    if (term && erlang_is_tuple(term, 2) && erlang_is_atom(&term->items[0], "encrypted"))
        term = &term->items[1];
    if (term && (term->type == ERLANG_STRING || term->type == ERLANG_BINARY)) {
        text = term->text;
        kind = term->type == ERLANG_BINARY ? ENCRYPTED_BINARY : ENCRYPTED_STRING;
    }
    lv_buffer_add_slice(out, text);
    if (is_term)
        erlang_terms_free(&terms);
    return kind;
}

/* --- encode ----------------------------------------------------------------------------------- */

static void say_encoded(const struct invocation *i, const struct lv_buffer *base64)
{
    if (i->format == FORMAT_JSON)
        say_value(i, json_pack("[s, s%]", "encrypted", base64->p, base64->n));
    else
        printf("{encrypted,<<\"%.*s\">>}\n", (int)base64->n, (const char *)base64->p);
}

/* As a line of rabbitmq.conf has the value. */
static void say_conf_value(const struct invocation *i, const struct lv_buffer *base64)
{
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "encrypted:%.*s", (int)base64->n, (const char *)base64->p);
    if (i->format == FORMAT_JSON)
        say_value(i, json_stringn((const char *)text.p, text.n));
    else
        printf("%s\n", text_of(&text));
    lv_buffer_free(&text);
}

typedef void say_fn(const struct invocation *i, const struct lv_buffer *base64);

static int encode_and_say(const struct invocation *i, const struct encryption_module *module,
                          const struct encryption *e, struct slice input, struct slice passphrase,
                          say_fn *say)
{
    struct lv_buffer text = {0};
    struct lv_buffer base64 = {0};
    enum encrypted_kind kind = read_term(input, &text);
    int err = module->encode(e, passphrase, kind, lv_buffer_slice(&text), &base64);
    if (err == 0)
        say(i, &base64);
    lv_buffer_free(&text);
    lv_buffer_free(&base64);
    return err == 0 ? EXIT_OK
                    : say_error(EXIT_UNAVAILABLE, "Error during cipher operation: %s",
                                lv_error_text(err));
}

static int encode(const struct invocation *i, const struct encryption_module *module,
                  const struct encryption *e, struct slice input, struct slice passphrase)
{
    return encode_and_say(i, module, e, input, passphrase, say_encoded);
}

static int encrypt_conf_value(const struct invocation *i, const struct encryption_module *module,
                              const struct encryption *e, struct slice input,
                              struct slice passphrase)
{
    return encode_and_say(i, module, e, input, passphrase, say_conf_value);
}

/* --- decode ----------------------------------------------------------------------------------- */

/* Prints a string or an atom as Erlang shows it between these quotes. */
static void print_quoted(struct slice text, char quote)
{
    putchar(quote);
    for (size_t n = 0; n < text.n; n++) {
        int c = text.p[n];
        if (c == '\n')
            fputs("\\n", stdout);
        else if (c == '\t')
            fputs("\\t", stdout);
        else if (c < ' ' || c == 0x7f)
            printf("\\x{%X}", (unsigned)c);
        else
            printf(c == quote || c == '\\' ? "\\%c" : "%c", c);
    }
    putchar(quote);
}

static bool is_plain_atom(struct slice text)
{
    bool is_plain = text.n > 0 && text.p[0] >= 'a' && text.p[0] <= 'z';
    for (size_t n = 0; n < text.n && is_plain; n++)
        is_plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@",
                          text.p[n]) != NULL &&
                   text.p[n] != '\0';
    return is_plain;
}

static void say_decoded(const struct invocation *i, struct slice text, enum encrypted_kind kind)
{
    if (i->format == FORMAT_JSON) {
        json_t *value = json_stringn((const char *)text.p, text.n);
        say_value(i, value ? value : json_null());
        return;
    }
    if (kind == ENCRYPTED_INTEGER || (kind == ENCRYPTED_ATOM && is_plain_atom(text))) {
        printf("%.*s\n", SLICE_ARG(text));
        return;
    }
    fputs(kind == ENCRYPTED_BINARY ? "<<" : "", stdout);
    print_quoted(text, kind == ENCRYPTED_ATOM ? '\'' : '"');
    fputs(kind == ENCRYPTED_BINARY ? ">>\n" : "\n", stdout);
}

static int decode(const struct invocation *i, const struct encryption_module *module,
                  const struct encryption *e, struct slice input, struct slice passphrase)
{
    struct lv_buffer base64 = {0};
    struct lv_buffer text = {0};
    enum encrypted_kind kind;
    if (slice_begins(input, "encrypted:"))
        input = slice_of(input.p + strlen("encrypted:"), input.n - strlen("encrypted:"));
    read_term(input, &base64);
    int err = module->decode(e, passphrase, lv_buffer_slice(&base64), &text, &kind);
    if (err == 0)
        say_decoded(i, lv_buffer_slice(&text), kind);
    lv_buffer_free(&base64);
    lv_buffer_free(&text);
    return err == 0 ? EXIT_OK
                    : say_error(EXIT_UNAVAILABLE,
                                "Failed to decrypt the value. Things to check: is the passphrase "
                                "correct? Are the cipher and hash algorithms the same as those "
                                "used for encryption?");
}

/* --- the commands ----------------------------------------------------------------------------- */

typedef int code_fn(const struct invocation *i, const struct encryption_module *module,
                    const struct encryption *e, struct slice input, struct slice passphrase);

static int run(const struct invocation *i, const struct command *c, code_fn *code_it)
{
    struct encryption_module module;
    struct encryption e;
    struct lv_buffer input = {0};
    struct lv_buffer passphrase = {0};
    int code = encryption_load(&module);
    if (code == EXIT_OK)
        code = take_options(i, c, &module, &e);
    if (code != EXIT_OK)
        return code;
    say_banner(i, command_banner(i, c));
    code = take_argument(i, 0, "Value to encode: ", &input);
    if (code == EXIT_OK)
        code = take_argument(i, 1, "Passphrase: ", &passphrase);
    if (code == EXIT_OK)
        code = code_it(i, &module, &e, lv_buffer_slice(&input), lv_buffer_slice(&passphrase));
    lv_buffer_free(&input);
    lv_buffer_free(&passphrase);
    return code;
}

int run_encode(struct invocation *i, const struct command *c)
{
    return run(i, c, encode);
}

int run_encrypt_conf_value(struct invocation *i, const struct command *c)
{
    return run(i, c, encrypt_conf_value);
}

int run_decode(struct invocation *i, const struct command *c)
{
    return run(i, c, decode);
}

enum { LINE_COLUMNS = 80 };

/* Prints names as an Erlang list, in lines of 80 columns. */
static void print_names(const char *(*name_at)(size_t index))
{
    size_t column = 1;
    putchar('[');
    for (size_t n = 0; name_at(n); n++) {
        const char *name = name_at(n);
        size_t width = strlen(name) + 1; /* with what follows it */
        if (column + width > LINE_COLUMNS) {
            fputs("\n ", stdout);
            column = 1;
        }
        printf("%s%s", name, name_at(n + 1) ? "," : "]\n");
        column += width;
    }
}

static int list_names(const struct invocation *i, const struct command *c,
                      const char *(*name_at)(size_t index))
{
    say_banner(i, command_banner(i, c));
    if (i->format != FORMAT_JSON) {
        print_names(name_at);
        return EXIT_OK;
    }
    json_t *names = json_array();
    for (size_t n = 0; name_at(n); n++)
        json_array_append_new(names, json_string(name_at(n)));
    say_value(i, names);
    return EXIT_OK;
}

int run_list_ciphers(struct invocation *i, const struct command *c)
{
    struct encryption_module module;
    int code = encryption_load(&module);
    return code == EXIT_OK ? list_names(i, c, module.cipher_at) : code;
}

int run_list_hashes(struct invocation *i, const struct command *c)
{
    struct encryption_module module;
    int code = encryption_load(&module);
    return code == EXIT_OK ? list_names(i, c, module.hash_at) : code;
}
