/* RabbitMQ's error texts show bytes and terms as Erlang's ~p prints them, including line breaks at
 * column 80. These functions print the same. Pure; any thread.
 *
 * Columns are counted from the last newline in *out, or its start. RabbitMQ breaks lines before it
 * prepends "FRAME_ERROR - "; so write into a buffer that begins with `type 1, ...`. */
#ifndef LEVERET_WIRE_ERLANG_TEXT_H
#define LEVERET_WIRE_ERLANG_TEXT_H

#include "base/buffer.h"
#include "base/slice.h"

/* Appends a binary: <<"abc">> if all of it is printable latin-1, else <<0,20,0>>. Lines are broken
 * and indented as by ~p. */
void erlang_put_binary(struct lv_buffer *out, struct slice bytes);

/* Appends a binary as numbers in all cases and in one line (Erlang's ~w), as in `cannot decode
 * <<97,98,99>>`. */
void erlang_put_numbers(struct lv_buffer *out, struct slice bytes);

/* Appends a binary for a log, in one line: <<"café">> if it is printable UTF-8 (the bytes as they
 * are), else as numbers. */
void erlang_put_text(struct lv_buffer *out, struct slice bytes);

/* Appends a string (a list of characters) in one line: "abc" if all of it is printable latin-1,
 * else [0,20,0]. */
void erlang_put_string(struct lv_buffer *out, struct slice bytes);

/* Appends `type 1, all octets = <<0,20>>`, or `first 16 octets` of a longer payload: the beginning
 * of a frame error's text. */
void erlang_put_octets(struct lv_buffer *out, unsigned type, struct slice payload);

/* Appends a tuple of an atom and `count` numbers, {frame_too_large,131073,131064}, broken as by ~p
 * if it does not fit the line. */
void erlang_put_tuple(struct lv_buffer *out, const char *atom, const uint64_t *numbers,
                      size_t count);

/* Appends an IP address, given as text, as a tuple of numbers: {127,0,0,1}, {0,0,0,0,0,0,0,1}. Text
 * that is not an address gives some tuple and does no harm. */
void erlang_put_address(struct lv_buffer *out, struct slice address);

#endif
