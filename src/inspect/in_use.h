/* in_use.h - whether a node runs on a data directory. */
#ifndef RAKIT_INSPECT_IN_USE_H
#define RAKIT_INSPECT_IN_USE_H

#include <stdbool.h>

/* Checks whether somebody holds the lock of the directory or of the file `lock` in it, without
 * trying to take it: otherwise a node that starts at that moment would be refused. False if the
 * system does not report locks (no /proc/locks). */
bool directory_is_in_use(const char *dir);

#endif /* RAKIT_INSPECT_IN_USE_H */
