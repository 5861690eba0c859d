/* Assertions stay on in the released broker: a broken invariant ends the process before it can
 * destroy messages. Write one fact per assertion. */
#ifndef LEVERET_BASE_ASSERT_H
#define LEVERET_BASE_ASSERT_H

#include <stddef.h>

/* Prints the failed expression, its file, line and function, and aborts. Any thread. */
_Noreturn void lv_assert_failed(const char *expression, const char *file, int line,
                                const char *function);

#define lv_assert(expression)                                                                      \
    ((__builtin_expect(!!(expression), 1))                                                         \
         ? (void)0                                                                                 \
         : lv_assert_failed(#expression, __FILE__, __LINE__, __func__))

/* For a branch that cannot be reached. */
#define lv_unreachable() lv_assert_failed("unreachable", __FILE__, __LINE__, __func__)

/* Returns the struct of this type whose `member` the pointer points to. */
#define lv_container_of(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A struct that is passed as `void *` begins with `unsigned magic` and is got back with CAST_OBJ,
 * which asserts that it is one of that kind. */
#define CAST_OBJ(to, from, magic_value)                                                            \
    do {                                                                                           \
        (to) = (from);                                                                             \
        lv_assert((to) != NULL);                                                                   \
        lv_assert((to)->magic == (magic_value));                                                   \
    } while (0)

#endif
