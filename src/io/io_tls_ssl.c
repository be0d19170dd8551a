#include "io/io_tls_ssl.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/mutant.h"

/* No certificate is for f*o.example.com. */
enum { NAME_FLAGS = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS };

/* Whether it is a numeric address. */
static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

static bool expect(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    MUTANT_DO(tls_name_unchecked, return true);
    X509_VERIFY_PARAM_set_hostflags(param, NAME_FLAGS);
    return is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1
                            : X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static int verify_mode(enum io_tls_trust trust)
{
    if (trust == IO_TLS_ANYBODY || MUTANT(tls_anybody_trusted)) {
        return SSL_VERIFY_NONE;
    }
    return trust == IO_TLS_IF_SHOWN ? SSL_VERIFY_PEER
                                    : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

static bool set_up(SSL *ssl, enum io_tls_trust trust, const char *host, const char *name)
{
    const char *expected = name != NULL ? name : host;

    SSL_set_verify(ssl, verify_mode(trust), NULL);
    if (trust != IO_TLS_ANYBODY && expected != NULL && !expect(ssl, expected)) {
        return false;
    }
    if (host == NULL) {
        SSL_set_accept_state(ssl);
        return true;
    }
    SSL_set_connect_state(ssl);
    /* OpenSSL only reads the name, so the cast is safe; clang refuses that of its macro. */
    return is_address(host) || SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                        TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host) == 1;
}

SSL *io_tls_new(const struct io_credentials *credentials, enum io_tls_trust trust, const char *host,
                const char *name)
{
    SSL *ssl = SSL_new(io_credentials_context(credentials));

    if (ssl != NULL && !set_up(ssl, trust, host, name)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    ERR_clear_error();
    return ssl;
}

bool io_tls_is_named(const SSL *ssl, const char *host)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);

    if (certificate == NULL) {
        return false;
    }
    return is_address(host) ? X509_check_ip_asc(certificate, host, 0) == 1
                            : X509_check_host(certificate, host, 0, NAME_FLAGS, NULL) == 1;
}

const char *io_tls_reason(const SSL *ssl)
{
    long verdict = SSL_get_verify_result(ssl);
    unsigned long error = ERR_peek_error();
    const char *text;

    if (verdict != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
        return X509_verify_cert_error_string(verdict);
    }
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER ||
                                              ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST)) {
        return "the other side does not speak TLS";
    }
    text = ERR_reason_error_string(error);
    return text != NULL ? text : "the connection ended";
}
