/* A recursive descent over the text. Terms and unescaped text lie in blocks that are freed
 * together; a collection's items are gathered in a stack, and copied into a block when the
 * collection ends, so that they lie side by side. */
#include "base/erlang_term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/vec.h"

struct block {
    struct block *next;
    uint8_t bytes[];
};

struct parser {
    const uint8_t *at;
    const uint8_t *end;
    const uint8_t *line_start;
    unsigned line;
    unsigned depth;
    struct block *blocks;
    struct erlang_term *stack; /* items of the collections that have not ended */
    size_t count;
    size_t capacity;
    struct erlang_fault *fault;
};

/* --- Memory and faults ------------------------------------------------------------------------ */

static void *block_alloc(struct parser *p, size_t bytes)
{
    struct block *block = lv_malloc(sizeof *block + bytes);
    block->next = p->blocks;
    p->blocks = block;
    return block->bytes;
}

static struct slice block_copy(struct parser *p, struct slice text)
{
    uint8_t *copy = block_alloc(p, text.n + 1);
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    return slice_of(copy, text.n);
}

static void blocks_free(struct block *block)
{
    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

__attribute__((format(printf, 2, 3))) static int refuse(struct parser *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->fault->message, sizeof p->fault->message, format, args);
    va_end(args);
    p->fault->line = p->line;
    p->fault->column = (unsigned)(p->at - p->line_start) + 1;
    return ERR_INVALID;
}

/* --- Characters ------------------------------------------------------------------------------- */

static bool at_end(const struct parser *p)
{
    return p->at == p->end;
}

/* Returns the byte that is `ahead` bytes further, or 0 behind the end. */
static uint8_t peek(const struct parser *p, size_t ahead)
{
    return ahead < (size_t)(p->end - p->at) ? p->at[ahead] : 0;
}

static void take(struct parser *p)
{
    lv_assert(!at_end(p));
    if (*p->at++ == '\n') {
        p->line++;
        p->line_start = p->at;
    }
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_name(uint8_t c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '@';
}

static void skip_space(struct parser *p)
{
    while (!at_end(p) && (is_space(*p->at) || *p->at == '%')) {
        if (*p->at == '%')
            while (!at_end(p) && *p->at != '\n')
                take(p);
        else
            take(p);
    }
}

/* Takes the character if it comes next, after spaces and comments. */
static bool take_if(struct parser *p, char c)
{
    skip_space(p);
    if (at_end(p) || *p->at != (uint8_t)c)
        return false;
    take(p);
    return true;
}

static unsigned digit_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    if (is_lower(c))
        return c - 'a' + 10u;
    return is_upper(c) ? c - 'A' + 10u : 99;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

/* Takes the digits of this base; an underscore may stand between two. */
static int take_digits(struct parser *p, unsigned base, uint64_t *ret)
{
    uint64_t n = 0;
    bool has_digit = false;
    while (digit_value(peek(p, 0)) < base ||
           (has_digit && peek(p, 0) == '_' && digit_value(peek(p, 1)) < base)) {
        if (*p->at != '_' && (__builtin_mul_overflow(n, (uint64_t)base, &n) ||
                              __builtin_add_overflow(n, (uint64_t)digit_value(*p->at), &n)))
            return refuse(p, "the number is too large");
        has_digit = true;
        take(p);
    }
    if (!has_digit)
        return refuse(p, "expected a digit");
    *ret = n;
    return 0;
}

static int parse_float(struct parser *p, const uint8_t *start, struct erlang_term *ret)
{
    take(p); /* the dot */
    while (is_digit(peek(p, 0)))
        take(p);
    size_t sign = peek(p, 1) == '-' || peek(p, 1) == '+' ? 1 : 0;
    if ((peek(p, 0) == 'e' || peek(p, 0) == 'E') && is_digit(peek(p, 1 + sign))) {
        take(p);
        if (sign)
            take(p);
        while (is_digit(peek(p, 0)))
            take(p);
    }
    char *copy = slice_strdup(slice_of(start, (size_t)(p->at - start)));
    ret->type = ERLANG_FLOAT;
    ret->number = strtod(copy, NULL);
    free(copy);
    return 0;
}

static int parse_number(struct parser *p, struct erlang_term *ret)
{
    const uint8_t *start = p->at;
    bool is_negative = *p->at == '-';
    uint64_t n;
    if (*p->at == '-' || *p->at == '+')
        take(p);
    int err = take_digits(p, 10, &n);
    if (err == 0 && peek(p, 0) == '.' && is_digit(peek(p, 1)))
        return parse_float(p, start, ret);
    if (err == 0 && peek(p, 0) == '#') {
        if (n < 2 || n > 36)
            return refuse(p, "the base of a number is 2 to 36");
        take(p);
        err = take_digits(p, (unsigned)n, &n);
    }
    if (err == 0 && n > (uint64_t)INT64_MAX)
        return refuse(p, "the number is too large");
    if (err == 0) {
        ret->type = ERLANG_INTEGER;
        ret->integer = is_negative ? -(int64_t)n : (int64_t)n;
    }
    return err;
}

/* --- Quoted text ------------------------------------------------------------------------------ */

static int put_code_point(struct parser *p, struct lv_buffer *out, uint64_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return refuse(p, "there is no such character");
    if (c < 0x80) {
        lv_buffer_add_u8(out, (uint8_t)c);
        return 0;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3; /* bytes behind the first */
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
    lv_buffer_add_u8(out, (uint8_t)(first[more] | (c >> (6 * more))));
    while (more-- > 0)
        lv_buffer_add_u8(out, (uint8_t)(0x80 | ((c >> (6 * more)) & 0x3f)));
    return 0;
}

/* Takes what follows \x: two digits, or any number of them in braces. */
static int take_hexadecimal(struct parser *p, struct lv_buffer *out)
{
    uint64_t c = 0;
    if (peek(p, 0) == '{') {
        take(p);
        int err = take_digits(p, 16, &c);
        if (err == 0 && peek(p, 0) != '}')
            err = refuse(p, "expected '}'");
        if (err < 0)
            return err;
        take(p);
        return put_code_point(p, out, c);
    }
    for (unsigned i = 0; i < 2; i++, take(p)) {
        if (digit_value(peek(p, 0)) > 15)
            return refuse(p, "expected a hexadecimal digit");
        c = c * 16 + digit_value(*p->at);
    }
    return put_code_point(p, out, c);
}

/* Takes the escape sequence behind a backslash. */
static int take_escape(struct parser *p, struct lv_buffer *out)
{
    static const char names[] = "bdefnrstv";
    static const char values[] = "\b\x7f\x1b\f\n\r \t\v";
    uint8_t c = peek(p, 0);
    const char *name = c ? strchr(names, c) : NULL;
    if (at_end(p))
        return refuse(p, "the quoted text does not end");
    if (c >= '0' && c <= '7') {
        unsigned value = 0;
        for (unsigned i = 0; i < 3 && peek(p, 0) >= '0' && peek(p, 0) <= '7'; i++, take(p))
            value = value * 8 + digit_value(*p->at);
        return put_code_point(p, out, value);
    }
    take(p);
    if (c == 'x')
        return take_hexadecimal(p, out);
    if (c == '^') {
        if (peek(p, 0) < '@' || peek(p, 0) > '_')
            return refuse(p, "there is no such control character");
        lv_buffer_add_u8(out, *p->at & 31);
        take(p);
        return 0;
    }
    lv_buffer_add_u8(out, name ? (uint8_t)values[name - names] : c);
    return 0;
}

/* Appends the text between two quotes, of which the first comes next. */
static int take_quoted(struct parser *p, struct lv_buffer *out)
{
    uint8_t quote = *p->at;
    int err = 0;
    take(p);
    while (err == 0 && !at_end(p) && *p->at != quote) {
        uint8_t c = *p->at;
        take(p);
        if (c == '\\')
            err = take_escape(p, out);
        else
            lv_buffer_add_u8(out, c);
    }
    if (err == 0 && at_end(p))
        err = refuse(p, "the quoted text does not end");
    if (err == 0)
        take(p);
    return err;
}

/* Parses one string, or several side by side, which are one. */
static int parse_string(struct parser *p, struct erlang_term *ret)
{
    struct lv_buffer text = {0};
    int err = take_quoted(p, &text);
    skip_space(p);
    while (err == 0 && peek(p, 0) == '"') {
        err = take_quoted(p, &text);
        skip_space(p);
    }
    if (err == 0) {
        ret->type = ERLANG_STRING;
        ret->text = block_copy(p, lv_buffer_slice(&text));
    }
    lv_buffer_free(&text);
    return err;
}

static int parse_atom(struct parser *p, struct erlang_term *ret)
{
    struct lv_buffer text = {0};
    int err = 0;
    if (*p->at == '\'') {
        err = take_quoted(p, &text);
    } else {
        for (; is_name(peek(p, 0)); take(p))
            lv_buffer_add_u8(&text, *p->at);
    }
    if (err == 0) {
        ret->type = ERLANG_ATOM;
        ret->text = block_copy(p, lv_buffer_slice(&text));
    }
    lv_buffer_free(&text);
    return err;
}

/* Parses $a or $\n, which is an integer. */
static int parse_character(struct parser *p, struct erlang_term *ret)
{
    struct lv_buffer text = {0};
    int err = 0;
    take(p);
    if (at_end(p))
        return refuse(p, "expected a character");
    uint8_t c = *p->at;
    take(p);
    if (c == '\\')
        err = take_escape(p, &text);
    else
        lv_buffer_add_u8(&text, c);
    if (err == 0 && (text.n != 1 || text.p[0] >= 0x80))
        err = refuse(p, "only characters of ASCII are understood here");
    if (err == 0) {
        ret->type = ERLANG_INTEGER;
        ret->integer = text.p[0];
    }
    lv_buffer_free(&text);
    return err;
}

/* --- Binaries --------------------------------------------------------------------------------- */

/* Takes one segment of a binary: a string, with or without /utf8, or a byte. */
static int take_segment(struct parser *p, struct lv_buffer *out)
{
    skip_space(p);
    if (peek(p, 0) == '"') {
        int err = take_quoted(p, out);
        static const char utf8[] = "/utf8";
        if (err == 0 && (size_t)(p->end - p->at) >= sizeof utf8 - 1 &&
            memcmp(p->at, utf8, sizeof utf8 - 1) == 0)
            for (size_t i = 0; i < sizeof utf8 - 1; i++)
                take(p);
        return err;
    }
    uint64_t byte;
    int err = take_digits(p, 10, &byte);
    if (err == 0 && byte > 255)
        err = refuse(p, "a byte is 0 to 255");
    if (err == 0)
        lv_buffer_add_u8(out, (uint8_t)byte);
    return err;
}

static bool take_binary_end(struct parser *p)
{
    skip_space(p);
    if (peek(p, 0) != '>' || peek(p, 1) != '>')
        return false;
    take(p);
    take(p);
    return true;
}

static int parse_binary(struct parser *p, struct erlang_term *ret)
{
    struct lv_buffer text = {0};
    take(p);
    take(p);
    int err = 0;
    bool is_ended = take_binary_end(p);
    while (err == 0 && !is_ended) {
        err = take_segment(p, &text);
        if (err == 0)
            is_ended = take_binary_end(p);
        if (err == 0 && !is_ended && !take_if(p, ','))
            err = refuse(p, "expected ',' or '>>'");
    }
    if (err == 0) {
        ret->type = ERLANG_BINARY;
        ret->text = block_copy(p, lv_buffer_slice(&text));
    }
    lv_buffer_free(&text);
    return err;
}

/* --- Collections ------------------------------------------------------------------------------ */

static int parse_term(struct parser *p, struct erlang_term *ret);

static int push_term(struct parser *p)
{
    struct erlang_term item = {0};
    int err = parse_term(p, &item);
    if (err == 0) {
        lv_vec_room(p->stack, p->count, p->capacity);
        p->stack[p->count++] = item;
    }
    return err;
}

/* Pushes one item; of a map, a key and its value. */
static int push_item(struct parser *p, enum erlang_type type)
{
    int err = push_term(p);
    if (err == 0 && type == ERLANG_MAP) {
        if (!take_if(p, '='))
            return refuse(p, "expected '=>'");
        if (peek(p, 0) != '>')
            return refuse(p, "expected '=>'");
        take(p);
        err = push_term(p);
    }
    return err;
}

/* Parses the items up to the closing bracket; the opening one is taken. */
static int parse_items(struct parser *p, enum erlang_type type, char closing,
                       struct erlang_term *ret)
{
    size_t base = p->count;
    int err = 0;
    bool is_ended = take_if(p, closing);
    while (err == 0 && !is_ended) {
        err = push_item(p, type);
        if (err == 0)
            is_ended = take_if(p, closing);
        if (err == 0 && !is_ended && !take_if(p, ','))
            err = refuse(p, at_end(p) ? "the text ends before '%c'" : "expected ',' or '%c'",
                         closing);
    }
    if (err < 0)
        return err;
    size_t n = p->count - base;
    struct erlang_term *items = block_alloc(p, n * sizeof *items);
    if (n > 0)
        memcpy(items, p->stack + base, n * sizeof *items);
    p->count = base;
    ret->type = type;
    ret->items = items;
    ret->count = n;
    return 0;
}

static int parse_collection(struct parser *p, enum erlang_type type, char closing,
                            struct erlang_term *ret)
{
    if (p->depth == ERLANG_TERM_DEPTH_MAX)
        return refuse(p, "more than %d terms within each other", ERLANG_TERM_DEPTH_MAX);
    p->depth++;
    take(p);
    int err = parse_items(p, type, closing, ret);
    p->depth--;
    return err;
}

static int refuse_token(struct parser *p)
{
    uint8_t c = peek(p, 0);
    if (at_end(p))
        return refuse(p, "the text ends where a term is expected");
    if (is_upper(c) || c == '_')
        return refuse(p, "expected a term: an atom begins with a small letter, or is quoted");
    if (c > ' ' && c < 127)
        return refuse(p, "expected a term, not '%c'", c);
    return refuse(p, "expected a term, not the byte %u", c);
}

static int parse_token(struct parser *p, struct erlang_term *ret)
{
    uint8_t c = peek(p, 0);
    if (is_lower(c) || c == '\'')
        return parse_atom(p, ret);
    if (is_digit(c) || ((c == '-' || c == '+') && is_digit(peek(p, 1))))
        return parse_number(p, ret);
    switch (c) {
    case '"': return parse_string(p, ret);
    case '$': return parse_character(p, ret);
    case '{': return parse_collection(p, ERLANG_TUPLE, '}', ret);
    case '[': return parse_collection(p, ERLANG_LIST, ']', ret);
    case '<': return peek(p, 1) == '<' ? parse_binary(p, ret) : refuse_token(p);
    case '#':
        if (peek(p, 1) != '{')
            return refuse_token(p);
        take(p);
        return parse_collection(p, ERLANG_MAP, '}', ret);
    default: return refuse_token(p);
    }
}

static int parse_term(struct parser *p, struct erlang_term *ret)
{
    skip_space(p);
    const uint8_t *start = p->at;
    ret->line = p->line;
    ret->column = (unsigned)(p->at - p->line_start) + 1;
    int err = parse_token(p, ret);
    ret->source = slice_of(start, (size_t)(p->at - start));
    return err;
}

/* --- The door --------------------------------------------------------------------------------- */

int erlang_terms_parse(struct slice text, struct erlang_terms *ret, struct erlang_fault *ret_fault)
{
    static const uint8_t nothing[1];
    const uint8_t *start = text.n > 0 ? text.p : nothing;
    struct parser p = {
        .at = start, .end = start + text.n, .line_start = start, .line = 1, .fault = ret_fault};
    int err = 0;
    skip_space(&p);
    while (err == 0 && !at_end(&p)) {
        err = push_term(&p);
        if (err == 0 && !take_if(&p, '.') && !at_end(&p))
            err = refuse(&p, "expected '.' behind the term");
        skip_space(&p);
    }
    if (err < 0) {
        blocks_free(p.blocks);
        free(p.stack);
        return err;
    }
    *ret = (struct erlang_terms){p.stack, p.count, p.blocks};
    return 0;
}

void erlang_terms_free(struct erlang_terms *terms)
{
    blocks_free(terms->blocks);
    free(terms->items);
    *terms = (struct erlang_terms){0};
}

bool erlang_is_atom(const struct erlang_term *term, const char *name)
{
    return term->type == ERLANG_ATOM && slice_is(term->text, name);
}

bool erlang_is_tuple(const struct erlang_term *term, size_t count)
{
    return term->type == ERLANG_TUPLE && term->count == count;
}

bool erlang_is_list(const struct erlang_term *term)
{
    return term->type == ERLANG_LIST || (term->type == ERLANG_STRING && term->text.n == 0);
}

bool erlang_text(const struct erlang_term *term, struct slice *ret)
{
    bool is_empty = term->type == ERLANG_LIST && term->count == 0;
    if (term->type != ERLANG_STRING && term->type != ERLANG_BINARY && !is_empty)
        return false;
    *ret = is_empty ? SLICE_EMPTY : term->text;
    return true;
}
