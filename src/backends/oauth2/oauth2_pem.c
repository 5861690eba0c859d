/* cjose makes keys of numbers; OpenSSL reads these from PEM. */
#include "backends/oauth2/oauth2_pem.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static EVP_PKEY *key_read(struct slice text)
{
    EVP_PKEY *key = NULL;
    const unsigned char *p = text.p;
    size_t n = text.n;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, NULL, 0, NULL, NULL);
    if (decoder)
        OSSL_DECODER_from_data(decoder, &p, &n);
    OSSL_DECODER_CTX_free(decoder);
    return key;
}

static EVP_PKEY *certificate_read(struct slice text)
{
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    BIO_free(bio);
    return key;
}

/* A number of a key, as bytes. */
struct number {
    uint8_t *p;
    size_t n;
};

static struct number number_get(const EVP_PKEY *key, const char *name)
{
    struct number number = {0};
    BIGNUM *big = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &big) == 1) {
        number.n = (size_t)BN_num_bytes(big);
        number.p = lv_malloc(number.n + 1);
        BN_bn2bin(big, number.p);
    }
    BN_free(big);
    return number;
}

static cjose_jwk_t *rsa_make(const EVP_PKEY *key)
{
    cjose_err err;
    struct number n = number_get(key, OSSL_PKEY_PARAM_RSA_N);
    struct number e = number_get(key, OSSL_PKEY_PARAM_RSA_E);
    const cjose_jwk_rsa_keyspec spec = {.n = n.p, .nlen = n.n, .e = e.p, .elen = e.n};
    cjose_jwk_t *jwk = n.p && e.p ? cjose_jwk_create_RSA_spec(&spec, &err) : NULL;
    free(n.p);
    free(e.p);
    return jwk;
}

static cjose_jwk_t *ec_make(const EVP_PKEY *key)
{
    cjose_err err;
    char group[64];
    size_t group_n;
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                       &group_n) != 1)
        return NULL;
    int curve = OBJ_sn2nid(group);
    if (curve != CJOSE_JWK_EC_P_256 && curve != CJOSE_JWK_EC_P_384 && curve != CJOSE_JWK_EC_P_521)
        return NULL;
    struct number x = number_get(key, OSSL_PKEY_PARAM_EC_PUB_X);
    struct number y = number_get(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    const cjose_jwk_ec_keyspec spec = {
        .crv = (cjose_jwk_ec_curve)curve, .x = x.p, .xlen = x.n, .y = y.p, .ylen = y.n};
    cjose_jwk_t *jwk = x.p && y.p ? cjose_jwk_create_EC_spec(&spec, &err) : NULL;
    free(x.p);
    free(y.p);
    return jwk;
}

cjose_jwk_t *oauth2_pem_read(struct slice text)
{
    cjose_jwk_t *jwk = NULL;
    if (text.n > INT_MAX || !memmem(text.p, text.n, "-----BEGIN ", strlen("-----BEGIN ")))
        return NULL;
    EVP_PKEY *key = key_read(text);
    if (!key)
        key = certificate_read(text);
    if (key && EVP_PKEY_is_a(key, "RSA"))
        jwk = rsa_make(key);
    else if (key && EVP_PKEY_is_a(key, "EC"))
        jwk = ec_make(key);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return jwk;
}
