/* repair.c - damage that other members can mend. Recovery judges it (store/repair.h), and the core
 * makes sure that nobody is elected without what is missing (raft/loss.c). The leader sends it
 * again as to any member that lags. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mutant.h"
#include "replica/state.h"
#include "resp/errors.h"

#define BACKUP_ADVICE                                                                              \
    "make a backup at once (rakit-cli HOST PORT backup FILE): the next start may refuse"

static const uint64_t WARN_NS = 60 * 1000 * 1000 * 1000ull;
static const uint64_t HAND_OVER_NS = 3 * 1000 * 1000 * 1000ull;

bool repair_may_help(void *context, uint64_t node_id, struct slice members)
{
    (void)context;
    return membership_names_others(members, node_id);
}

/* A new start judges the damage, and other members mend it. Nothing is wrong with what is in
 * memory, so there is time: a leader hands over, if it can, and what is under way is answered,
 * while further commands wait. So no command is in doubt. */
static void start_again(struct replica *r, const char *reason)
{
    if (r->repair_reason[0] == '\0') {
        snprintf(r->repair_reason, sizeof r->repair_reason, "%s", reason);
        r->repair_by_ns = io_now_ns(r->io) + HAND_OVER_NS;
        replica_hand_over(r);
    }
}

static uint64_t placed_count(const struct replica *r)
{
    uint64_t waiting_count = 0;

    list_for_each(node, &r->requests.waiting)
    {
        waiting_count++;
    }
    return r->requests.count - waiting_count;
}

bool repair_holds_commands(const struct replica *r)
{
    return r->repair_reason[0] != '\0' && raft_role(r->raft) != RAFT_LEADER;
}

static bool may_start_again(const struct replica *r)
{
    /* A node that has led stays for a moment: others may have sent it commands before they knew. */
    bool is_free = repair_holds_commands(r) && placed_count(r) == 0 && r->stopping.is_handed_over &&
                   io_now_ns(r->io) >= r->stopping.stay_until_ns;

    return r->repair_reason[0] != '\0' &&
           (is_free || io_now_ns(r->io) >= r->repair_by_ns || MUTANT(damaged_leader_restarts));
}

/* What could not be read was asked for by somebody, who gets an error. */
void repair_on_damage(void *context, const char *text)
{
    struct replica *r = context;

    MUTANT_DO(sole_node_restarts, replica_ask_restart(r, text));
    if (raft_configuration(r->raft)->member_count > 1) {
        start_again(r, text);
    } else {
        log_write(r->log, LOG_ERROR, "no other member could mend what is damaged",
                  "reason=" LOG_Q " advice=" LOG_Q, text, BACKUP_ADVICE);
    }
}

void repair_restore(struct replica *r)
{
    const struct store_recovered *found = &r->recovered;

    if (found->lacks_entries && !MUTANT(loss_forgotten)) {
        raft_restore_loss(r->raft, found->lost_last_index, found->lost_last_term);
    }
}

bool replica_lacks_entries(const struct replica *r)
{
    return r->recovered.lacks_entries;
}

static void end(struct replica *r)
{
    r->recovered.lacks_entries = false;
    log_write(r->log, LOG_INFO, "everything that was lost to damage is here again",
              "first=%" PRIu64 " durable=%" PRIu64, r->recovered.lost_first_index,
              raft_durable_index(r->raft));
    store_end_repair(r->store);
    probe_call(r->probe, repaired, r->raft);
}

static void warn(struct replica *r)
{
    const struct store_recovered *found = &r->recovered;
    char last[32] = "unknown";

    if (found->lost_last_index != 0) {
        snprintf(last, sizeof last, "%" PRIu64, found->lost_last_index);
    }
    log_write(r->log, LOG_WARN, "entries that were lost to damage are still missing",
              "first=%" PRIu64 " last=%s held=%" PRIu64 " leader=%016" PRIx64 " advice=" LOG_Q,
              found->lost_first_index, last, raft_durable_index(r->raft), raft_leader(r->raft),
              raft_leader(r->raft) != 0
                  ? "the leader is sending them"
                  : "start the other members: one that has them must lead; if none has them, the "
                    "damaged files in the data directory may be all that is left");
}

void repair_look(struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);

    if (may_start_again(r)) {
        replica_ask_restart(r, r->repair_reason);
        return;
    }
    if (!r->recovered.lacks_entries) {
        return;
    }
    if (raft_is_whole(r->raft)) {
        end(r);
    } else if (r->repair_warn_ns == 0) {
        r->repair_warn_ns = now_ns + WARN_NS / 6;
    } else if (now_ns >= r->repair_warn_ns) {
        r->repair_warn_ns = now_ns + WARN_NS;
        warn(r);
    }
}

/* --- looking for damage ------------------------------------------------------------------- */

/* Recovery judges it, and other members mend it. A node that has none goes on with what it has in
 * memory. */
static void on_scrub(void *context, const char *file)
{
    struct replica *r = context;
    const struct raft_configuration *c = raft_configuration(r->raft);
    char text[2 * SCRUB_NAME_BYTES];
    raft_index index = snapshot_in_file(r->store, file);

    /* A newer one replaces it. A start would not even look at it. */
    if (index > 0 && index < r->snapshotter.newest.index) {
        snapshot_remove(r->store, index);
        return;
    }
    if (c->member_count > 1) {
        snprintf(text, sizeof text, "%s is damaged", file);
        start_again(r, text);
        return;
    }
    log_write(r->log, LOG_ERROR, "no other member could mend what is damaged",
              "file=" LOG_Q " advice=" LOG_Q, file, BACKUP_ADVICE);
}

void repair_begin(struct replica *r)
{
    struct scrubber_options options = {
        .io = r->io,
        .log = r->log,
        .store = r->store,
        .key = &r->recovered.key,
        .period_ns = r->options.scrub_period_ns,
        .rate_bytes = r->options.scrub_rate_bytes,
        .damaged = on_scrub,
        .context = r,
    };

    scrubber_begin(&r->scrubber, &options);
}

const char *replica_scrub(struct replica *r, struct request *request)
{
    if (r->is_ended || !r->is_running) {
        return ERROR_NOT_RUNNING;
    }
    scrubber_ask(&r->scrubber, request);
    return NULL;
}

void replica_get_scrub_stats(const struct replica *r, struct replica_scrub_stats *ret_stats)
{
    const struct scrubber *s = &r->scrubber;
    const struct store_recovered *found = &r->recovered;

    *ret_stats = (struct replica_scrub_stats){
        .is_running = s->is_running,
        .running_bytes = s->is_running ? s->bytes : 0,
        .pass_count = s->pass_count,
        .damage_count = s->damage_count,
        .last_wall_ns = s->last_wall_ns,
        .last_bytes = s->last_bytes,
        .last_ns = s->last_ns,
        .lacks_entries = found->lacks_entries,
        .lost_first_index = found->lacks_entries ? found->lost_first_index : 0,
        .lost_last_index = found->lacks_entries ? found->lost_last_index : 0,
    };
}
