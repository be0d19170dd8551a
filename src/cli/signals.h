/* signals.h - the signals of an interactive client as events of a descriptor, so
 * that every wait can be broken off and the terminal is always left in order.
 * A client that is not interactive has none of this: signals end it. */
#ifndef RAKIT_CLI_SIGNALS_H
#define RAKIT_CLI_SIGNALS_H

#include <stdbool.h>

struct signals {
    int fd;     /* Readable when a signal waits. */
    bool ended; /* SIGTERM or SIGHUP came: leave as soon as possible. */
};

/* From here on SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH come to
 * signals_take() only. Returns 0, or a negative errno. */
int signals_open(struct signals *s);
void signals_close(struct signals *s);

/* The next signal that waits, or 0. SIGTSTP goes on waiting until the caller, whose
 * terminal is in order by then, calls signals_stop_here(). */
int signals_take(struct signals *s);

/* Stops this process until it is continued, as Ctrl-Z asks; not where it was continued
 * already, together with the shell above it, between the key and this call: nobody would
 * continue it a second time. */
void signals_stop_here(void);

#endif /* RAKIT_CLI_SIGNALS_H */
