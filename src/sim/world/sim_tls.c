/* sim_tls.c - the simulated network cannot be read or changed from outside, so it has no TLS. */
#include <errno.h>
#include <stdio.h>

#include "io/io_tls.h"

int io_credentials_load(struct io *io, const struct io_tls_files *files, uint64_t *digest,
                        struct io_credentials **ret_credentials, char *text, size_t text_size)
{
    *digest = 0;
    *ret_credentials = NULL;
    snprintf(text, text_size, "the simulator has no TLS");
    return -ENOTSUP;
}

void io_credentials_free(struct io_credentials *credentials)
{
}

const struct io_credentials_facts *
io_credentials_get_facts(const struct io_credentials *credentials)
{
    return NULL;
}

bool io_stream_is_named(struct io *io, struct io_stream *stream, const char *host)
{
    return true;
}
