#include "http/patience.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

int64_t patience_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct patience patience_for(int stop_fd, int64_t ms)
{
    return (struct patience){.stop_fd = stop_fd, .end_ms = patience_now_ms() + ms};
}

/* Whether the first of the descriptors is ready. */
static bool wait_for(const struct patience *p, struct pollfd fds[2])
{
    for (;;) {
        int64_t left_ms = p->end_ms - patience_now_ms();
        int count = poll(fds, 2, left_ms > 0 ? (int)left_ms : 0);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        return count > 0 && fds[1].revents == 0 && fds[0].revents != 0;
    }
}

bool patience_await(const struct patience *p, int fd, short events)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events, .revents = 0},
                            {.fd = p->stop_fd, .events = POLLIN, .revents = 0}};

    return wait_for(p, fds);
}

bool patience_pause(const struct patience *p)
{
    struct pollfd fds[2] = {{.fd = p->stop_fd, .events = POLLIN, .revents = 0},
                            {.fd = -1, .events = 0, .revents = 0}};

    return !wait_for(p, fds);
}

bool patience_send(const struct patience *p, int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!patience_await(p, fd, POLLOUT)) {
            return false;
        }
    }
    return true;
}

int64_t patience_receive(const struct patience *p, int fd, void *data, size_t size)
{
    for (;;) {
        ssize_t received = recv(fd, data, size, MSG_DONTWAIT);

        if (received >= 0) {
            return received;
        }
        if ((errno != EAGAIN && errno != EINTR) || !patience_await(p, fd, POLLIN)) {
            return -1;
        }
    }
}
