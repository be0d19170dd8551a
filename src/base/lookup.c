/* lookup.c - see lookup.h.
 *
 * Invariants:
 * - Thread and owner each release the lookup once, through `state`; the second one frees it.
 * - The thread uses only the lookup and a descriptor of its own. */
#include "base/lookup.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

enum lookup_state { LOOKUP_RUNS, LOOKUP_ANSWERED, LOOKUP_ABANDONED };

struct lookup {
    char *host;
    char *port;
    int wake_fd; /* Belongs to the thread. */
    int status;  /* This and the next field belong to the thread until it has answered. */
    struct addrinfo *list;
    atomic_int state;
};

static void free_lookup(struct lookup *l)
{
    if (l->list != NULL) {
        freeaddrinfo(l->list);
    }
    free(l->host);
    free(l->port);
    free(l);
}

static void *run(void *context)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct lookup *l = context;
    int wake_fd = l->wake_fd;
    uint64_t one = 1;

    l->status = getaddrinfo(l->host, l->port, &hints, &l->list);
    if (l->status != 0) {
        l->list = NULL;
    }
    if (atomic_exchange(&l->state, LOOKUP_ANSWERED) == LOOKUP_ABANDONED) {
        free_lookup(l);
    } else {
        CHECK(write(wake_fd, &one, sizeof one) == sizeof one);
    }
    close(wake_fd);
    return NULL;
}

/* These threads block all signals and are never joined. */
static bool start_thread(struct lookup *l)
{
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    CHECK(pthread_attr_init(&detached) == 0);
    CHECK(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED) == 0);
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int status = pthread_create(&thread, &detached, run, l);

    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    pthread_attr_destroy(&detached);
    return status == 0;
}

static char *copy_of(const char *text)
{
    return text == NULL ? NULL : memory_copy(text, strlen(text) + 1);
}

struct lookup *lookup_start(const char *host, const char *port, int wake_fd)
{
    int own_fd = fcntl(wake_fd, F_DUPFD_CLOEXEC, 0);

    if (own_fd < 0) {
        return NULL;
    }
    struct lookup *l = memory_take_zeroed(1, sizeof *l);

    l->host = copy_of(host);
    l->port = copy_of(port);
    l->wake_fd = own_fd;
    atomic_init(&l->state, LOOKUP_RUNS);
    if (!start_thread(l)) {
        close(own_fd);
        free_lookup(l);
        return NULL;
    }
    return l;
}

bool lookup_take(struct lookup *l, int *ret_status, struct addrinfo **ret_list)
{
    if (atomic_load(&l->state) != LOOKUP_ANSWERED) {
        return false;
    }
    *ret_status = l->status;
    *ret_list = l->list;
    l->list = NULL;
    free_lookup(l);
    return true;
}

void lookup_abandon(struct lookup *l)
{
    if (atomic_exchange(&l->state, LOOKUP_ABANDONED) == LOOKUP_ANSWERED) {
        free_lookup(l);
    }
}
