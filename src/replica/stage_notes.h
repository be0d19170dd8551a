/* stage_notes.h - a leader's steps and turns, noted in its stages. Nothing here reads a clock for
 * each command. */
#ifndef RAKIT_REPLICA_STAGE_NOTES_H
#define RAKIT_REPLICA_STAGE_NOTES_H

#include <stdint.h>

struct raft_effects;
struct raft_event;
struct replica;

/* A leader has appended the entries of these effects, with that log time. */
void stage_notes_appended(struct replica *r, const struct raft_effects *effects, uint64_t time_us,
                          uint64_t now_ns);
/* After each step. */
void stage_notes_stepped(struct replica *r, const struct raft_event *event,
                         const struct raft_effects *effects);
/* In each turn, after applying. */
void stage_notes_applied(struct replica *r);

#endif /* RAKIT_REPLICA_STAGE_NOTES_H */
