/* tls_ports.h - nodes may serve TLS at another port than the one that RAFT STATUS shows: all of
 * them at the same distance. */
#ifndef RAKIT_CLI_TLS_PORTS_H
#define RAKIT_CLI_TLS_PORTS_H

#include <stdbool.h>

#include "cli/connection.h"

enum { PORT_TEXT_BYTES = 6 };

/* Asks the node how far; nothing is asked without TLS. Codes of connection.h. */
int tls_ports_measure(struct connection *c, struct patience patience, int *distance);
/* Moves a port by that; false if there is none. */
bool tls_ports_move(int distance, char port[PORT_TEXT_BYTES]);

#endif /* RAKIT_CLI_TLS_PORTS_H */
