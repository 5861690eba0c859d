#include "backends/ldap/ldap_tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static bool is_set(const char *text)
{
    return text && text[0];
}

static int say_unusable(const char *setting, const char *file, struct lv_buffer *reason)
{
    unsigned long error = ERR_peek_error();
    const char *text =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    lv_buffer_printf(reason, "auth_ldap.ssl_options.%s: cannot use '%s': %s", setting, file,
                     text ? text : "OpenSSL gives no reason");
    return ERR_INVALID;
}

static int give_password(char *buffer, int size, int is_writing, void *arg)
{
    const char *password = arg;
    (void)is_writing;
    if (!is_set(password) || strlen(password) >= (size_t)size)
        return 0;
    return snprintf(buffer, (size_t)size, "%s", password);
}

static int use_files(SSL_CTX *context, const struct backend_tls *s, struct lv_buffer *reason)
{
    ERR_clear_error();
    if (is_set(s->ca_file) && SSL_CTX_load_verify_file(context, s->ca_file) != 1)
        return say_unusable("cacertfile", s->ca_file, reason);
    if (!is_set(s->ca_file))
        SSL_CTX_set_default_verify_paths(context);
    if (is_set(s->certificate_file) &&
        SSL_CTX_use_certificate_chain_file(context, s->certificate_file) != 1)
        return say_unusable("certfile", s->certificate_file, reason);
    SSL_CTX_set_default_passwd_cb(context, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, (void *)s->key_password);
    int err = 0;
    if (is_set(s->key_file) &&
        SSL_CTX_use_PrivateKey_file(context, s->key_file, SSL_FILETYPE_PEM) != 1)
        err = say_unusable("keyfile", s->key_file, reason);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    return err;
}

int ldap_tls_context(const struct backend_tls *settings, bool takes_wildcards, SSL_CTX **ret,
                     struct lv_buffer *reason)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context)
        return ERR_NO_MEMORY;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, settings->is_unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (settings->depth >= 0)
        SSL_CTX_set_verify_depth(context, settings->depth);
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(context),
                                    takes_wildcards ? X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
                                                    : X509_CHECK_FLAG_NO_WILDCARDS);
    int err = use_files(context, settings, reason);
    if (err < 0)
        SSL_CTX_free(context);
    else
        *ret = context;
    return err;
}
