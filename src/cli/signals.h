/* signals.h - turns the signals of an interactive client into events of a descriptor, so that
 * every wait can be interrupted and the terminal is always left in order. A client that is not
 * interactive does not use it: signals end it. */
#ifndef RAKIT_CLI_SIGNALS_H
#define RAKIT_CLI_SIGNALS_H

#include <stdbool.h>

struct signals {
    int fd;     /* Readable when a signal is waiting. */
    bool ended; /* SIGTERM or SIGHUP came: end as soon as possible. */
};

/* From here on, SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH are only seen by signals_take().
 * Returns 0 or a negative errno. */
int signals_open(struct signals *s);
void signals_close(struct signals *s);

/* The next waiting signal, or 0. SIGTSTP remains pending until the caller has restored the
 * terminal and calls signals_stop_here(). */
int signals_take(struct signals *s);

/* Stops this process until it is continued, as Ctrl-Z asks. Does nothing if it was already
 * continued, together with the shell, between the key and this call: nobody would continue it a
 * second time. */
void signals_stop_here(void);

#endif /* RAKIT_CLI_SIGNALS_H */
