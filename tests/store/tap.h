/* tap.h - between the store and the file calls of io.h (by the linker's --wrap): counts the
 * calls, makes them fail, limits the room on the disk, and records them, so that a test can
 * build every state that a crash may leave.
 *
 * A crash in this model: of what was written to a file since its last sync, each sector may be
 * there or not; of the names that changed since the directory's last sync, each change may have
 * happened or not. */
#ifndef RAKIT_TESTS_STORE_TAP_H
#define RAKIT_TESTS_STORE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"

/* Which call to make fail. */
enum tap_call { TAP_WRITE = 1, TAP_SYNC, TAP_RENAME, TAP_OPEN, TAP_DIR_SYNC, TAP_OTHER };

struct tap_counts {
    uint32_t writes; /* For files whose names match. */
    uint32_t syncs;
};

void tap_reset(void);
/* Drops files that were closed by the end of a simulated process, which the tap does not notice. */
void tap_forget_files(void);
/* The next `call` on a path that contains `name` fails with `error`, and all later ones too if
 * `for_good`. */
void tap_fail(enum tap_call call, const char *name, int error, bool for_good);
/* The `n`th call from now on, of any kind including reads, fails with `error`. */
void tap_fail_nth(uint32_t n, int error);
/* Whether that call was made. */
bool tap_has_failed(void);
/* Limits the bytes in new files: more fails with -ENOSPC. 0: no limit. */
void tap_set_room(uint64_t bytes);
/* Calls on paths that contain `name`, since tap_reset(). */
struct tap_counts tap_count(const char *name);

/* Starts to record. Files that exist already count as durable. */
void tap_record(const char *dir);
/* How many operations were recorded so far. */
uint32_t tap_position(void);
/* Stops recording; what was recorded is kept. */
void tap_pause(void);
void tap_stop(void);

enum tap_luck {
    TAP_NOTHING,    /* Nothing unsynced survived. */
    TAP_EVERYTHING, /* Everything survived. */
    TAP_SOME,       /* A random subset survived. */
};

/* Writes to the directory `to` what a crash after the first `position` operations leaves. */
void tap_crash(uint32_t position, enum tap_luck luck, struct prng *p, const char *to);

/* The process died and the machine goes on: `to` gets everything that was written, synced or
 * not. Recording continues there; what was not durable still is not. */
void tap_kill(uint32_t position, const char *to);

#endif /* RAKIT_TESTS_STORE_TAP_H */
