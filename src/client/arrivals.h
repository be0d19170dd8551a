/* arrivals.h - when the bytes of a connection came that are not taken yet: a command's time
 * begins when it was received, not when its turn has come. Bytes that came soon behind others
 * count as come with them, so that little is remembered of any connection. */
#ifndef RAKIT_CLIENT_ARRIVALS_H
#define RAKIT_CLIENT_ARRIVALS_H

#include <stdint.h>

enum { ARRIVALS_MAX = 10 };

struct arrival {
    uint64_t end; /* The bytes before this place in the stream */
    uint64_t at_ns;
};

struct arrivals {
    uint64_t total; /* Bytes so far. */
    uint32_t count;
    struct arrival list[ARRIVALS_MAX]; /* In order. Where there are more, the first are one. */
};

/* `size` bytes have come, where `waiting` were there that are not taken. What comes within
 * `step_ns` counts as one. */
void arrivals_note(struct arrivals *a, uint64_t size, uint64_t waiting, uint64_t now_ns,
                   uint64_t step_ns);
/* When the last one of the first `size` bytes of `waiting` came. To be asked with ever later
 * bytes. */
uint64_t arrivals_of(struct arrivals *a, uint64_t size, uint64_t waiting);

#endif /* RAKIT_CLIENT_ARRIVALS_H */
