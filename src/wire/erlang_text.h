/* RabbitMQ's error texts show bytes and terms the way Erlang's ~p prints them, line breaks at
 * column 80 included. These print the same. Pure; any thread.
 *
 * Columns are counted from the last newline in *out, or its start. RabbitMQ breaks lines before it
 * puts "FRAME_ERROR - " in front; so write these into a buffer that begins with `type 1, ...`. */
#ifndef LEVERET_WIRE_ERLANG_TEXT_H
#define LEVERET_WIRE_ERLANG_TEXT_H

#include "base/buffer.h"
#include "base/slice.h"

/* Appends a binary: <<"abc">> when all of it is printable latin-1, else <<0,20,0>>. Lines are
 * broken and indented as ~p does. */
void erlang_put_binary(struct lv_buffer *out, struct slice bytes);

/* Appends a binary as numbers whatever they are, and never breaks the line (Erlang's ~w), as in
 * `cannot decode <<97,98,99>>`. */
void erlang_put_numbers(struct lv_buffer *out, struct slice bytes);

/* Appends a binary for a log: in one line, <<"café">> when it is UTF-8 that can be shown (the
 * bytes as they are), else as numbers. */
void erlang_put_text(struct lv_buffer *out, struct slice bytes);

/* Appends a string (a list of characters): "abc" when all of it is printable latin-1, else
 * [0,20,0]. In one line. */
void erlang_put_string(struct lv_buffer *out, struct slice bytes);

/* Appends `type 1, all octets = <<0,20>>`, or `first 16 octets` of a longer payload: the
 * beginning of a frame error's text. */
void erlang_put_octets(struct lv_buffer *out, unsigned type, struct slice payload);

/* Appends a tuple of an atom and count numbers: {frame_too_large,131073,131064}, broken as
 * ~p breaks it where it does not fit the line. */
void erlang_put_tuple(struct lv_buffer *out, const char *atom, const uint64_t *numbers,
                      size_t count);

/* Appends an IP address, given as text, as a tuple of numbers: {127,0,0,1}, {0,0,0,0,0,0,0,1}. What
 * is no address makes no sense, but no harm. */
void erlang_put_address(struct lv_buffer *out, struct slice address);

#endif
