#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
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

/* Whether a stop (SIGTSTP) is pending. Does not take it, because SIGCONT cancels it while it is
 * pending. */
static bool is_to_stop(void)
{
    sigset_t waiting;

    sigpending(&waiting);
    return sigismember(&waiting, SIGTSTP) == 1;
}

int signals_take(struct signals *s)
{
    const struct timespec at_once = {0};
    sigset_t set = handled_set();

    if (is_to_stop()) {
        return SIGTSTP;
    }
    sigdelset(&set, SIGTSTP);

    int number = sigtimedwait(&set, NULL, &at_once);

    if (number == SIGTERM || number == SIGHUP) {
        s->ended = true;
    }
    return number < 0 ? 0 : number;
}

void signals_stop_here(void)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL); /* A pending stop takes effect here. */
    sigprocmask(SIG_BLOCK, &stop, NULL);
}
