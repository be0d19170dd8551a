/* certificates.h - an authority for tests: certificates, keys and lists of revocations in files
 * of a directory of its own. */
#ifndef RAKIT_TESTS_IO_CERTIFICATES_H
#define RAKIT_TESTS_IO_CERTIFICATES_H

#include <openssl/x509.h>

#include "io/io_tls_ssl.h"

struct authority {
    char dir[64];
    EVP_PKEY *key;
    X509 *certificate;
    long last_serial;
    int path_count; /* See authority_path(). */
};

/* Makes the directory, and ca.crt in it. */
void authority_make(struct authority *a);
/* Removes the directory. */
void authority_deinit(struct authority *a);
/* The path of a file; valid until the fourth call after this one. */
const char *authority_path(struct authority *a, const char *file);
/* Makes NAME.crt and NAME.key. `names`: such as "DNS:localhost,IP:127.0.0.1". Valid from and
 * until so many seconds from now. Returns the serial. */
long authority_issue(struct authority *a, const char *name, const char *names, long from_s,
                     long until_s);
/* Writes ca.crl: it revokes that serial; 0: none. */
void authority_revoke(struct authority *a, long serial);
/* Loads NAME.crt and NAME.key (NULL: neither), which believe ca.crt of that authority. */
struct io_credentials *authority_load(struct authority *a, struct io *io, const char *name,
                                      bool has_revocations);

#endif /* RAKIT_TESTS_IO_CERTIFICATES_H */
