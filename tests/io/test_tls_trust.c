/* Whom an encrypted stream believes, and which files it is made of. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "tls_pair.h"

static struct authority authority;
static struct authority stranger;
static long leaver; /* The serial of a certificate that will be revoked. */

static int make_authorities(void **state)
{
    authority_make(&authority);
    authority_make(&stranger);
    authority_issue(&authority, "node", "DNS:localhost,IP:127.0.0.1", -3600, 3600);
    authority_issue(&authority, "elsewhere", "DNS:db.example.com,IP:192.0.2.1", -3600, 3600);
    authority_issue(&authority, "past", "IP:127.0.0.1", -7200, -3600);
    authority_issue(&authority, "future", "IP:127.0.0.1", 3600, 7200);
    leaver = authority_issue(&authority, "leaver", "IP:127.0.0.1", -3600, 3600);
    authority_issue(&stranger, "node", "DNS:localhost,IP:127.0.0.1", -3600, 3600);
    authority_revoke(&authority, leaver);
    return 0;
}

static int remove_authorities(void **state)
{
    authority_deinit(&authority);
    authority_deinit(&stranger);
    return 0;
}

/* The near side believes the authority, and dials a node of `of` with that certificate. */
static void prepare(struct tls_pair *pair, struct fixture *f, struct authority *of,
                    const char *name)
{
    tls_pair_init(pair, f, authority_load(&authority, f->io, NULL, false),
                  authority_load(of, f->io, name, false));
}

static void finish(struct tls_pair *pair)
{
    tls_pair_deinit(pair);
    io_credentials_free(pair->near_tls.credentials);
    io_credentials_free(pair->far_tls.credentials);
}

/* How it ends to dial `host`, where that certificate is shown. */
static void assert_dial(struct fixture *f, struct authority *of, const char *name, const char *host,
                        int status, const char *reason)
{
    struct tls_pair pair;

    prepare(&pair, f, of, name);
    assert_int_equal(tls_pair_dial(&pair, host), status);
    assert_int_equal(pair.near_faults.count, status == 0 ? 0 : 1);
    assert_string_equal(pair.near_faults.reason, reason);
    if (status != 0) {
        assert_true(pair.near_faults.is_dialed);
        await(f, &pair.far_faults.has_some); /* It learns from an alert. */
        await(f, &pair.far.has_ended);
        assert_null(pair.near.stream.backend);
    }
    finish(&pair);
}

static void test_trust__a_certificate_must_be_good_and_name_the_host(void **state)
{
    assert_dial(*state, &authority, "node", "127.0.0.1", 0, "");
    assert_dial(*state, &authority, "node", "localhost", 0, "");
    assert_dial(*state, &stranger, "node", "127.0.0.1", -EKEYREJECTED,
                "self-signed certificate in certificate chain");
    assert_dial(*state, &authority, "past", "127.0.0.1", -EKEYREJECTED, "certificate has expired");
    assert_dial(*state, &authority, "future", "127.0.0.1", -EKEYREJECTED,
                "certificate is not yet valid");
    assert_dial(*state, &authority, "elsewhere", "127.0.0.1", -EKEYREJECTED, "IP address mismatch");
    assert_dial(*state, &authority, "elsewhere", "localhost", -EKEYREJECTED, "hostname mismatch");
}

static void test_trust__a_name_takes_the_place_of_the_host(void **state)
{
    struct tls_pair pair;

    prepare(&pair, *state, &authority, "elsewhere");
    pair.near_tls.name = "db.example.com";
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), 0);
    assert_true(io_stream_is_named(pair.f->io, &pair.near.stream, "db.example.com"));
    assert_true(io_stream_is_named(pair.f->io, &pair.near.stream, "192.0.2.1"));
    assert_false(io_stream_is_named(pair.f->io, &pair.near.stream, "127.0.0.1"));
    assert_false(io_stream_is_named(pair.f->io, &pair.near.stream, "example.com"));
    assert_false(io_stream_is_named(pair.f->io, &pair.far.stream, "db.example.com"));
    finish(&pair);
    prepare(&pair, *state, &authority, "node");
    pair.near_tls.name = "db.example.com";
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), -EKEYREJECTED);
    finish(&pair);
}

static void test_trust__anybody_is_believed_if_that_is_wanted(void **state)
{
    struct tls_pair pair;

    prepare(&pair, *state, &stranger, "node");
    pair.near_tls.trust = IO_TLS_ANYBODY;
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), 0);
    finish(&pair);
}

/* A client with the certificate of `of` (NULL: with none), where `trust` is asked for. The near
 * side may believe that it is in: with TLS 1.3 it hears of it when it reads. */
static void assert_client(struct fixture *f, struct authority *of, const char *name,
                          enum io_tls_trust trust, const char *reason)
{
    struct tls_pair pair;

    prepare(&pair, f, &authority, "node");
    pair.far_tls.trust = trust;
    if (of != NULL) {
        io_credentials_free(pair.near_tls.credentials);
        pair.near_tls.credentials = authority_load(of, f->io, name, false);
        pair.near_tls.trust = IO_TLS_ANYBODY;
    }
    if (reason == NULL) {
        assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), 0);
        assert_true(peer_write(&pair.near, "x", 1) >= 0);
        peer_await_bytes(&pair.far, 1);
    } else {
        (void)tls_pair_dial(&pair, "127.0.0.1");
        await(f, &pair.far_faults.has_some);
        assert_string_equal(pair.far_faults.reason, reason);
        await(f, &pair.far.has_ended);
        assert_int_equal(pair.far.room_count, 0); /* Nothing was read from it. */
    }
    finish(&pair);
}

static void test_trust__clients_need_the_certificate_that_is_asked_for(void **state)
{
    assert_client(*state, NULL, NULL, IO_TLS_ANYBODY, NULL);
    assert_client(*state, NULL, NULL, IO_TLS_IF_SHOWN, NULL);
    assert_client(*state, NULL, NULL, IO_TLS_AUTHORITIES, "peer did not return a certificate");
    assert_client(*state, &authority, "elsewhere", IO_TLS_AUTHORITIES, NULL);
    assert_client(*state, &authority, "elsewhere", IO_TLS_IF_SHOWN, NULL);
    assert_client(*state, &stranger, "node", IO_TLS_ANYBODY, NULL);
    assert_client(*state, &stranger, "node", IO_TLS_AUTHORITIES,
                  "self-signed certificate in certificate chain");
    assert_client(*state, &stranger, "node", IO_TLS_IF_SHOWN,
                  "self-signed certificate in certificate chain");
    assert_client(*state, &authority, "past", IO_TLS_AUTHORITIES, "certificate has expired");
}

static void test_trust__revoked_certificates_are_refused(void **state)
{
    struct fixture *f = *state;
    struct tls_pair pair;

    prepare(&pair, f, &authority, "leaver");
    io_credentials_free(pair.near_tls.credentials);
    pair.near_tls.credentials = authority_load(&authority, f->io, NULL, true);
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), -EKEYREJECTED);
    assert_string_equal(pair.near_faults.reason, "certificate revoked");
    finish(&pair);
    prepare(&pair, f, &authority, "node");
    io_credentials_free(pair.near_tls.credentials);
    pair.near_tls.credentials = authority_load(&authority, f->io, NULL, true);
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), 0);
    finish(&pair);
}

/* A client that speaks no version later than this one. */
static bool is_spoken(struct fixture *f, int version, const char *ciphers)
{
    struct tls_pair pair;
    struct raw_tls raw;
    bool is_good;

    prepare(&pair, f, &authority, "node");
    raw_tls_open(&raw, &pair);
    SSL_set_min_proto_version(raw.ssl, TLS1_VERSION);
    SSL_set_max_proto_version(raw.ssl, version);
    SSL_set_cipher_list(raw.ssl, ciphers);
    is_good = raw_tls_shake(&raw);
    raw_tls_close(&raw);
    finish(&pair);
    return is_good;
}

static void test_trust__only_sound_versions_and_ciphers_are_spoken(void **state)
{
    assert_true(is_spoken(*state, TLS1_3_VERSION, "ALL"));
    assert_true(is_spoken(*state, TLS1_2_VERSION, "ALL"));
    assert_false(is_spoken(*state, TLS1_1_VERSION, "ALL:@SECLEVEL=0"));
    assert_false(is_spoken(*state, TLS1_VERSION, "ALL:@SECLEVEL=0"));
    assert_false(is_spoken(*state, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"));
}

/* Streams that are open go on; new ones use what was loaded last. */
static void test_trust__credentials_may_be_replaced_under_load(void **state)
{
    enum { SIZE = 4 * 1024 * 1024 };
    struct tls_pair pair;
    char *data = memory_take_zeroed(1, SIZE);

    prepare(&pair, *state, &authority, "node");
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), 0);
    assert_true(peer_write(&pair.near, data, SIZE) >= 0);
    io_credentials_free(pair.far_tls.credentials);
    pair.far_tls.credentials = authority_load(&authority, pair.f->io, "past", false);
    peer_await_bytes(&pair.far, SIZE);
    peer_deinit(&pair.near);
    peer_deinit(&pair.far);
    peer_init(&pair.near, pair.f);
    peer_init(&pair.far, pair.f);
    pair.near.stream.tls = &pair.near_tls;
    pair.far.stream.tls = &pair.far_tls;
    pair.door.next = &pair.far;
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), -EKEYREJECTED);
    finish(&pair);
    free(data);
}

/* --- files ------------------------------------------------------------------------------- */

static void assert_load(struct fixture *f, const struct io_tls_files *files, const char *expected)
{
    struct io_credentials *credentials = NULL;
    char text[512] = "";
    uint64_t digest = 0;
    int status = io_credentials_load(f->io, files, &digest, &credentials, text, sizeof text);

    if (expected == NULL) {
        assert_string_equal(text, "");
        assert_int_equal(status, 0);
        /* The second time nothing has changed. */
        assert_int_not_equal(digest, 0);
        io_credentials_free(credentials);
        assert_int_equal(
            io_credentials_load(f->io, files, &digest, &credentials, text, sizeof text), 1);
        return;
    }
    assert_true(status < 0);
    assert_non_null(strstr(text, expected));
}

static void lock_key(void)
{
    FILE *in = fopen(authority_path(&authority, "node.key"), "r");
    FILE *out = fopen(authority_path(&authority, "locked.key"), "w");
    EVP_PKEY *key = PEM_read_PrivateKey(in, NULL, NULL, NULL);

    assert_int_equal(chmod(authority_path(&authority, "locked.key"), 0600), 0);
    assert_int_equal(PEM_write_PrivateKey(out, key, EVP_aes_128_cbc(),
                                          (const unsigned char *)"secret", 6, NULL, NULL),
                     1);
    EVP_PKEY_free(key);
    fclose(in);
    fclose(out);
}

static void test_files__what_is_wrong_with_them_is_said(void **state)
{
    struct io_tls_files files = {0};
    char certificate[160];
    char key[160];
    char authorities[160];
    char other[160];

    snprintf(certificate, sizeof certificate, "%s", authority_path(&authority, "node.crt"));
    snprintf(key, sizeof key, "%s", authority_path(&authority, "node.key"));
    snprintf(authorities, sizeof authorities, "%s", authority_path(&authority, "ca.crt"));
    files =
        (struct io_tls_files){.certificate = certificate, .key = key, .authorities = authorities};
    assert_load(*state, &files, NULL);
    assert_int_equal(chmod(key, 0640), 0);
    assert_load(*state, &files, "give it mode 600");
    assert_int_equal(chmod(key, 0600), 0);
    files.key = certificate;
    assert_int_equal(chmod(certificate, 0600), 0);
    assert_load(*state, &files, "holds no private key");
    snprintf(other, sizeof other, "%s", authority_path(&authority, "past.key"));
    files.key = other;
    assert_load(*state, &files, "is not that of the certificate");
    lock_key();
    snprintf(other, sizeof other, "%s", authority_path(&authority, "locked.key"));
    assert_load(*state, &files, "has a passphrase");
    files.key = key;
    files.certificate = key;
    assert_load(*state, &files, "holds no certificate");
    files.certificate = certificate;
    files.authorities = key;
    assert_load(*state, &files, "holds no certificate");
    files.authorities = authorities;
    files.revocations = authorities;
    assert_load(*state, &files, "no list of revoked certificates");
    files.revocations = "/nowhere/ca.crl";
    assert_load(*state, &files, "cannot open /nowhere/ca.crl");
    files.revocations = NULL;
    assert_load(*state, &files, NULL);
}

static void test_files__facts_are_those_of_the_certificates(void **state)
{
    struct fixture *f = *state;
    struct io_credentials *credentials = authority_load(&authority, f->io, "node", true);
    const struct io_credentials_facts *facts = io_credentials_get_facts(credentials);
    uint64_t now_s = io_wall_ns(f->io) / 1000000000;

    assert_non_null(strstr(facts->subject, "CN=node"));
    assert_in_range(facts->begins_s, now_s - 3700, now_s - 3500);
    assert_in_range(facts->ends_s, now_s + 3000, now_s + 3700);
    assert_in_range(facts->authorities_end_s, now_s + 360 * 86400, now_s + 370 * 86400);
    assert_in_range(facts->revocations_end_s, now_s + 86000, now_s + 86500);
    io_credentials_free(credentials);
    credentials = authority_load(&authority, f->io, NULL, false);
    facts = io_credentials_get_facts(credentials);
    assert_int_equal(facts->ends_s, 0);
    assert_int_equal(facts->revocations_end_s, 0);
    assert_string_equal(facts->subject, "");
    io_credentials_free(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_trust__a_certificate_must_be_good_and_name_the_host),
        IO_TEST(test_trust__a_name_takes_the_place_of_the_host),
        IO_TEST(test_trust__anybody_is_believed_if_that_is_wanted),
        IO_TEST(test_trust__clients_need_the_certificate_that_is_asked_for),
        IO_TEST(test_trust__revoked_certificates_are_refused),
        IO_TEST(test_trust__only_sound_versions_and_ciphers_are_spoken),
        IO_TEST(test_trust__credentials_may_be_replaced_under_load),
        IO_TEST(test_files__what_is_wrong_with_them_is_said),
        IO_TEST(test_files__facts_are_those_of_the_certificates),
    };

    return cmocka_run_group_tests_name("io/tls_trust", tests, make_authorities, remove_authorities);
}
