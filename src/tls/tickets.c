/* Keys of session tickets. Two keys at most, under a mutex: the newest seals tickets. */
#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CIPHER_KEY_BYTES = 32, MAC_KEY_BYTES = 32, KEYS = 2 };

struct ticket_key {
    unsigned char name[TICKET_NAME_BYTES];
    unsigned char cipher[CIPHER_KEY_BYTES];
    unsigned char mac[MAC_KEY_BYTES];
    uint64_t made_ms;
    bool is_made;
};

struct tls_tickets {
    pthread_mutex_t lock;
    struct ticket_key keys[KEYS]; /* the newest first */
};

struct tls_tickets *tls_tickets_create(void)
{
    struct tls_tickets *tickets = lv_calloc(1, sizeof *tickets);
    pthread_mutex_init(&tickets->lock, NULL);
    return tickets;
}

void tls_tickets_free(struct tls_tickets **tickets)
{
    if (!*tickets)
        return;
    pthread_mutex_destroy(&(*tickets)->lock);
    OPENSSL_cleanse((*tickets)->keys, sizeof(*tickets)->keys);
    free(*tickets);
    *tickets = NULL;
}

static bool key_is_fresh(const struct ticket_key *key, uint64_t now_ms, unsigned hours)
{
    return key->is_made && now_ms - key->made_ms < (uint64_t)hours * TICKET_KEY_MS;
}

/* Returns whether there is a fresh key, after making one if that is due. */
static bool keys_rotate(struct tls_tickets *tickets, uint64_t now_ms)
{
    struct ticket_key fresh = {.made_ms = now_ms, .is_made = true};
    if (key_is_fresh(&tickets->keys[0], now_ms, 1))
        return true;
    if (RAND_bytes(fresh.name, sizeof fresh.name) != 1 ||
        RAND_priv_bytes(fresh.cipher, sizeof fresh.cipher) != 1 ||
        RAND_priv_bytes(fresh.mac, sizeof fresh.mac) != 1)
        return false;
    tickets->keys[1] = tickets->keys[0];
    tickets->keys[0] = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return true;
}

static bool mac_begin(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(mac, key->mac, sizeof key->mac, params) == 1;
}

static int ticket_seal(struct tls_tickets *tickets, uint64_t now_ms, unsigned char *name,
                       unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const EVP_CIPHER *type = EVP_aes_256_cbc();
    if (!keys_rotate(tickets, now_ms))
        return -1;
    const struct ticket_key *key = &tickets->keys[0];
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(type)) != 1 ||
        EVP_EncryptInit_ex(cipher, type, NULL, key->cipher, iv) != 1 || !mac_begin(mac, key))
        return -1;
    memcpy(name, key->name, sizeof key->name);
    return 1;
}

/* Returns 0 if the key of the ticket is not known: a full handshake follows. Returns 2 if the
 * ticket is good and should be replaced. */
static int ticket_open(struct tls_tickets *tickets, uint64_t now_ms, const unsigned char *name,
                       const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (unsigned i = 0; i < KEYS; i++) {
        const struct ticket_key *key = &tickets->keys[i];
        if (!key_is_fresh(key, now_ms, KEYS) || memcmp(name, key->name, sizeof key->name) != 0)
            continue;
        if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) != 1 ||
            !mac_begin(mac, key))
            return -1;
        return key_is_fresh(key, now_ms, 1) ? 1 : 2;
    }
    return 0;
}

int tls_tickets_use(struct tls_tickets *tickets, uint64_t now_ms, unsigned char *name,
                    unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
    pthread_mutex_lock(&tickets->lock);
    int result = is_new ? ticket_seal(tickets, now_ms, name, iv, cipher, mac)
                        : ticket_open(tickets, now_ms, name, iv, cipher, mac);
    pthread_mutex_unlock(&tickets->lock);
    return result;
}
