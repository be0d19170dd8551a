/* lookup.h - the addresses of a name, asked for in a thread of its own. getaddrinfo() may take
 * as long as a name server likes, and nothing breaks it off: so nobody waits for it. */
#ifndef RAKIT_BASE_LOOKUP_H
#define RAKIT_BASE_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>

struct lookup;

/* Begins; `port` as getaddrinfo() has it, or NULL. `wake_fd`, an eventfd, becomes readable once
 * there is an answer; it may be closed before that. NULL: there are no more threads or
 * descriptors. */
struct lookup *lookup_start(const char *host, const char *port, int wake_fd);
/* False: not yet. True: the lookup is over and freed; `*ret_status` is what getaddrinfo()
 * returned, and `*ret_list`, where that is 0, the caller's to free with freeaddrinfo(). */
bool lookup_take(struct lookup *lookup, int *ret_status, struct addrinfo **ret_list);
/* Its answer is of no use any more. Does not wait. */
void lookup_abandon(struct lookup *lookup);

#endif /* RAKIT_BASE_LOOKUP_H */
