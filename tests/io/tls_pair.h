/* tls_pair.h - two peers of one loop with TLS between them, and a client that is made of a plain
 * socket and OpenSSL, which can do everything wrong. */
#ifndef RAKIT_TESTS_IO_TLS_PAIR_H
#define RAKIT_TESTS_IO_TLS_PAIR_H

#include "certificates.h"
#include "fixture.h"

/* What the rules of a side have reported. */
struct faults {
    int count;
    bool has_some;
    bool is_dialed;
    char reason[128];
};

void faults_note(void *context, const struct io_tls_fault *fault);

struct tls_pair {
    struct fixture *f;
    struct door door;
    struct peer near; /* It dials. */
    struct peer far;
    struct io_connect connect;
    bool is_connected;
    int status;
    struct io_tls near_tls;
    struct io_tls far_tls;
    struct faults near_faults;
    struct faults far_faults;
};

/* Rules for both: the far side needs no certificate of the near one, which verifies its. */
void tls_pair_init(struct tls_pair *pair, struct fixture *f, struct io_credentials *near,
                   struct io_credentials *far);
/* Dials, and waits until the attempt has an outcome, which it returns. */
int tls_pair_dial(struct tls_pair *pair, const char *host);
void tls_pair_deinit(struct tls_pair *pair);

/* A client of the pair's door. */
struct raw_tls {
    struct tls_pair *pair;
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    BIO *from;        /* What OpenSSL reads. */
    BIO *to;          /* What it has written. */
    size_t sent_size; /* The most that is sent at once. */
};

/* Connects; the door's far side accepts it. */
void raw_tls_open(struct raw_tls *raw, struct tls_pair *pair);
void raw_tls_close(struct raw_tls *raw);
/* Sends what OpenSSL has, and receives what has come. */
void raw_tls_move(struct raw_tls *raw);
/* Shakes hands; false if that fails or does not end. */
bool raw_tls_shake(struct raw_tls *raw);

#endif /* RAKIT_TESTS_IO_TLS_PAIR_H */
