#include "tls_pair.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void faults_note(void *context, const struct io_tls_fault *fault)
{
    struct faults *f = context;

    f->count++;
    f->has_some = true;
    f->is_dialed = fault->is_dialed;
    assert_true(strncmp(fault->peer, "127.0.0.1:", 10) == 0);
    snprintf(f->reason, sizeof f->reason, "%s", fault->reason);
}

static void on_connected(struct io_connect *connect, int status)
{
    struct tls_pair *pair = container_of(connect, struct tls_pair, connect);

    assert_from_loop(pair->f);
    pair->status = status;
    pair->is_connected = true;
}

void tls_pair_init(struct tls_pair *pair, struct fixture *f, struct io_credentials *near,
                   struct io_credentials *far)
{
    *pair = (struct tls_pair){
        .f = f,
        .connect = {.connected = on_connected},
        .near_tls = {.credentials = near, .trust = IO_TLS_AUTHORITIES, .failed = faults_note},
        .far_tls = {.credentials = far, .trust = IO_TLS_ANYBODY, .failed = faults_note},
    };
    pair->near_tls.context = &pair->near_faults;
    pair->far_tls.context = &pair->far_faults;
    door_open(&pair->door, f);
    peer_init(&pair->near, f);
    peer_init(&pair->far, f);
    pair->near.stream.tls = &pair->near_tls;
    pair->far.stream.tls = &pair->far_tls;
    pair->door.next = &pair->far;
}

int tls_pair_dial(struct tls_pair *pair, const char *host)
{
    struct io_address address = address_of(host, pair->door.port);

    pair->is_connected = false;
    call_begin(pair->f);
    io_connect(pair->f->io, &pair->connect, &pair->near.stream, &address);
    call_end(pair->f);
    await(pair->f, &pair->is_connected);
    await(pair->f, &pair->door.has_accepted);
    return pair->status;
}

void tls_pair_deinit(struct tls_pair *pair)
{
    peer_deinit(&pair->near);
    peer_deinit(&pair->far);
    door_close(&pair->door);
}

/* --- a client that may do everything wrong ------------------------------------------- */

void raw_tls_open(struct raw_tls *raw, struct tls_pair *pair)
{
    *raw = (struct raw_tls){.pair = pair, .sent_size = SIZE_MAX};
    raw->fd = raw_pair(&pair->door, &pair->far);
    raw->context = SSL_CTX_new(TLS_client_method());
    raw->ssl = SSL_new(raw->context);
    raw->from = BIO_new(BIO_s_mem());
    raw->to = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(raw->from, -1);
    SSL_set_bio(raw->ssl, raw->from, raw->to);
    SSL_set_connect_state(raw->ssl);
}

void raw_tls_close(struct raw_tls *raw)
{
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->context);
    close(raw->fd);
}

void raw_tls_move(struct raw_tls *raw)
{
    char bytes[4096];
    int size;
    ssize_t got;

    while ((size = BIO_read(raw->to, bytes, sizeof bytes)) > 0) {
        for (size_t at = 0; at < (size_t)size;) {
            size_t left = (size_t)size - at;
            size_t part = left < raw->sent_size ? left : raw->sent_size;

            (void)send(raw->fd, bytes + at, part, MSG_NOSIGNAL);
            at += part;
            if (at < (size_t)size) {
                run_for(raw->pair->f, 0);
            }
        }
    }
    run_for(raw->pair->f, MS_NS);
    while ((got = recv(raw->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        assert_int_equal(BIO_write(raw->from, bytes, (int)got), got);
    }
}

bool raw_tls_shake(struct raw_tls *raw)
{
    for (int i = 0; i < 200; i++) {
        int result = SSL_do_handshake(raw->ssl);
        int error = SSL_get_error(raw->ssl, result);

        raw_tls_move(raw);
        if (result == 1) {
            return true;
        }
        if (error != SSL_ERROR_WANT_READ) {
            return false;
        }
    }
    return false;
}
