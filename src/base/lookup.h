/* lookup.h - looks up the addresses of a name in a thread of its own. getaddrinfo() blocks as
 * long as a name server is silent and can't be interrupted, so nobody waits for the thread. */
#ifndef RAKIT_BASE_LOOKUP_H
#define RAKIT_BASE_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>

struct lookup;

/* Starts a lookup; `port` is as for getaddrinfo(), or NULL. `wake_fd`, an eventfd, becomes
 * readable when there is an answer; it may be closed earlier. NULL: out of threads or
 * descriptors. */
struct lookup *lookup_start(const char *host, const char *port, int wake_fd);
/* False: no answer yet. True: the lookup is over and freed. `*ret_status` is the result of
 * getaddrinfo(); if it is 0, the caller frees `*ret_list` with freeaddrinfo(). */
bool lookup_take(struct lookup *lookup, int *ret_status, struct addrinfo **ret_list);
/* Drops the answer. Does not wait. */
void lookup_abandon(struct lookup *lookup);

#endif /* RAKIT_BASE_LOOKUP_H */
