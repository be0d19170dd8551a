/* service.c - see service.h. */
#include "server/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_BYTES_MAX = 512 };

/* A path, or an abstract name that begins with @. */
static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    int s;

    if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof address.sun_path) {
        return -1;
    }
    memcpy(address.sun_path, name, size);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s >= 0 && connect(s, (const struct sockaddr *)&address, address_size) != 0) {
        close(s);
        s = -1;
    }
    return s;
}

/* 0: no watchdog is meant for this process. */
static uint64_t watchdog_ns(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    char *end = NULL;
    unsigned long long us;

    if (text == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid())) {
        return 0;
    }
    errno = 0;
    us = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && us <= UINT64_MAX / 1000 ? us * 1000 : 0;
}

void service_open(struct service *s)
{
    const char *name = getenv("NOTIFY_SOCKET");

    s->socket = name == NULL ? -1 : connect_to(name);
    s->watchdog_ns = s->socket < 0 ? 0 : watchdog_ns();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void service_close(struct service *s)
{
    if (s->socket >= 0) {
        close(s->socket);
        s->socket = -1;
    }
}

void service_report(const struct service *s, const char *format, ...)
{
    char message[MESSAGE_BYTES_MAX];
    va_list arguments;

    if (s->socket < 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    ssize_t sent = send(s->socket, message, strlen(message), MSG_NOSIGNAL);

    (void)sent; /* An error can't be reported anywhere. */
}
