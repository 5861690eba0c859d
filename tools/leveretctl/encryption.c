/* Loads the module leveret_encrypted.so, which is src/base/encrypted.c alone. It calls this program
 * for its buffers. */
#include "leveretctl/encryption.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/module_folder.h"
#include "leveretctl/talk.h"

#define MODULE_FILE "leveret_encrypted.so"

/* Finds a function. POSIX says that the pointer fits; C does not, hence memcpy(). */
static bool find(void *library, const char *name, void *ret)
{
    void *symbol = dlsym(library, name);
    memcpy(ret, &symbol, sizeof symbol);
    return symbol != NULL;
}

int encryption_load(struct encryption_module *ret)
{
    char folder[PATH_MAX];
    struct lv_buffer path = {0};
    lv_module_folder(MODULE_FILE, LEVERET_MODULES, folder);
    lv_buffer_printf(&path, "%s/%s", folder, MODULE_FILE);
    void *library = dlopen((const char *)path.p, RTLD_NOW | RTLD_LOCAL);
    lv_buffer_free(&path);
    if (library && find(library, "encrypted_has_cipher", &ret->has_cipher) &&
        find(library, "encrypted_has_hash", &ret->has_hash) &&
        find(library, "encrypted_cipher_at", &ret->cipher_at) &&
        find(library, "encrypted_hash_at", &ret->hash_at) &&
        find(library, "encrypted_encode", &ret->encode) &&
        find(library, "encrypted_decode", &ret->decode))
        return EXIT_OK;
    return say_error(EXIT_UNAVAILABLE, "Cannot load the module for encryption: %s", dlerror());
}
