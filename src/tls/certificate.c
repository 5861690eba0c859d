/* What a certificate says. Names are formatted here, not by OpenSSL: users of SASL EXTERNAL are
 * called by their distinguished name, so every byte must be as RabbitMQ has it. */
#include "tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"

/* --- distinguished names ---------------------------------------------------------------------- */

static const struct {
    int nid;
    const char *name;
} attributes[] = {
    {NID_surname, "SN"},
    {NID_givenName, "GIVENNAME"},
    {NID_initials, "INITIALS"},
    {NID_generationQualifier, "GENERATIONQUALIFIER"},
    {NID_commonName, "CN"},
    {NID_localityName, "L"},
    {NID_stateOrProvinceName, "ST"},
    {NID_organizationName, "O"},
    {NID_organizationalUnitName, "OU"},
    {NID_title, "TITLE"},
    {NID_countryName, "C"},
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_pseudonym, "PSEUDONYM"},
    {NID_domainComponent, "DC"},
    {NID_pkcs9_emailAddress, "EMAILADDRESS"},
    {NID_streetAddress, "STREET"},
    {NID_userId, "UID"},
};

/* Appends the attribute's short name, or its number: "2.5.4.97". */
static void attribute_print(const ASN1_OBJECT *object, struct lv_buffer *out)
{
    char number[128];
    int nid = OBJ_obj2nid(object);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        if (attributes[i].nid == nid) {
            lv_buffer_printf(out, "%s", attributes[i].name);
            return;
        }
    }
    OBJ_obj2txt(number, sizeof number, object, 1);
    lv_buffer_printf(out, "%s", number);
}

static void value_escape(const unsigned char *p, size_t n, struct lv_buffer *out)
{
    for (size_t i = 0; i < n; i++) {
        bool is_edge = (i == 0 && (p[i] == ' ' || p[i] == '#')) || (i == n - 1 && p[i] == ' ');
        if (p[i] < 32 || p[i] >= 126)
            lv_buffer_printf(out, "\\%02X", p[i]);
        else if (is_edge || strchr("\",+;<>\\", p[i]))
            lv_buffer_printf(out, "\\%c", p[i]);
        else
            lv_buffer_add_u8(out, p[i]);
    }
}

static void entry_print(const X509_NAME_ENTRY *entry, struct lv_buffer *out)
{
    unsigned char *text = NULL;
    attribute_print(X509_NAME_ENTRY_get_object(entry), out);
    lv_buffer_add_u8(out, '=');
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    if (n >= 0)
        value_escape(text, (size_t)n, out);
    OPENSSL_free(text);
}

/* Entries with the same X509_NAME_ENTRY_set() are one part, whose entries keep their order; the
 * parts are printed in reverse. */
static void name_print(const X509_NAME *name, struct lv_buffer *out)
{
    for (int end = X509_NAME_entry_count(name); end > 0;) {
        int first = end - 1;
        int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first));
        while (first > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first - 1)) == set)
            first--;
        for (int i = first; i < end; i++) {
            entry_print(X509_NAME_get_entry(name, i), out);
            if (i + 1 < end)
                lv_buffer_add_u8(out, '+');
        }
        if (first > 0)
            lv_buffer_add_u8(out, ',');
        end = first;
    }
}

void tls_certificate_subject(const void *certificate, struct lv_buffer *out)
{
    name_print(X509_get_subject_name(certificate), out);
}

void tls_certificate_issuer(const void *certificate, struct lv_buffer *out)
{
    name_print(X509_get_issuer_name(certificate), out);
}

/* --- times ------------------------------------------------------------------------------------ */

static void time_print(const ASN1_TIME *at, struct lv_buffer *out)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(at, &tm) == 1)
        lv_buffer_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void tls_certificate_validity(const void *certificate, struct lv_buffer *out)
{
    time_print(X509_get0_notBefore(certificate), out);
    lv_buffer_printf(out, " - ");
    time_print(X509_get0_notAfter(certificate), out);
}

static int64_t time_seconds(const ASN1_TIME *at)
{
    struct tm tm;
    return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t tls_certificate_ends_at_s(const void *certificate)
{
    return time_seconds(X509_get0_notAfter(certificate));
}

int64_t tls_certificate_begins_at_s(const void *certificate)
{
    return time_seconds(X509_get0_notBefore(certificate));
}

/* --- the name of a user ----------------------------------------------------------------------- */

/* Appends the string as UTF-8. Returns false if it is none, or contains a NUL byte. */
static bool string_print(const ASN1_STRING *string, struct lv_buffer *out)
{
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, string);
    bool is_good = n > 0 && !memchr(text, '\0', (size_t)n);
    if (is_good)
        lv_buffer_add(out, text, (size_t)n);
    OPENSSL_free(text);
    return is_good;
}

static bool common_names_print(const X509 *certificate, struct lv_buffer *out)
{
    const X509_NAME *name = X509_get_subject_name(certificate);
    int at = -1;
    bool is_first = true;
    while ((at = X509_NAME_get_index_by_NID((X509_NAME *)name, NID_commonName, at)) >= 0) {
        if (!is_first)
            lv_buffer_add_u8(out, ',');
        if (!string_print(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), out))
            return false;
        is_first = false;
    }
    return !is_first;
}

static bool address_print(const ASN1_OCTET_STRING *address, struct lv_buffer *out)
{
    char text[INET6_ADDRSTRLEN];
    int n = ASN1_STRING_length(address);
    if (n != 4 && n != 16)
        return false;
    inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
    lv_buffer_printf(out, "%s", text);
    return true;
}

static bool other_name_print(const OTHERNAME *other, struct lv_buffer *out)
{
    switch (other->value->type) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING: return string_print(other->value->value.asn1_string, out);
    default: return false;
    }
}

static bool alternative_print(const GENERAL_NAME *name, struct lv_buffer *out)
{
    switch (name->type) {
    case GEN_DNS: return string_print(name->d.dNSName, out);
    case GEN_EMAIL: return string_print(name->d.rfc822Name, out);
    case GEN_URI: return string_print(name->d.uniformResourceIdentifier, out);
    case GEN_IPADD: return address_print(name->d.iPAddress, out);
    case GEN_OTHERNAME: return other_name_print(name->d.otherName, out);
    default: return false;
    }
}

static bool alternatives_print(const X509 *certificate, const struct tls_name_rule *rule,
                               struct lv_buffer *out)
{
    static const int types[] = {
        [TLS_SAN_DNS] = GEN_DNS, [TLS_SAN_IP] = GEN_IPADD,        [TLS_SAN_EMAIL] = GEN_EMAIL,
        [TLS_SAN_URI] = GEN_URI, [TLS_SAN_OTHER] = GEN_OTHERNAME,
    };
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    unsigned index = 0;
    bool is_found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !is_found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != types[rule->san_type] || index++ != rule->san_index)
            continue;
        is_found = alternative_print(name, out);
        break;
    }
    GENERAL_NAMES_free(names);
    return is_found;
}

bool tls_certificate_user(const void *certificate, const struct tls_name_rule *rule,
                          struct lv_buffer *out)
{
    size_t n = out->n;
    bool is_found = false;
    switch (rule->from) {
    case TLS_NAME_DISTINGUISHED:
        tls_certificate_subject(certificate, out); /* a NUL byte is escaped */
        is_found = out->n > n;
        break;
    case TLS_NAME_COMMON: is_found = common_names_print(certificate, out); break;
    case TLS_NAME_ALTERNATIVE: is_found = alternatives_print(certificate, rule, out); break;
    }
    if (!is_found)
        out->n = n;
    return is_found;
}
