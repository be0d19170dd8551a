/* access.h - which requests are taken at all: the name by which the node was called, the page that
 * a request comes from, and what credentials it has. Nothing here asks the node. */
#ifndef RAKIT_HTTP_ACCESS_H
#define RAKIT_HTTP_ACCESS_H

#include <stdbool.h>

#include "http/request.h"

enum { ACCESS_CREDENTIAL_BYTES_MAX = 512 };

struct credentials {
    bool are_given;
    char text[ACCESS_CREDENTIAL_BYTES_MAX]; /* The next two borrow from it. */
    struct slice user;
    struct slice password;
};

/* The names of this node besides addresses, localhost and names without a dot. */
struct access_names {
    const char *host;
    const char *announced;
};

/* Whether a foreign page can't have chosen this Host, by letting its own name lead to this node. */
bool access_host_is_own(const struct access_names *names, struct slice host);
/* Whether the request comes from no page of another server, as far as its browser says. */
bool access_is_same_site(const struct request *r);
/* Whether the type of the body is one of those in the list, which NULL ends. A page of another
 * server can't send these without being asked first. */
bool access_type_is(const struct request *r, const char *const *types);
/* Reads the header Authorization. False: it has no user and password. */
bool access_read_credentials(const struct request *r, struct credentials *ret_credentials);

#endif /* RAKIT_HTTP_ACCESS_H */
