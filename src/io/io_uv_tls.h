/* io_uv_tls.h - the encrypted part of a stream of the libuv backend; io_uv_stream.c hands over to
 * it what its stream is asked and what its socket reports. */
#ifndef RAKIT_IO_IO_UV_TLS_H
#define RAKIT_IO_IO_UV_TLS_H

#include "io/io_tls.h"
#include "io/io_uv_internal.h"

/* Begins the handshake. `host`: what was dialed; NULL: it was accepted. A negative error: nothing
 * was begun. */
int io_uv_tls_start(struct io_uv_stream *s, struct io_tls *tls, const char *host);
/* Frees it; the socket is closed. */
void io_uv_tls_free(struct io_uv_tls *t);

/* Room for what the socket has. */
void io_uv_tls_room(struct io_uv_stream *s, uv_buf_t *ret_buffer);
/* The socket's bytes are in that room; or UV_EOF, or an error. */
void io_uv_tls_read(struct io_uv_stream *s, ssize_t size, const uv_buf_t *buffer);

/* As those of io.h. */
int io_uv_tls_write(struct io_uv_stream *s, const void *data, size_t size);
void io_uv_tls_shut(struct io_uv_stream *s);
void io_uv_tls_resume(struct io_uv_stream *s);
/* Before the socket is closed: says that this is the end, if all was sent. */
void io_uv_tls_farewell(struct io_uv_stream *s);

/* Of struct io: what all encrypted streams share. */
void io_uv_tls_deinit(struct io *io);

#endif /* RAKIT_IO_IO_UV_TLS_H */
