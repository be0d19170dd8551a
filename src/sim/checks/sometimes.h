/* sometimes.h - rare states that runs must reach now and then, because a rule proves nothing if
 * it is never put to the test. Counted by the checkers' probes. If one stays at zero in a long
 * run, the simulator has lost the way to it (scripts/nightly then fails). */
#ifndef RAKIT_SIM_CHECKS_SOMETIMES_H
#define RAKIT_SIM_CHECKS_SOMETIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "store/store.h"

#define SOMETIMES_LIST(X)                                                                          \
    X(LOG_TRUNCATED, "log truncated")                                                              \
    X(CONFIGURATION_ROLLED_BACK, "configuration rolled back")                                      \
    X(SPLIT_VOTE, "two candidates in a term")                                                      \
    X(ELECTION_WITHOUT_RESULT, "election without result")                                          \
    X(PRE_VOTE_REFUSED, "pre-vote refused")                                                        \
    X(LEADER_WITHOUT_QUORUM, "leader without a majority stepped down")                             \
    X(LEADER_OVERTHROWN, "leader overthrown by a higher term")                                     \
    X(LEADER_REMOVED, "leader removed itself")                                                     \
    X(LEARNER_PROMOTED, "learner promoted")                                                        \
    X(CHANGE_REFUSED, "change of membership refused")                                              \
    X(JOINT_DEATH, "death in the joint state")                                                     \
    X(JOINT_TAKEN_OVER, "new leader in the joint state")                                           \
    X(OLD_TERM_COMMITTED, "entry of an older term committed by a later one")                       \
    X(APPEND_REFUSED, "append refused for the log before it")                                      \
    X(READS_FORGOTTEN, "reads unconfirmed on a deposed leader")                                    \
    X(TRANSFER_DONE, "leadership transferred")                                                     \
    X(TRANSFER_ABORTED, "transfer of leadership given up")                                         \
    X(TORN_TAIL, "torn end of a log dropped")                                                      \
    X(TORN_VOTE, "copy of the vote lost, the other good")                                          \
    X(WRITE_LOST, "unacknowledged write lost in a crash")                                          \
    X(RECOVERY_CRASH, "death while recovering")                                                    \
    X(FULL_DISK_LEFT, "full disk had room again")                                                  \
    X(DISK_FAILED, "node stopped by its disk")                                                     \
    X(ALL_DOWN, "all nodes down at once")                                                          \
    X(REMOVED_TOLD, "removed node learned of its removal")                                         \
    X(OUT_OF_MEMORY, "command refused for the limit on memory")                                    \
    X(IN_DOUBT, "client left in doubt by an answer")                                               \
    X(IN_DOUBT_EXECUTED, "unknown command executed later")                                         \
    X(SAID_FAILED, "client learned that a command was not executed")                               \
    X(READ_LOGGED, "read put into the log")                                                        \
    X(FOLLOWER_READ, "read served by a node that does not lead")                                   \
    X(READ_BEHIND, "reads forwarded by a node that is behind")                                     \
    X(STALE_READ, "read served from a state that may be stale")                                    \
    X(LEASE_READ, "read served under a lease")                                                     \
    X(OLD_STATE_SEEN, "older state shown than another client had seen")                            \
    X(DAMAGE_REFUSED, "start refused for damage")                                                  \
    X(DAMAGE_SURVIVED, "start in spite of damage")                                                 \
    X(DISK_REPLACED, "disk replaced")                                                              \
    X(LIE_SHOWN, "lie of a disk shown")                                                            \
    X(FORGOTTEN, "start without what was acknowledged")                                            \
    X(CORE_HEALED, "only a majority healed")                                                       \
    X(LEVEL_RAISED, "feature level of the cluster raised")                                         \
    X(OLDER_PROTOCOL, "older protocol spoken with a newer node")                                   \
    X(OTHER_DATABASE, "command meant for another database than the first")                         \
    X(KEY_MOVED, "key moved from one database to another")                                         \
    X(KEY_EXPIRED, "expired key removed")                                                          \
    X(HASH_CHANGED, "hash changed")                                                                \
    X(FIELD_EXPIRED, "fields of a hash gone that had expired")                                     \
    X(SCRIPT_EXECUTED, "script executed")                                                          \
    X(SCRIPT_FAILED, "script ended half-way by an error")                                          \
    X(SCRIPT_ENDED, "script ended at the limit of its steps")                                      \
    X(SCRIPT_UNKNOWN, "digest of a script that is not stored")                                     \
    X(FUNCTION_CALLED, "function of a library called")                                             \
    X(FUNCTION_UNKNOWN, "function that is not stored called")                                      \
    X(REPEATED, "command sent again that was executed before")                                     \
    X(REPEATED_REPLY_GONE, "the same, when its reply was not kept any more")                       \
    X(NUMBER_EXPIRED, "command sent again whose number is not known any more")                     \
    X(CHANGES_READ_ON, "changes read on at another node")                                          \
    X(CHANGES_COMPACTED, "reader of changes too late")                                             \
    X(CACHE_INVALIDATED, "cached value invalidated")                                               \
    X(CACHES_FLUSHED, "all cached values of a client invalidated")                                 \
    X(DATABASES_SWAPPED, "databases swapped")                                                      \
    X(DATABASE_CLEARED, "database cleared, or all of them")                                        \
    X(SWAPPED, "two nodes swapped their addresses")                                                \
    X(ROTATED, "three or more nodes rotated their addresses")                                      \
    X(SHUFFLED, "addresses of three or more nodes shuffled")                                       \
    X(ALL_MOVED, "all living nodes moved at once")                                                 \
    X(MOVED_TO_FRESH, "node moved to an address that none had before")                             \
    X(TOOK_OVER, "address of a dead node taken by a living one")                                   \
    X(IN_PIECES, "large value sent in pieces")                                                     \
    X(MET_ELSEWHERE, "member reached where the log does not have it")                              \
    X(FLIP_FOUND, "flipped bit in memory found by its node")                                       \
    X(STATE_REBUILT, "wrong state rebuilt")                                                        \
    X(STATE_FETCHED, "wrong state rebuilt with the help of another node")                          \
    X(LOG_CUT, "log cut behind a snapshot")                                                        \
    X(SNAPSHOT_LOADED, "start from a snapshot")                                                    \
    X(SNAPSHOT_INSTALLED, "snapshot of another node installed")                                    \
    X(SNAPSHOT_OF_FOLLOWER, "snapshot fetched from a follower")                                    \
    X(RESTARTED, "replica restarted in its process")                                               \
    X(DAMAGE_GIVEN_UP, "start with the beginning of a damaged log")                                \
    X(REPAIRED, "damage repaired from other members")                                              \
    X(VOTER_REPLACED, "voter replaced in one step")                                                \
    X(VOTER_DEMOTED, "voter demoted to a learner")                                                 \
    X(CARETAKER_ELECTED, "voter of priority 0 elected")                                            \
    X(PREFERRED_LEADS, "leadership transferred to a preferred voter")                              \
    X(SNAPSHOT_RESTORED, "backup restored that is a snapshot alone")                               \
    X(LOG_RESTORED, "backup restored with entries behind its snapshot")                            \
    X(EXECUTED_TOGETHER, "transaction executed")                                                   \
    X(WATCHED_UNCHANGED, "transaction executed, as its watched keys were unchanged")               \
    X(WATCHED_CHANGED, "transaction not executed, as a watched key had changed")                   \
    X(MEMBER_LATE, "entry answered before a member had stored it, as its stages show")

enum rare_state {
#define SOMETIMES_ENUM(name, text) SOMETIMES_##name,
    SOMETIMES_LIST(SOMETIMES_ENUM)
#undef SOMETIMES_ENUM
        SOMETIMES_COUNT
};

/* A description. */
const char *sometimes_name(enum rare_state state);

enum { SOMETIMES_TERMS = 64 };

struct sometimes {
    uint64_t counts[SOMETIMES_COUNT];
    raft_term campaign_terms[SOMETIMES_TERMS]; /* The last candidates, by term modulo. */
};

/* One life of a node; zero it first. */
struct sometimes_node {
    struct sometimes *sometimes;
    enum raft_role role; /* The role before the step. */
    raft_term current_term;
    raft_index commit_index;
    raft_index configuration_index;
    bool is_transferring;
    bool is_voter;             /* According to its last configuration. */
    bool campaigns_by_request; /* Its candidacy was caused by a transfer. */
    bool was_full;             /* When last looked at. */
    bool was_removed;
    uint64_t open_read_count; /* Reads asked of the core as leader and not yet confirmed. */
};

static inline void sometimes_reached(struct sometimes *s, enum rare_state state)
{
    s->counts[state]++;
}

/* The probe's calls of the same names (command/probe.h). */
void sometimes_recovered(struct sometimes_node *n, const struct raft *r,
                         const struct store_recovered *found);
void sometimes_before_step(struct sometimes_node *n, const struct raft *r);
void sometimes_after_step(struct sometimes_node *n, const struct raft *r,
                          const struct raft_event *event, const struct raft_effects *effects);
void sometimes_sent(struct sometimes_node *n, const struct raft_message *m);
/* The node is about to be killed. */
void sometimes_death(struct sometimes_node *n, const struct raft *r);
/* Called now and then. */
void sometimes_look(struct sometimes_node *n, bool is_full, bool is_removed);

#endif /* RAKIT_SIM_CHECKS_SOMETIMES_H */
