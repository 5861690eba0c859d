/* Field tables: names and typed values, as arguments and headers carry them.
 *
 * A table is kept as the bytes that came, without its length; a slice of them is "a table".
 *
 *   field:    name (short string) | value          value:  type u8 | what the type says
 *
 *   S longstr        x binary          length u32 and bytes
 *   I signedint      i unsignedint     32 bits       s short   u unsignedshort   16 bits
 *   l (or L) long    T timestamp       64 bits       b byte    B unsignedbyte     8 bits
 *   d double         f float           IEEE 754, also NaN and infinity
 *   t bool           one octet, not 0 is true        V void    nothing
 *   D decimal        scale u8 and u32
 *   F table          length u32 and fields           A array   length u32 and values
 *
 * These are RabbitMQ's letters and names; they differ from the specification's in s, b and l.
 * All of it is pure; any thread. */
#ifndef LEVERET_WIRE_TABLE_H
#define LEVERET_WIRE_TABLE_H

#include "base/buffer.h"
#include "wire/wire.h"

/* Tables and arrays within each other, the outermost not counted. A table that goes deeper is
 * not valid. */
#define TABLE_DEPTH_MAX 64

enum field_type {
    FIELD_LONGSTR = 'S',
    FIELD_SIGNEDINT = 'I',
    FIELD_DECIMAL = 'D',
    FIELD_TIMESTAMP = 'T',
    FIELD_TABLE = 'F',
    FIELD_ARRAY = 'A',
    FIELD_BYTE = 'b',
    FIELD_DOUBLE = 'd',
    FIELD_FLOAT = 'f',
    FIELD_LONG = 'l',
    FIELD_SHORT = 's',
    FIELD_BOOL = 't',
    FIELD_BINARY = 'x',
    FIELD_VOID = 'V',
    FIELD_UNSIGNEDBYTE = 'B',
    FIELD_UNSIGNEDSHORT = 'u',
    FIELD_UNSIGNEDINT = 'i',
};

/* One value. What its type does not use is zero. It borrows from the table. */
struct field {
    uint8_t type;       /* enum field_type; an 'L' has become FIELD_LONG */
    uint8_t scale;      /* decimal: the value is i / 10^scale */
    bool b;             /* bool */
    int64_t i;          /* all integers, decimal; a timestamp's 64 bits (cast to uint64_t) */
    double f;           /* double, float */
    struct slice bytes; /* longstr, binary; the content of a table or an array */
};

/* "longstr" for 'S', as error texts name the type; NULL for a letter that is none. */
const char *field_type_name(uint8_t type);

/* Whether it is one of the seven integer types, whose value is in .i (not decimal, timestamp). */
bool field_is_integer(const struct field *f);

/* Takes the first field off *rest. False at the end, and when what follows is malformed (a
 * checked table never is); *rest is then as before, so `rest.n == 0` tells the two apart. */
bool table_next(struct slice *rest, struct slice *ret_name, struct field *ret);

/* The same for the values of an array. */
bool array_next(struct slice *rest, struct field *ret);

/* The first field of that name. False when there is none. */
bool table_find(struct slice table, const char *name, struct field *ret);
bool table_find_slice(struct slice table, struct slice name, struct field *ret);
/* The bytes of the first field of that name. False when there is none, or when it is no longstr. */
bool table_find_string(struct slice table, const char *name, struct slice *ret);

/* Whether every byte belongs to a well-formed field, all the way down, no deeper than
 * TABLE_DEPTH_MAX. Whoever takes a table from a peer asks this first (amqp_X_read() and
 * properties_read() have). */
bool table_is_valid(struct slice table);

/* Whether two values have the same type and value. Integers of different types differ. Floats
 * are the same when their numbers are, tables by table_equal(), arrays when their values are, in
 * order. Both are of a valid table. */
bool field_equal(const struct field *a, const struct field *b);

/* Whether two valid tables have the same fields, in whatever order, names that occur more than
 * once as often in both. */
bool table_equal(struct slice a, struct slice b);

/* Appends a valid table in its one canonical form: tables that are equal have the same bytes
 * there, and other tables others. Fields are sorted, here and in every table within. Good as a
 * key: whoever looks tables up builds it once. Costs n log n. */
void table_canonical(struct lv_buffer *out, struct slice table);

/* Appends the table as an Erlang term in one line: [{<<"x-match">>,longstr,<<"all">>}]. A value
 * alone: <<"all">>. For logs; any bytes are fine, and "..." stands for what is malformed. */
void table_describe(struct lv_buffer *out, struct slice table);
void field_describe(struct lv_buffer *out, const struct field *f);

/* Appends a table the way rabbitmqctl prints arguments, types left out: [{"x-match","all"}]. */
void table_print(struct lv_buffer *out, struct slice table);

/* Builds a table at the end of a buffer it borrows.
 *
 *     struct table_writer w;
 *     table_begin(&w, &buffer);
 *     table_put_str(&w, "product", slice_str("Leveret"));
 *     table_put_table(&w, "capabilities");
 *     table_put_bool(&w, "basic.nack", true);
 *     table_end(&w);                               ends capabilities
 *     struct slice table = table_end(&w);          the whole
 *
 * Inside an array, and only there, the name is NULL: asserted. Names have at most
 * SHORTSTR_BYTES_MAX bytes: asserted. What is put must not borrow from the buffer itself. */
struct table_writer {
    struct lv_buffer *out;
    size_t start;                   /* where the content of the whole begins in out */
    size_t depth;                   /* tables and arrays now open within it */
    size_t starts[TABLE_DEPTH_MAX]; /* where the content of each begins */
    bool arrays[TABLE_DEPTH_MAX];   /* whether it is an array */
};

/* Begins a table at the end of out. Nothing is written yet: a table's own length is the
 * business of who puts it somewhere (wire_put_longstr, amqp_X_put, properties_put). */
void table_begin(struct table_writer *w, struct lv_buffer *out);

void table_put_str(struct table_writer *w, const char *name, struct slice value);
void table_put_bool(struct table_writer *w, const char *name, bool value);
void table_put_int(struct table_writer *w, const char *name, int32_t value);  /* I */
void table_put_long(struct table_writer *w, const char *name, int64_t value); /* l */
void table_put_timestamp(struct table_writer *w, const char *name, uint64_t seconds);
void table_put_double(struct table_writer *w, const char *name, double value);
void table_put_void(struct table_writer *w, const char *name);

/* Any value, as it was read; a table or an array with its content. */
void table_put_field(struct table_writer *w, struct slice name, const struct field *value);
void table_put_value(struct table_writer *w, const struct field *value); /* into an array */

/* Begins a table or an array within; what follows goes there until its table_end(). No more
 * than TABLE_DEPTH_MAX within each other: asserted. */
void table_put_table(struct table_writer *w, const char *name);
void table_put_array(struct table_writer *w, const char *name);

/* Ends what was begun last and returns its content, which borrows from the buffer and is good
 * until the buffer grows. */
struct slice table_end(struct table_writer *w);

#endif
