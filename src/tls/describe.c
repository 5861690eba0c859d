/* RabbitMQ's (Erlang's) words for a protocol version and for the parts of a cipher. */
#include <openssl/objects.h>
#include <string.h>

#include "tls/tls_private.h"

struct word {
    int nid;
    const char *text;
};

static const struct word exchanges[] = {
    {NID_kx_any, "any"}, {NID_kx_ecdhe, "ecdhe"}, {NID_kx_dhe, "dhe"},
    {NID_kx_rsa, "rsa"}, {NID_kx_psk, "psk"},
};

static const struct word ciphers[] = {
    {NID_aes_256_gcm, "aes_256_gcm"},
    {NID_aes_128_gcm, "aes_128_gcm"},
    {NID_chacha20_poly1305, "chacha20_poly1305"},
    {NID_aes_256_ccm, "aes_256_ccm"},
    {NID_aes_128_ccm, "aes_128_ccm"},
    {NID_aes_256_cbc, "aes_256_cbc"},
    {NID_aes_128_cbc, "aes_128_cbc"},
};

static const struct word hashes[] = {
    {NID_sha1, "sha"},
    {NID_sha256, "sha256"},
    {NID_sha384, "sha384"},
};

#define WORD_OF(words, nid) word_of(words, sizeof words / sizeof *words, nid)

static const char *word_of(const struct word *words, size_t count, int nid)
{
    for (size_t i = 0; i < count; i++)
        if (words[i].nid == nid)
            return words[i].text;
    return OBJ_nid2sn(nid);
}

static const char *exchange_of(const SSL_CIPHER *cipher)
{
    int exchange = SSL_CIPHER_get_kx_nid(cipher);
    int authentication = SSL_CIPHER_get_auth_nid(cipher);
    if (exchange == NID_kx_ecdhe && authentication == NID_auth_rsa)
        return "ecdhe_rsa";
    if (exchange == NID_kx_ecdhe && authentication == NID_auth_ecdsa)
        return "ecdhe_ecdsa";
    if (exchange == NID_kx_dhe && authentication == NID_auth_rsa)
        return "dhe_rsa";
    return WORD_OF(exchanges, exchange);
}

void tls_describe(SSL *ssl, struct net_tls *ret)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    *ret = (struct net_tls){
        .protocol = SSL_version(ssl) == TLS1_3_VERSION ? "tlsv1.3" : "tlsv1.2",
        .key_exchange = exchange_of(cipher),
        .cipher = WORD_OF(ciphers, SSL_CIPHER_get_cipher_nid(cipher)),
        .hash = SSL_CIPHER_is_aead(cipher) ? "aead"
                                           : WORD_OF(hashes, SSL_CIPHER_get_digest_nid(cipher)),
        .certificate = SSL_get0_peer_certificate(ssl),
    };
}

/* OpenSSL has one number for CCM and for CCM with tags of 8 bytes. */
static const char *cipher_of(const SSL_CIPHER *cipher)
{
    const char *name = SSL_CIPHER_get_name(cipher);
    if (!strstr(name, "CCM8") && !strstr(name, "CCM_8"))
        return WORD_OF(ciphers, SSL_CIPHER_get_cipher_nid(cipher));
    return strstr(name, "256") ? "aes_256_ccm_8" : "aes_128_ccm_8";
}

/* Erlang names no hash where TLS 1.2's own one is used. */
static const char *prf_of(const SSL_CIPHER *cipher)
{
    const char *name = SSL_CIPHER_get_name(cipher);
    bool has_ccm = strncmp(name, "TLS_", 4) != 0 && strstr(name, "CCM");
    bool is_old = !SSL_CIPHER_is_aead(cipher) && SSL_CIPHER_get_digest_nid(cipher) == NID_sha1;
    const EVP_MD *hash = SSL_CIPHER_get_handshake_digest(cipher);
    return has_ccm || is_old || !hash ? "default_prf" : WORD_OF(hashes, EVP_MD_get_type(hash));
}

struct tls_cipher_facts tls_describe_cipher(const SSL_CIPHER *cipher)
{
    return (struct tls_cipher_facts){
        .name = SSL_CIPHER_get_name(cipher),
        .key_exchange = exchange_of(cipher),
        .cipher = cipher_of(cipher),
        .mac = SSL_CIPHER_is_aead(cipher) ? "aead"
                                          : WORD_OF(hashes, SSL_CIPHER_get_digest_nid(cipher)),
        .prf = prf_of(cipher),
    };
}
