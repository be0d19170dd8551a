/* adding.c - what the leader asks of a node before it is added, or gets another address: that it
 * proves at that address, by a greeting, to be that node and to have the key of the cluster. Else
 * any client could fill the membership with nodes that nobody can talk to. */
#include "replica/admin_task.h"

#include <stdio.h>

#include "base/mutant.h"
#include "cluster/join.h"

static void fail_unproven(struct admin_task *t)
{
    static const struct {
        const char *code;
        const char *reason;
    } faults[] = {
        [VERIFY_UNREACHED] = {JOIN_CODE_UNREACHED,
                              "the leader gets no answer there. Start it, and see that "
                              "members reach its peer port"},
        [VERIFY_KEYLESS] = {"NOKEY", "it has no key yet. Start it with a member as its contact, "
                                     "or with --cluster-key FILE"},
        [VERIFY_OTHER_KEY] = {"NOKEY", "it does not have the key of this cluster. Copy the file "
                                       "cluster-key from the data directory of a member to it, and "
                                       "start it with --cluster-key FILE"},
        [VERIFY_OTHER_VERSION] = {"ERR", "it does not speak the peers' protocol of the leader. "
                                         "Start it with the same program"},
        [VERIFY_OTHER_NODE] = {"ERR", "it has another id than that"},
        [VERIFY_OTHER_CLUSTER] = {"ERR", "it belongs to another cluster, which has the same key. "
                                         "Start it with an empty data directory, and a member as "
                                         "its contact"},
    };
    char text[700];

    snprintf(text, sizeof text, "%s the node at %s, peer port %u, was not added: %s",
             faults[t->verified].code, t->address.client.host, (unsigned)t->address.peer_port,
             faults[t->verified].reason);
    admin_task_fail(t, text);
}

static void verified(void *context, enum verify_result result)
{
    struct admin_task *t = context;

    t->verify = NULL;
    t->is_verified = true;
    t->verified = result;
    replica_wake(t->replica);
}

static void verify(struct admin_task *t, bool is_member)
{
    struct verify_options options = {
        .address = t->address, .is_member = is_member, .done = verified, .context = t};

    if (t->verify == NULL) {
        t->verify = verify_start(&t->replica->peers, &options); /* Or in a later turn. */
    }
}

bool adding_is_proven(struct admin_task *t, bool is_member)
{
    enum peers_word word = peers_word_of(&t->replica->peers, &t->address);

    if (MUTANT(added_unproven) || word == PEERS_LIVES_THERE) {
        return true;
    }
    if (word == PEERS_LIVES_ELSEWHERE && !MUTANT(own_word_ignored)) {
        admin_task_fail(t, "ERR that node is connected and says that it lives elsewhere: to move "
                           "it, start it with another address, or --announce, and a member as its "
                           "contact");
        return false;
    }
    if (!t->is_verified) {
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
