#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t handled_set(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGWINCH);
    return set;
}

int signals_open(struct signals *s)
{
    sigset_t set = handled_set();
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        int status = -errno;

        close(fd);
        return status;
    }
    *s = (struct signals){.fd = fd};
    return 0;
}

void signals_close(struct signals *s)
{
    sigset_t set = handled_set();

    close(s->fd);
    s->fd = -1;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int signals_take(struct signals *s)
{
    struct signalfd_siginfo info;
    ssize_t size = read(s->fd, &info, sizeof info);

    if (size != (ssize_t)sizeof info) {
        return 0;
    }
    int number = (int)info.ssi_signo;

    if (number == SIGTERM || number == SIGHUP) {
        s->ended = true;
    }
    return number;
}

void signals_stop_here(void)
{
    raise(SIGSTOP);
}
