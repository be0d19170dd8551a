/* admin.h - RAFT commands under way at the leader: each becomes a task that ends with a reply,
 * at once, when its change is committed, or when its time is over. A task whose leader is lost
 * goes back to the queue, and the next leader begins it again; any of them may be begun twice
 * without harm. */
#ifndef RAKIT_REPLICA_ADMIN_H
#define RAKIT_REPLICA_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

struct member_address;
struct replica;
struct request;

/* Creates and frees r->admin. When it is freed, so are tasks that wait for a read from the disk;
 * the store is closed. */
void admin_init(struct replica *r);
void admin_deinit(struct replica *r);
/* Tasks under way. */
uint32_t admin_count(const struct replica *r);
/* The address for the change of members that is being proposed; NULL: none. */
const struct member_address *admin_fresh_address(const struct replica *r);
/* Leader: begins an administrator's request, which is not in any list; it ends now, or stays
 * here. */
void admin_begin(struct replica *r, struct request *request);
/* Continues the tasks: something was committed, or a role changed. */
void admin_progress(struct replica *r);
/* Shows the log to those that asked for it, a part of it per turn, so that no heartbeat waits
 * long. */
void admin_show_log(struct replica *r);
/* Leadership was lost: what the last commit has decided is answered, the rest waits again. */
void admin_abandon(struct replica *r);
/* Fails all tasks, because the node ends. */
void admin_end(struct replica *r);
/* Follower: answers a node that asks to be added, if it is a member at that address already, and
 * removes the request from its list. */
bool admin_confirm_added(struct replica *r, struct request *request);
/* No leader is known: if this node can answer the request alone, it does, and removes it from
 * its list. */
void admin_answer_locally(struct replica *r, struct request *request);

#endif /* RAKIT_REPLICA_ADMIN_H */
