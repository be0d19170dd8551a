/* adding.c - before a node is added, or gets another address, it must prove to the leader, in a
 * greeting at that address, that it is that node and has the key of the cluster. Otherwise any
 * client could fill the membership with nodes that nobody can talk to. */
#include "replica/admin_task.h"

#include <stdio.h>

#include "base/mutant.h"
#include "cluster/level.h"
#include "resp/errors.h"

static void fail_unproven(struct admin_task *t)
{
    static const char *const errors[] = {
        [VERIFY_UNREACHED] = ERROR_ADD_UNREACHED,
        [VERIFY_KEYLESS] = ERROR_ADD_KEYLESS,
        [VERIFY_OTHER_KEY] = ERROR_ADD_OTHER_KEY,
        [VERIFY_OTHER_VERSION] = ERROR_ADD_OTHER_VERSION,
        [VERIFY_OTHER_NODE] = ERROR_ADD_OTHER_NODE,
        [VERIFY_OLDER_LEVEL] = ERROR_ADD_OLDER_LEVEL,
        [VERIFY_OTHER_CLUSTER] = ERROR_ADD_OTHER_CLUSTER,
    };
    char text[700];

    snprintf(text, sizeof text, errors[t->verified], t->address.client.host,
             (unsigned)t->address.peer_port);
    admin_task_fail(t, text);
}

static void verified(void *context, enum verify_result result)
{
    struct admin_task *t = context;

    t->verify = NULL;
    t->is_verified = true;
    t->verified = result;
}

static void verify(struct admin_task *t, bool is_member)
{
    struct verify_options options = {
        .address = t->address, .is_member = is_member, .done = verified, .context = t};

    if (t->verify == NULL) {
        t->level = level_logged(t->replica);
        t->is_verified = false;
        /* Or in a later turn, if there are too many. */
        t->verify = verify_start(t->replica->peers, &options);
    }
}

/* The level may be raised while a node is added, and the node may have connected before that. */
static bool knows_level(const struct admin_task *t)
{
    uint32_t level = level_logged(t->replica);

    return level == LEVEL_FIRST || peers_level(t->replica->peers, t->change.id) >= level;
}

/* A level that an earlier leader has logged counts here once it is applied. */
static bool knows_own_level(const struct replica *r)
{
    return raft_term_at(r->raft, r->applied_index) == raft_current_term(r->raft);
}

bool adding_is_proven(struct admin_task *t, bool is_member)
{
    enum peers_word word = peers_word_of(t->replica->peers, &t->address);

    if (!knows_own_level(t->replica) && !MUTANT(inherited_level_ignored)) {
        if (raft_is_ready(t->replica->raft)) {
            /* It is committed, and will be applied in this turn or soon. */
            io_turn_soon(t->replica->io);
        }
        return false;
    }
    if (MUTANT(added_unproven) || (word == PEERS_LIVES_THERE && knows_level(t))) {
        return true;
    }
    if (word == PEERS_LIVES_ELSEWHERE && !MUTANT(own_word_ignored)) {
        admin_task_fail(t, ERROR_ADD_ELSEWHERE);
        return false;
    }
    if (!t->is_verified || t->level < level_logged(t->replica)) {
        verify(t, is_member);
        return false;
    }
    if (t->verified != VERIFY_PROVEN) {
        fail_unproven(t);
        return false;
    }
    return true;
}

void adding_stop(struct admin_task *t)
{
    if (t->verify != NULL && !t->replica->is_ended) {
        verify_cancel(t->verify);
    }
    t->verify = NULL;
}
