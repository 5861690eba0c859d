/* The module that encrypts and decrypts (base/encrypted.c): it needs OpenSSL, which takes longer to
 * load than everything else of this program. */
#ifndef LEVERETCTL_ENCRYPTION_H
#define LEVERETCTL_ENCRYPTION_H

#include "base/encrypted.h"

/* The functions of base/encrypted.h. */
struct encryption_module {
    bool (*has_cipher)(const char *name);
    bool (*has_hash)(const char *name);
    const char *(*cipher_at)(size_t index);
    const char *(*hash_at)(size_t index);
    int (*encode)(const struct encryption *e, struct slice passphrase, enum encrypted_kind kind,
                  struct slice text, struct lv_buffer *out);
    int (*decode)(const struct encryption *e, struct slice passphrase, struct slice base64,
                  struct lv_buffer *out, enum encrypted_kind *ret_kind);
};

/* Loads the module. Returns EXIT_OK, or EXIT_UNAVAILABLE after saying why it cannot be loaded. */
int encryption_load(struct encryption_module *ret);

#endif
