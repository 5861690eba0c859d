/* Encrypted values: `default_pass = encrypted:BASE64`, as `rabbitmqctl encode` and `leveretctl
 * encode` make them, decrypted with the settings config_entry_decoder.*. The passphrase is
 * forgotten as soon as the config is loaded. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/encrypted.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

#define PREFIX "encrypted:"

bool config_is_encrypted(const char *value)
{
    return strncmp(value, PREFIX, strlen(PREFIX)) == 0;
}

static void set_passphrase(struct config *config, char *passphrase)
{
    OPENSSL_cleanse(config->decoder_passphrase, strlen(config->decoder_passphrase));
    free(config->decoder_passphrase);
    config->decoder_passphrase = passphrase;
}

void config_forget_secrets(struct config *config)
{
    set_passphrase(config, lv_strdup(""));
}

/* Returns the first line of the file, or NULL after reporting why it cannot be read. */
static char *read_passphrase(const struct config *config, config_say say, void *arg)
{
    const char *path = config->decoder_passphrase_file;
    struct lv_buffer text = {0};
    int err = config_read_whole(path, &text);
    char *passphrase = NULL;
    if (err < 0) {
        struct lv_buffer expected = {0};
        lv_buffer_printf(&expected, "a file that can be read (%s)", lv_error_text(err));
        config_complain(config, CONFIG_decoder_passphrase_file, (const char *)expected.p, say, arg);
        lv_buffer_free(&expected);
    } else {
        struct slice rest = lv_buffer_slice(&text);
        passphrase = rest.n ? slice_strdup(config_take_line(&rest)) : lv_strdup("");
    }
    encrypted_wipe(&text);
    return passphrase;
}

int config_decoder_load(struct config *config, config_say say, void *arg)
{
    int err = 0;
    if (!encrypted_has_cipher(config->decoder_cipher)) {
        config_complain(config, CONFIG_decoder_cipher, "one of `leveretctl list_ciphers`", say,
                        arg);
        err = ERR_INVALID;
    }
    if (!encrypted_has_hash(config->decoder_hash)) {
        config_complain(config, CONFIG_decoder_hash, "one of `leveretctl list_hashes`", say, arg);
        err = ERR_INVALID;
    }
    if (config->decoder_passphrase[0] == '\0' && config->decoder_passphrase_file[0] != '\0') {
        char *passphrase = read_passphrase(config, say, arg);
        if (passphrase)
            set_passphrase(config, passphrase);
        else
            err = ERR_INVALID;
    }
    return err;
}

char *config_decrypt(const struct config *config, const char *key, const char *value,
                     const struct location *location)
{
    const struct encryption e = {config->decoder_cipher, config->decoder_hash,
                                 config->decoder_iterations};
    lv_assert(config_is_encrypted(value));
    if (config->decoder_passphrase[0] == '\0') {
        config_tell(location, LOG_ERROR,
                    "the value of %s is encrypted: expected its passphrase in "
                    "config_entry_decoder.passphrase or .passphrase_file",
                    key);
        return NULL;
    }
    struct lv_buffer out = {0};
    enum encrypted_kind kind;
    int err = encrypted_decode(&e, slice_str(config->decoder_passphrase),
                               slice_str(value + strlen(PREFIX)), &out, &kind);
    char *text = NULL;
    if (err == 0 && (out.n == 0 || !memchr(out.p, '\0', out.n)))
        text = slice_strdup(lv_buffer_slice(&out));
    else
        config_tell(location, LOG_ERROR,
                    "cannot decrypt the value of %s: expected what `leveretctl encode` makes with "
                    "the passphrase, cipher (%s), hash (%s) and iterations (%lld) of "
                    "config_entry_decoder",
                    key, e.cipher, e.hash, (long long)e.iterations);
    encrypted_wipe(&out);
    return text;
}
