/* http.h - the HTTP door: metrics, health, status, XML-RPC and the dashboard, on threads of its own
 * (docs/adr/0047-one-http-door.md). Each request becomes commands on a connection to the clients'
 * side of the node, so rights, limits and forwarding are those of any client. */
#ifndef RAKIT_HTTP_HTTP_H
#define RAKIT_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/io_tls.h"

struct door;
struct sockaddr;

/* Strings are borrowed for the life of the door. */
struct http_options {
    const char *host; /* Where to listen. */
    uint16_t port;
    const char *announced;          /* The host at which others reach this node. */
    const struct io_tls_files *tls; /* Speak TLS, with these files. NULL: do not. */
    enum io_tls_trust trust;        /* Which certificate clients must show then. */
    struct io *io;                  /* To read them, from any thread. */
    /* Makes a connection to the node on behalf of that client: a socket that does not block, or a
     * negative errno. Any thread calls it. */
    int (*connect)(void *context, const struct sockaddr *peer);
    void *context;
};

/* How many connections the door may have at once. Each takes a descriptor, and up to four more for
 * its connections to the node. */
enum { HTTP_CONNECTIONS_MAX = 64, HTTP_FILES = HTTP_CONNECTIONS_MAX * 5 + 8 };

/* Takes the port. On failure returns NULL, with the reason in `text`. */
struct door *http_open(const struct http_options *options, char *text, size_t text_size);
/* Starts to serve. False: the system has no thread for it. */
bool http_start(struct door *d);
/* Ends all requests and threads, and frees the door. */
void http_close(struct door *d);

#endif /* RAKIT_HTTP_HTTP_H */
