/* patience.h - waiting for a socket, no longer than until a deadline or the end of the door. */
#ifndef RAKIT_HTTP_PATIENCE_H
#define RAKIT_HTTP_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct patience {
    int stop_fd;    /* Readable: the door ends. -1: there is none. */
    int64_t end_ms; /* By patience_now_ms(). */
};

int64_t patience_now_ms(void);
struct patience patience_for(int stop_fd, int64_t ms);

/* Waits until one of the events of poll() comes. False: in vain. */
bool patience_await(const struct patience *p, int fd, short events);
/* Waits for time to pass. False: the door ends. */
bool patience_pause(const struct patience *p);
/* Sends all of it. */
bool patience_send(const struct patience *p, int fd, const void *data, size_t size);
/* Receives what has come, at least a byte. 0: the other side has ended; -1: in vain. */
int64_t patience_receive(const struct patience *p, int fd, void *data, size_t size);

#endif /* RAKIT_HTTP_PATIENCE_H */
