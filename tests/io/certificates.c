#include "certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { DAY_S = 24 * 3600 };

static FILE *create(struct authority *a, const char *file)
{
    FILE *out = fopen(authority_path(a, file), "w");

    assert_non_null(out);
    assert_int_equal(fchmod(fileno(out), 0600), 0);
    return out;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *new_certificate(EVP_PKEY *key, const char *name, long serial, long from_s,
                             long until_s)
{
    X509 *certificate = X509_new();
    X509_NAME *subject;

    assert_non_null(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_set_pubkey(certificate, key);
    subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    return certificate;
}

static void write_certificate(struct authority *a, const char *file, X509 *certificate)
{
    FILE *out = create(a, file);

    assert_int_equal(PEM_write_X509(out, certificate), 1);
    fclose(out);
}

const char *authority_path(struct authority *a, const char *file)
{
    static char paths[4][160];
    char *path = paths[a->path_count++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", a->dir, file);
    return path;
}

void authority_make(struct authority *a)
{
    *a = (struct authority){.dir = "/tmp/rakit-tls-XXXXXX"};
    assert_non_null(mkdtemp(a->dir));
    a->key = EVP_EC_gen("P-256");
    assert_non_null(a->key);
    a->last_serial = 1;
    /* Its name is that of its directory, so no two have the same. */
    a->certificate = new_certificate(a->key, a->dir, 1, -DAY_S, 365L * DAY_S);
    X509_set_issuer_name(a->certificate, X509_get_subject_name(a->certificate));
    add_extension(a->certificate, a->certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(a->certificate, a->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    assert_true(X509_sign(a->certificate, a->key, EVP_sha256()) > 0);
    write_certificate(a, "ca.crt", a->certificate);
}

void authority_deinit(struct authority *a)
{
    char command[96];

    snprintf(command, sizeof command, "rm -r '%s'", a->dir);
    assert_int_equal(system(command), 0);
    X509_free(a->certificate);
    EVP_PKEY_free(a->key);
}

long authority_issue(struct authority *a, const char *name, const char *names, long from_s,
                     long until_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = new_certificate(key, name, ++a->last_serial, from_s, until_s);
    char file[64];
    FILE *out;

    X509_set_issuer_name(certificate, X509_get_subject_name(a->certificate));
    add_extension(certificate, a->certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, a->key, EVP_sha256()) > 0);
    snprintf(file, sizeof file, "%s.crt", name);
    write_certificate(a, file, certificate);
    snprintf(file, sizeof file, "%s.key", name);
    out = create(a, file);
    assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return a->last_serial;
}

void authority_revoke(struct authority *a, long serial)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *time = ASN1_TIME_new();
    FILE *out = create(a, "ca.crl");

    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(a->certificate));
    X509_gmtime_adj(time, -DAY_S);
    X509_CRL_set1_lastUpdate(list, time);
    X509_gmtime_adj(time, DAY_S);
    X509_CRL_set1_nextUpdate(list, time);
    if (serial > 0) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *number = ASN1_INTEGER_new();

        ASN1_INTEGER_set(number, serial);
        X509_REVOKED_set_serialNumber(revoked, number);
        X509_gmtime_adj(time, -3600);
        X509_REVOKED_set_revocationDate(revoked, time);
        assert_int_equal(X509_CRL_add0_revoked(list, revoked), 1);
        ASN1_INTEGER_free(number);
    }
    assert_true(X509_CRL_sign(list, a->key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509_CRL(out, list), 1);
    fclose(out);
    ASN1_TIME_free(time);
    X509_CRL_free(list);
}

struct io_credentials *authority_load(struct authority *a, struct io *io, const char *name,
                                      bool has_revocations)
{
    struct io_credentials *credentials = NULL;
    struct io_tls_files files = {.authorities = authority_path(a, "ca.crt")};
    char file[64];
    char text[512] = "";
    uint64_t digest = 0;

    if (name != NULL) {
        snprintf(file, sizeof file, "%s.crt", name);
        files.certificate = authority_path(a, file);
        snprintf(file, sizeof file, "%s.key", name);
        files.key = authority_path(a, file);
    }
    files.revocations = has_revocations ? authority_path(a, "ca.crl") : NULL;
    if (io_credentials_load(io, &files, &digest, &credentials, text, sizeof text) != 0) {
        fail_msg("%s", text);
    }
    return credentials;
}
