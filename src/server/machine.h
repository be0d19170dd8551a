/* machine.h - checks at start for what the machine makes unsafe, and reports it. machine_check()
 * only warns. For real processes: the simulator has no such machine. */
#ifndef RAKIT_SERVER_MACHINE_H
#define RAKIT_SERVER_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "server/config.h"

/* Warns about a data directory that other users may write to, and about ports that the system
 * may give to another program while this node is down. */
void machine_check(const struct server_config *config, const struct log *log);

/* Whether a new node may use the data directory. False if it contains other files and none of a
 * node's; or if it is empty and there is no contact, since it may be the mount point of a volume
 * that is not mounted: such a node would found a second cluster and acknowledge writes to it.
 * `text` then says what to do. */
bool machine_may_begin(const char *data_dir, bool has_contact, char *text, size_t text_size);

/* The size of the file system with that directory, or where it would be made; 0: unknown. */
uint64_t machine_disk_bytes(const char *data_dir);

/* Whether the system may give `port` to an outgoing connection, according to the contents of
 * ip_local_port_range ("32768 60999") and ip_local_reserved_ports ("8080,9148-9150") in
 * /proc/sys/net/ipv4. Contents that can't be parsed count as empty. */
bool machine_port_is_ephemeral(uint16_t port, const char *range, const char *reserved);

#endif /* RAKIT_SERVER_MACHINE_H */
