/* address.h - which hosts can be addresses of nodes, and why one cannot be used, in words. */
#ifndef RAKIT_CLUSTER_ADDRESS_H
#define RAKIT_CLUSTER_ADDRESS_H

#include <stdbool.h>

#include "base/slice.h"
#include "io/io.h"

/* NULL if other nodes may be given this host to come to. Else a sentence: it is too long, holds
 * a blank or a control character, or means all addresses of a machine, in any spelling. */
const char *address_host_fault(struct slice host);
/* Whether it means all addresses of a machine: 0.0.0.0, ::, 0, ::ffff:0.0.0.0, * and so on. */
bool address_is_wildcard(struct slice host);
/* Stores the host, without the brackets that surround an IPv6 address before a port. It fits:
 * the caller made sure. */
void address_set_host(struct io_address *address, struct slice host);

/* `error` is what io_connect() ended with. */
const char *address_fault(int error);
/* The same of io_listen(). */
const char *address_listen_fault(int error);

#endif /* RAKIT_CLUSTER_ADDRESS_H */
