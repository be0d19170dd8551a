/* judge.h - whether a user may execute a call. It uses nothing but the user, the call and the table
 * of commands, so all nodes judge alike. */
#ifndef RAKIT_USERS_JUDGE_H
#define RAKIT_USERS_JUDGE_H

#include "users/user.h"

/* Of several selectors that refuse a call, the one that came farthest says why. */
enum judgement {
    JUDGED_ALLOWED,
    JUDGED_COMMAND, /* It may not execute the command, */
    JUDGED_KEY,     /* or not with such a key, */
    JUDGED_CHANNEL, /* or such a channel. */
};

struct judged {
    enum judgement judgement;
    struct slice object; /* The key or the channel; borrowed from the call. */
    /* The command that was refused, as users know it: not that of the call if nodes have made the
     * call of it. */
    const struct command *command;
    const struct subcommand *subcommand;
};

/* Adds the bytes that it compares to `*work`. */
struct judged user_judge(const struct user *user, const struct command_table *commands,
                         const struct command *command, uint32_t argument_count,
                         const struct slice *arguments, uint64_t *work);
/* Whether the user may subscribe to it: a channel, or a pattern of channels. */
bool user_may_subscribe(const struct user *user, struct slice name, bool is_pattern,
                        uint64_t *work);

/* The error for what was refused. */
void judged_refuse(const struct judged *v, const struct user *user, bool in_script,
                   struct resp_writer *reply);
/* The same in more words, for ACL DRYRUN. */
void judged_explain(const struct judged *v, const struct user *user, struct buffer *out);

#endif /* RAKIT_USERS_JUDGE_H */
