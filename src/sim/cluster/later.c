/* later.c - see later.h. */
#include "sim/cluster/later.h"

#include "cluster/level.h"
#include "kv/codec.h"
#include "sim/cluster/cluster.h"

static void later_command(struct command_call *call)
{
    resp_ok(call->reply);
}

const struct command later_commands[] = {
    {.name = LATER_COMMAND,
     .arity = 1,
     .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_HIDDEN,
     .handler = later_command,
     .group = "generic",
     .arguments = "",
     .summary = "Does nothing.",
     .since_level = LEVEL_NEXT,
     .since = "1.0.0"},
    {.name = NULL},
};

bool later_is_in(const struct entry *e)
{
    struct slice name;
    uint32_t count;

    return e->kind == RAFT_COMMAND && command_payload_read(entry_payload(e), &name, 1, &count) &&
           count == 1 && slice_is(name, LATER_COMMAND);
}

/* What needs a level must not be in a log before the level is committed. */
void later_check(const struct node *n, const struct entry *e)
{
    struct cluster *c = n->cluster;

    if (later_is_in(e) && (c->level < LEVEL_NEXT || e->index <= c->level_index)) {
        verdict_broken(&c->verdict, "level",
                       "%s logs a command of level %d at %llu, the level is %u", n->name,
                       LEVEL_NEXT, (unsigned long long)e->index, c->level);
    }
}

/* The level is raised once all members know it, and then for good. */
void later_note(struct cluster *c, const struct entry *e)
{
    uint32_t level;

    if (e->kind != RAFT_LEVEL || !level_decode(entry_payload(e), &level) || level <= c->level) {
        return;
    }
    c->level = level;
    c->level_index = e->index;
    sometimes_reached(&c->sometimes, SOMETIMES_LEVEL_RAISED);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];

        if (cluster_is_member(n) && n->config.feature_level < level) {
            verdict_broken(&c->verdict, "level",
                           "the level is raised to %u, which %s does not know", level, n->name);
        }
    }
}

/* A later program knows one more feature level, and a command that needs it. A node never goes
 * back from it, because once the cluster has that level it would be too late. For the same
 * reason every node that joins later has it. The founder does not have it: otherwise no other
 * node could join. */
void later_choose(struct node *n, struct prng *of_start)
{
    struct cluster *c = n->cluster;
    bool is_first = n->number <= c->founder_count && n->start_count == 1;
    bool is_later = prng_chance(of_start, 1, 2) && !(is_first && n->is_founder);

    if (!cluster_upgrades(c) || !faults_draw_condition(&c->faults, FAULT_UPGRADE)) {
        return;
    }
    if (is_later || (!is_first && !cluster_is_member(n))) {
        n->config.feature_level = LEVEL_NEXT;
        n->config.more_commands = later_commands;
    }
}
