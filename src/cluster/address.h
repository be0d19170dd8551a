/* address.h - which hosts can be addresses of nodes, and messages for those that can't. */
#ifndef RAKIT_CLUSTER_ADDRESS_H
#define RAKIT_CLUSTER_ADDRESS_H

#include <stdbool.h>

#include "base/slice.h"
#include "io/io.h"

/* NULL if this host can be given to other nodes; otherwise a sentence: it is too long, contains
 * a blank or a control character, or means all addresses of a machine, in any spelling. */
const char *address_host_fault(struct slice host);
/* Whether it means all addresses of a machine: 0.0.0.0, ::, 0, ::ffff:0.0.0.0, * and so on. */
bool address_is_wildcard(struct slice host);
/* Stores the host, without the brackets of an IPv6 address. The caller has checked that it fits. */
void address_set_host(struct io_address *address, struct slice host);

/* A message for the error that io_connect() ended with. */
const char *address_fault(int error);
/* The same for io_listen(). */
const char *address_listen_fault(int error);

#endif /* RAKIT_CLUSTER_ADDRESS_H */
