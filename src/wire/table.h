/* Field tables: names and typed values, in arguments and headers.
 *
 * A table is kept as the bytes that were received, without their length; "a table" is a slice of
 * them.
 *
 *   field:    name (short string) | value          value:  type u8 | what the type says
 *
 *   S longstr        x binary          length u32 and bytes
 *   I signedint      i unsignedint     32 bits       s short   u unsignedshort   16 bits
 *   l (or L) long    T timestamp       64 bits       b byte    B unsignedbyte     8 bits
 *   d double         f float           IEEE 754, also NaN and infinity
 *   t bool           one octet; true if not 0        V void    no bytes
 *   D decimal        scale u8 and u32
 *   F table          length u32 and fields           A array   length u32 and values
 *
 * These are RabbitMQ's letters and names; they differ from the specification's in s, b and l. All
 * of it is pure; any thread. */
#ifndef LEVERET_WIRE_TABLE_H
#define LEVERET_WIRE_TABLE_H

#include "base/buffer.h"
#include "wire/wire.h"

/* How deep tables and arrays may be nested, the outermost not counted. A table that is deeper is
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

/* One value. It borrows from the table. Members that its type does not use are zero. */
struct field {
    uint8_t type;       /* enum field_type; an 'L' has become FIELD_LONG */
    uint8_t scale;      /* decimal: the value is i / 10^scale */
    bool b;             /* bool */
    int64_t i;          /* all integers, decimal; a timestamp's 64 bits (cast to uint64_t) */
    double f;           /* double, float */
    struct slice bytes; /* longstr, binary; the content of a table or an array */
};

/* Returns "longstr" for 'S', as error texts name the type; NULL for a letter that is not a type. */
const char *field_type_name(uint8_t type);

/* Returns whether the value is of one of the seven integer types, which use .i (decimal and
 * timestamp are not among them). */
bool field_is_integer(const struct field *f);

/* Takes the first field off *rest. Returns false at the end, and if what follows is malformed (a
 * valid table never is); *rest is then unchanged, so `rest.n == 0` distinguishes the two. */
bool table_next(struct slice *rest, struct slice *ret_name, struct field *ret);

/* Takes the first value off the content of an array. Returns false as table_next() does. */
bool array_next(struct slice *rest, struct field *ret);

/* Find the first field of that name. Return false if there is none. */
bool table_find(struct slice table, const char *name, struct field *ret);
bool table_find_slice(struct slice table, struct slice name, struct field *ret);
/* Finds the bytes of the first field of that name. Returns false if there is none, or if it is not
 * a longstr. */
bool table_find_string(struct slice table, const char *name, struct slice *ret);

/* Returns whether every byte belongs to a well-formed field, at all levels, and no level is deeper
 * than TABLE_DEPTH_MAX. A table from a peer must be checked first; amqp_X_read() and
 * properties_read() do so. */
bool table_is_valid(struct slice table);

/* Returns whether two values have the same type and value. Integers of different types differ.
 * Floats are compared by their numbers, tables by table_equal(), arrays value by value. Both values
 * come from valid tables. */
bool field_equal(const struct field *a, const struct field *b);

/* Returns whether two valid tables have the same fields, in any order. A name that occurs more than
 * once must occur as often in both. */
bool table_equal(struct slice a, struct slice b);

/* Appends the canonical form of a valid table: two tables have the same canonical form if and only
 * if they are equal, so it can serve as a key. Fields are sorted, also in every table within. Takes
 * O(n log n). */
void table_canonical(struct lv_buffer *out, struct slice table);

/* Append a table as an Erlang term in one line, [{<<"x-match">>,longstr,<<"all">>}], and a value:
 * <<"all">>. For logs. The bytes need not be valid: "..." is written for what is malformed. */
void table_describe(struct lv_buffer *out, struct slice table);
void field_describe(struct lv_buffer *out, const struct field *f);

/* Appends a table as rabbitmqctl prints arguments, without types: [{"x-match","all"}]. */
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
 * The name is NULL inside an array, and only there: asserted. Names have at most SHORTSTR_BYTES_MAX
 * bytes: asserted. Values that are put must not borrow from the buffer itself. */
struct table_writer {
    struct lv_buffer *out;
    size_t start;                   /* where the table's content begins in out */
    size_t depth;                   /* how many tables and arrays are open within it */
    size_t starts[TABLE_DEPTH_MAX]; /* where the content of each begins */
    bool arrays[TABLE_DEPTH_MAX];   /* whether it is an array */
};

/* Begins a table at the end of out. Nothing is written yet: the table's length is written where the
 * table is used (wire_put_longstr, amqp_X_put, properties_put). */
void table_begin(struct table_writer *w, struct lv_buffer *out);

void table_put_str(struct table_writer *w, const char *name, struct slice value);
void table_put_bool(struct table_writer *w, const char *name, bool value);
void table_put_int(struct table_writer *w, const char *name, int32_t value);  /* I */
void table_put_long(struct table_writer *w, const char *name, int64_t value); /* l */
void table_put_timestamp(struct table_writer *w, const char *name, uint64_t seconds);
void table_put_double(struct table_writer *w, const char *name, double value);
void table_put_void(struct table_writer *w, const char *name);

/* Put any value as it was read; a table or an array with its content. */
void table_put_field(struct table_writer *w, struct slice name, const struct field *value);
void table_put_value(struct table_writer *w, const struct field *value); /* into an array */

/* Begin a table or an array within; what is put belongs to it until its table_end(). At most
 * TABLE_DEPTH_MAX levels: asserted. */
void table_put_table(struct table_writer *w, const char *name);
void table_put_array(struct table_writer *w, const char *name);

/* Ends the table or array that was begun last and returns its content, which borrows from the
 * buffer and is valid until the buffer grows. */
struct slice table_end(struct table_writer *w);

#endif
