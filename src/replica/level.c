/* level.c - the feature level of the cluster: the leader raises it by an entry once all members
 * know it, and commands of a higher level are refused before they are logged. The level is
 * applied state: at the same index it is the same on all nodes. */
#include "cluster/level.h"

#include <stdio.h>

#include "base/mutant.h"
#include "replica/state.h"
#include "resp/errors.h"

enum { NAMED_MAX = 4 }; /* Nodes named in an error. */

uint32_t replica_level(const struct replica *r)
{
    return r->level;
}

uint32_t level_logged(const struct replica *r)
{
    bool is_under_way = r->level_term == raft_current_term(r->raft) && r->level_proposed > r->level;

    return is_under_way ? r->level_proposed : r->level;
}

/* --- raising it -------------------------------------------------------------------------- */

static uint32_t level_of(const struct replica *r, raft_id id)
{
    return id == raft_self(r->raft) ? r->options.feature_level : peers_level(r->peers, id);
}

/* The newest that all members know, including learners; 0: unknown for some. */
static uint32_t common_level(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t common = r->options.feature_level;

    for (uint32_t i = 0; i < c->member_count; i++) {
        uint32_t level = level_of(r, c->members[i].id);

        if (level < common && !MUTANT(level_raised_early)) {
            common = level;
        }
    }
    return common;
}

static void raise_level(struct replica *r, uint32_t level)
{
    struct raft_event event = {
        .kind = RAFT_PROPOSE, .now_ns = io_now_ns(r->io), .propose_count = 1};
    struct entry *e = level_encode(level);

    if (store_has_room(r->store, STORE_FOR_CLIENTS, store_entry_bytes(e->size)) &&
        replica_step(r, &event, &e) == RAFT_OK) {
        r->level_proposed = level;
        r->level_term = raft_current_term(r->raft);
    }
    entry_release(e);
}

void level_look(struct replica *r)
{
    uint32_t common;

    peers_set_level(r->peers, level_logged(r)); /* Nodes that connect from now on must know it. */
    if (level_logged(r) >= r->options.feature_level || raft_role(r->raft) != RAFT_LEADER ||
        !raft_is_ready(r->raft) || !raft_takes_commands(r->raft)) {
        return;
    }
    common = common_level(r);
    if (common > level_logged(r)) {
        raise_level(r, common);
    }
}

bool level_is_beyond(const struct replica *r, const struct entry *e)
{
    uint32_t level;

    return e->kind == RAFT_LEVEL && level_decode(entry_payload(e), &level) &&
           level > r->options.feature_level && !MUTANT(level_beyond_stored);
}

bool level_apply(struct replica *r, const struct entry *e)
{
    uint32_t level;

    if (!level_decode(entry_payload(e), &level)) {
        return false;
    }
    if (level > r->level) {
        r->level = level;
        log_write(r->log, LOG_INFO, "the feature level of the cluster was raised",
                  "level=%u index=%llu", (unsigned)level, (unsigned long long)e->index);
    }
    return true;
}

/* --- what needs it ------------------------------------------------------------------------- */

bool level_has(const struct replica *r, const struct command *command)
{
    return command->since_level <= r->level || MUTANT(command_above_level);
}

/* The members that are known to lack it, for the operator to upgrade; "" if there are none. */
static void name_lacking(const struct replica *r, uint32_t level, char *text, size_t size)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    size_t used = 0;
    uint32_t count = 0;

    text[0] = 0;
    for (uint32_t i = 0; i < c->member_count && count < NAMED_MAX; i++) {
        uint32_t known = level_of(r, c->members[i].id);

        if (known != 0 && known < level && used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%08x", count++ == 0 ? " " : ", ",
                                     (unsigned)(c->members[i].id >> 32));
        }
    }
}

bool replica_has_level(const struct replica *r, const struct command *command,
                       struct resp_writer *reply)
{
    char lacking[NAMED_MAX * 12];

    if (level_has(r, command)) {
        return true;
    }
    name_lacking(r, command->since_level, lacking, sizeof lacking);
    resp_errorf(reply, ERROR_LEVEL, command->name, (unsigned)command->since_level,
                (unsigned)r->level, lacking[0] != 0 ? ", as yet to be done:" : "", lacking);
    return false;
}
