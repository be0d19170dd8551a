/* backup.h - the client's own commands backup and verify. */
#ifndef RAKIT_CLI_BACKUP_H
#define RAKIT_CLI_BACKUP_H

#include "cli/session.h"

/* backup FILE: fetches a snapshot of the node that the client is connected to; or, if FILE is
 * there, the entries of the log behind it. The same command continues what was interrupted. */
enum session_outcome backup_run(struct session *s, const struct words *command);

/* verify FILE: reads a backup, and prints what is in it, or what is damaged. It needs no server.
 * Unreachable: it could not be read. */
enum session_outcome backup_verify_file(struct io *io, const char *file);
enum session_outcome backup_run_verify(const struct session *s, const struct words *command);

#endif /* RAKIT_CLI_BACKUP_H */
