/* machine.h - what the machine around a node makes unsafe, found at start and reported to
 * the person who starts it. machine_check() stops no node. Real processes only: the simulator
 * has no such machine. */
#ifndef RAKIT_SERVER_MACHINE_H
#define RAKIT_SERVER_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "server/config.h"

/* Warns of a data directory that other users may write to, and of ports that the system may
 * give to another program while this node is down. */
void machine_check(const struct server_config *config, const struct log *log);

/* False if a node must not begin there. The directory has the files of somebody else and none of
 * a node's; or it is empty, as the mount point of a volume is that is not mounted, and there is no
 * contact: a node whose volume is missing would otherwise found a second cluster and acknowledge
 * writes to it. Then `text` says what to do. */
bool machine_may_begin(const char *data_dir, bool has_contact, char *text, size_t text_size);

/* Whether the system may give `port` to an outgoing connection, by the texts of the files
 * ip_local_port_range ("32768 60999") and ip_local_reserved_ports ("8080,9148-9150") in
 * /proc/sys/net/ipv4. A text that is not understood counts as empty. */
bool machine_port_is_ephemeral(uint16_t port, const char *range, const char *reserved);

#endif /* RAKIT_SERVER_MACHINE_H */
