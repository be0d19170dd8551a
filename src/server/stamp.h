/* stamp.h - a time for people: "2026-11-23T08:32:11.123Z". */
#ifndef RAKIT_SERVER_STAMP_H
#define RAKIT_SERVER_STAMP_H

#include <stdint.h>

enum { STAMP_BYTES = 40 };

/* `wall_ns`: since the Unix epoch. */
void stamp_utc(char text[STAMP_BYTES], uint64_t wall_ns);

#endif /* RAKIT_SERVER_STAMP_H */
