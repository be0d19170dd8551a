/* io_credentials.c - certificates, keys and lists of revocations, read from files. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buffer.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "io/io_tls_ssl.h"

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, CHAIN_BYTES_MAX = 32 * 1024 };

struct io_credentials {
    SSL_CTX *context;
    struct io_credentials_facts facts;
};

/* What a load is about: the content of the files, and where its complaint goes. */
struct load {
    struct io *io;
    const struct io_tls_files *files;
    struct buffer certificate;
    struct buffer key;
    struct buffer authorities;
    struct buffer revocations;
    char *text;
    size_t text_size;
};

/* Returns `error`, so that callers can return it. */
static int __attribute__((format(printf, 3, 4)))
complain(const struct load *l, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(l->text, l->text_size, format, arguments);
    va_end(arguments);
    ERR_clear_error();
    return error;
}

/* --- reading ------------------------------------------------------------------------- */

static int read_open(const struct load *l, const char *path, struct io_file *file, bool is_secret,
                     struct buffer *ret_content)
{
    int64_t size = io_file_size(file);

    if (is_secret && !io_file_is_private(file) && !MUTANT(tls_public_key_accepted)) {
        return complain(l, -EPERM,
                        "%s holds a private key, and other users may read or change it: give it "
                        "mode 600, and the user that this program runs as",
                        path);
    }
    if (size < 0 || size > FILE_BYTES_MAX) {
        return complain(l, -EFBIG, "%s cannot be read, or has more than 16 MB", path);
    }
    size = io_file_read(file, 0, buffer_reserve(ret_content, (size_t)size + 1), (size_t)size);
    if (size < 0) {
        return complain(l, (int)size, "cannot read %s: %s", path, strerror((int)-size));
    }
    buffer_commit(ret_content, (size_t)size);
    return 0;
}

static int read_file(const struct load *l, const char *path, bool is_secret,
                     struct buffer *ret_content)
{
    struct io_file *file = NULL;
    int rv;

    if (path == NULL) {
        return 0;
    }
    rv = io_file_open(l->io, path, IO_READ_ONLY, &file);
    if (rv < 0) {
        return complain(l, rv, "cannot open %s: %s", path, strerror(-rv));
    }
    rv = read_open(l, path, file, is_secret, ret_content);
    io_file_close(file);
    return rv;
}

static int read_all(struct load *l)
{
    int rv = read_file(l, l->files->certificate, false, &l->certificate);

    rv = rv < 0 ? rv : read_file(l, l->files->key, true, &l->key);
    rv = rv < 0 ? rv : read_file(l, l->files->authorities, false, &l->authorities);
    return rv < 0 ? rv : read_file(l, l->files->revocations, false, &l->revocations);
}

static uint64_t checksum_of(const struct load *l)
{
    const struct buffer *all[] = {&l->certificate, &l->key, &l->authorities, &l->revocations};
    uint64_t sums[4];

    for (size_t i = 0; i < 4; i++) {
        struct slice content = buffer_slice(all[i]);

        sums[i] = checksum(content.data, content.size);
    }
    return checksum(sums, sizeof sums) | 1; /* 0 is none. */
}

static void forget(struct load *l)
{
    if (l->key.data != NULL) {
        OPENSSL_cleanse(l->key.data, l->key.capacity);
    }
    buffer_deinit(&l->certificate);
    buffer_deinit(&l->key);
    buffer_deinit(&l->authorities);
    buffer_deinit(&l->revocations);
}

/* --- understanding ------------------------------------------------------------------- */

static BIO *open_content(const struct buffer *content)
{
    struct slice bytes = buffer_slice(content);

    return BIO_new_mem_buf(bytes.data, (int)bytes.size);
}

static uint64_t seconds_of(const ASN1_TIME *time)
{
    int days = 0;
    int seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool is_valid = time != NULL && epoch != NULL &&
                    ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 && days >= 0 && seconds >= 0;

    ASN1_TIME_free(epoch);
    return is_valid ? (uint64_t)days * 86400 + (uint64_t)seconds : 0;
}

static void note_certificate(struct io_credentials_facts *facts, const X509 *certificate,
                             bool is_first)
{
    uint64_t ends_s = seconds_of(X509_get0_notAfter(certificate));

    if (is_first) {
        X509_NAME_oneline(X509_get_subject_name(certificate), facts->subject,
                          (int)sizeof facts->subject);
        facts->begins_s = seconds_of(X509_get0_notBefore(certificate));
        facts->ends_s = ends_s;
    } else if (ends_s < facts->ends_s) {
        facts->ends_s = ends_s;
    }
}

/* The first certificate is this side's; the others lead to an authority. */
static int add_certificates(const struct load *l, struct io_credentials *c, BIO *in)
{
    X509 *certificate;
    int count = 0;
    bool is_good = true;

    while (is_good && (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        note_certificate(&c->facts, certificate, count == 0);
        is_good = count == 0 ? SSL_CTX_use_certificate(c->context, certificate) == 1
                             : SSL_CTX_add1_chain_cert(c->context, certificate) == 1;
        X509_free(certificate);
        count++;
    }
    if (count == 0) {
        return complain(l, -EINVAL, "%s holds no certificate in PEM", l->files->certificate);
    }
    if (!is_good) {
        return complain(l, -EINVAL, "a certificate in %s cannot be used: %s", l->files->certificate,
                        ERR_reason_error_string(ERR_peek_error()));
    }
    return 0;
}

/* Asked for the passphrase of a key. */
static int know_none(char *passphrase, int size, int is_writing, void *context)
{
    *(bool *)context = true;
    return -1;
}

static int add_key(const struct load *l, SSL_CTX *context, BIO *in)
{
    bool is_locked = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, know_none, &is_locked);
    bool fits = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1 &&
                SSL_CTX_check_private_key(context) == 1;

    EVP_PKEY_free(key);
    if (is_locked) {
        return complain(l, -EINVAL,
                        "the key in %s has a passphrase, which nobody could enter: remove it "
                        "(openssl pkey -in FILE -out FILE)",
                        l->files->key);
    }
    if (key == NULL) {
        return complain(l, -EINVAL, "%s holds no private key in PEM", l->files->key);
    }
    return fits ? 0
                : complain(l, -EINVAL, "the key in %s is not that of the certificate in %s",
                           l->files->key, l->files->certificate);
}

static int add_authorities(const struct load *l, struct io_credentials *c, BIO *in)
{
    X509_STORE *store = SSL_CTX_get_cert_store(c->context);
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    X509 *authority;
    int count = 0;

    while ((authority = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(authority));
        uint64_t ends_s = seconds_of(X509_get0_notAfter(authority));

        (void)X509_STORE_add_cert(store, authority); /* Fails if it is there twice. */
        if (name != NULL && sk_X509_NAME_push(names, name) <= 0) {
            X509_NAME_free(name);
        }
        c->facts.authorities_end_s =
            ends_s > c->facts.authorities_end_s ? ends_s : c->facts.authorities_end_s;
        X509_free(authority);
        count++;
    }
    SSL_CTX_set_client_CA_list(c->context, names);
    return count > 0
               ? 0
               : complain(l, -EINVAL, "%s holds no certificate in PEM", l->files->authorities);
}

/* With any list there must be one of each authority on the way to the certificate. */
static int add_revocations(const struct load *l, struct io_credentials *c, BIO *in)
{
    X509_STORE *store = SSL_CTX_get_cert_store(c->context);
    X509_CRL *list;
    int count = 0;

    while ((list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL) {
        uint64_t ends_s = seconds_of(X509_CRL_get0_nextUpdate(list));

        (void)X509_STORE_add_crl(store, list);
        if (ends_s > 0 &&
            (c->facts.revocations_end_s == 0 || ends_s < c->facts.revocations_end_s)) {
            c->facts.revocations_end_s = ends_s;
        }
        X509_CRL_free(list);
        count++;
    }
    if (!MUTANT(tls_revoked_accepted)) {
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    return count > 0 ? 0
                     : complain(l, -EINVAL, "%s holds no list of revoked certificates in PEM",
                                l->files->revocations);
}

/* --- the context --------------------------------------------------------------------- */

/* Nothing that ever was a trap: TLS 1.2 with forward secrecy and authenticated ciphers only, or
 * 1.3. Sessions are not resumed: each connection is judged by what is loaded now. */
static bool set_rules(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CHAIN_BYTES_MAX);
    return SSL_CTX_set_num_tickets(context, 0) == 1 &&
           SSL_CTX_set_session_id_context(context, (const unsigned char *)"rakit", 5) == 1 &&
           SSL_CTX_set_min_proto_version(context, MUTANT(tls_1_1_spoken) ? TLS1_VERSION
                                                                         : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, MUTANT(tls_1_1_spoken)
                                                ? "ALL:@SECLEVEL=0"
                                                : "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

/* Calls `add` with the content, if there is any file. */
static int add_part(const struct load *l, struct io_credentials *c, const char *path,
                    const struct buffer *content,
                    int (*add)(const struct load *l, struct io_credentials *c, BIO *in))
{
    BIO *in;
    int rv;

    if (path == NULL) {
        return 0;
    }
    in = open_content(content);
    if (in == NULL) {
        return complain(l, -ENOMEM, "there is not enough memory for %s", path);
    }
    rv = add(l, c, in);
    BIO_free(in);
    ERR_clear_error();
    return rv;
}

static int add_key_of(const struct load *l, struct io_credentials *c, BIO *in)
{
    return add_key(l, c->context, in);
}

static int fill(const struct load *l, struct io_credentials *c)
{
    const struct io_tls_files *files = l->files;
    int rv = 0;

    if (c->context == NULL || !set_rules(c->context)) {
        return complain(l, -EINVAL, "OpenSSL cannot be used here: %s",
                        ERR_reason_error_string(ERR_peek_error()));
    }
    if (files->authorities == NULL && files->trusts_system) {
        (void)SSL_CTX_set_default_verify_paths(c->context);
    }
    rv = add_part(l, c, files->certificate, &l->certificate, add_certificates);
    rv = rv < 0 ? rv : add_part(l, c, files->key, &l->key, add_key_of);
    rv = rv < 0 ? rv : add_part(l, c, files->authorities, &l->authorities, add_authorities);
    return rv < 0 ? rv : add_part(l, c, files->revocations, &l->revocations, add_revocations);
}

static int make(const struct load *l, struct io_credentials **ret_credentials)
{
    struct io_credentials *c = memory_take_zeroed(1, sizeof *c);
    int rv;

    c->context = SSL_CTX_new(TLS_method());
    rv = fill(l, c);
    if (rv < 0) {
        io_credentials_free(c);
        return rv;
    }
    *ret_credentials = c;
    return 0;
}

int io_credentials_load(struct io *io, const struct io_tls_files *files, uint64_t *digest,
                        struct io_credentials **ret_credentials, char *text, size_t text_size)
{
    struct load l = {.io = io, .files = files, .text = text, .text_size = text_size};
    uint64_t known = *digest;
    int rv = read_all(&l);

    *digest = rv < 0 ? 0 : checksum_of(&l);
    if (rv == 0 && *digest == known) {
        rv = 1;
    }
    if (rv == 0) {
        rv = make(&l, ret_credentials);
    }
    forget(&l);
    return rv;
}

void io_credentials_free(struct io_credentials *credentials)
{
    if (credentials != NULL) {
        SSL_CTX_free(credentials->context);
        free(credentials);
    }
}

const struct io_credentials_facts *
io_credentials_get_facts(const struct io_credentials *credentials)
{
    return &credentials->facts;
}

SSL_CTX *io_credentials_context(const struct io_credentials *credentials)
{
    return credentials->context;
}
