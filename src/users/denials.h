/* denials.h - ACL LOG: what this node has refused lately, and to whom. */
#ifndef RAKIT_USERS_DENIALS_H
#define RAKIT_USERS_DENIALS_H

#include <stdint.h>

#include "base/slice.h"
#include "resp/resp.h"
#include "users/judge.h"

enum denial_reason { DENIAL_COMMAND, DENIAL_KEY, DENIAL_CHANNEL, DENIAL_LOGIN, DENIAL_REASONS };
enum denial_place { DENIAL_ALONE, DENIAL_IN_TRANSACTION, DENIAL_IN_SCRIPT };

enum { DENIALS_MAX = 128, DENIALS_LIMIT = 10000 };

struct denial {
    enum denial_reason reason;
    enum denial_place place;
    struct slice object; /* The command, key or channel. */
    struct slice user;
    struct slice client; /* Its line of CLIENT LIST, or another description. */
};

struct denials;

struct denials *denials_new(void);
void denials_free(struct denials *d);
/* Takes copies. What was refused like that a moment ago is counted again. */
void denials_add(struct denials *d, const struct denial *denial, uint64_t now_ms);
/* What user_judge() has refused. */
void denials_add_judged(struct denials *d, const struct judged *v, enum denial_place place,
                        struct slice user, struct slice client, uint64_t now_ms);
/* How many are kept from now on: those that there are stay until the next one. */
void denials_limit(struct denials *d, uint32_t max);
uint32_t denials_max(const struct denials *d);
void denials_reset(struct denials *d);
/* The newest first. */
void denials_reply(const struct denials *d, uint64_t count_max, uint64_t now_ms,
                   struct resp_writer *w);
/* How many there were since the start. */
uint64_t denials_count(const struct denials *d, enum denial_reason reason);

#endif /* RAKIT_USERS_DENIALS_H */
