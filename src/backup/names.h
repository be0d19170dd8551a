/* names.h - the files of a backup: FILE is a snapshot, FILE.1, FILE.2, ... are the entries of the
 * log behind it, one file for each later run. The names derive from the one that the user gave. */
#ifndef RAKIT_BACKUP_NAMES_H
#define RAKIT_BACKUP_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "store/files.h"

enum { BACKUP_NAME_MAX = PATH_BYTES_MAX - 32 }; /* Bytes of the name that the user gives. */

/* Number 0 is FILE itself. `path` has PATH_BYTES_MAX bytes, `file` at most BACKUP_NAME_MAX. */
void backup_path(char *path, const char *file, uint32_t number);
/* The name of that file as long as it is incomplete. */
void backup_part_path(char *path, const char *file, uint32_t number);
/* The highest number of a file of the backup in its directory; 0: there is none but FILE, or not
 * even that. 0 or a negative errno value. */
int backup_find_last(struct io *io, const char *file, uint32_t *ret_number);
/* The directory that the files are in. */
void backup_directory(char *path, const char *file);

#endif /* RAKIT_BACKUP_NAMES_H */
