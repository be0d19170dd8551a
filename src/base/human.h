/* human.h - sizes and times as people write them. */
#ifndef RAKIT_BASE_HUMAN_H
#define RAKIT_BASE_HUMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* "512 bytes", "4.0 MB". */
void human_put_bytes(struct buffer *out, uint64_t bytes);
/* "2026-11-30T15:40:01.123456Z"; microseconds since 1970. A time that the calendar can't show is
 * written as a number of microseconds. */
void human_put_utc(struct buffer *out, uint64_t time_us);
/* Reads such a time. The fraction may be missing or shorter, and so may the Z; a blank may stand
 * instead of the T. False, and nothing changed, if it is none. */
bool human_read_utc(const char *text, uint64_t *ret_time_us);

#endif /* RAKIT_BASE_HUMAN_H */
