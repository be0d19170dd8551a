/* service.h - reports to the service manager that has started this process, by the protocol of
 * sd_notify(3): datagrams to the socket in NOTIFY_SOCKET. It is a few lines, so the server needs
 * no library of systemd's. Without such a manager nothing is reported. */
#ifndef RAKIT_SERVER_SERVICE_H
#define RAKIT_SERVER_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

struct service {
    int socket;           /* -1: there is no manager. */
    uint64_t watchdog_ns; /* The manager ends this process if it hears nothing for so long; 0: it
                           * does not. */
};

/* Reads and removes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are not for children. */
void service_open(struct service *s);
void service_close(struct service *s);

/* One message: lines as in sd_notify(3). Never blocks; a message that can't be sent is lost. */
void service_report(const struct service *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* RAKIT_SERVER_SERVICE_H */
