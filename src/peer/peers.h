/* peers.h - the connections to the other nodes. Each node dials each other one
 * twice: a control connection (votes, heartbeats, acknowledgements) and a bulk one
 * (entries, forwarded commands and their answers), so that no large value delays a
 * heartbeat. On a connection only its dialer speaks, once it was welcomed, but for the
 * answers to the commands that it forwards.
 *
 * In the greeting both sides prove that they hold the key of the cluster: greeting.c for who
 * listens, dialing.c for who dials. A node of another cluster, of a version that is not spoken, or
 * one that was removed is refused there. Before, nothing that it says is believed. */
#ifndef RAKIT_PEER_PEERS_H
#define RAKIT_PEER_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "cluster/log_window.h"
#include "cluster/members.h"
#include "io/io.h"
#include "peer/complaints.h"
#include "peer/link.h"
#include "peer/wire.h"
#include "raft/raft.h"
#include "store/store.h"

/* What the peers tell the replica; each with the context given. */
struct peers_events {
    void *context;
    /* A raft message; for AppendEntries with its entries (indexes not set), whose
     * references are the callee's. */
    void (*message)(void *context, const struct wire_message *m, struct entry **entries);
    /* `connection` names the one on which it came: see peers_answer(). */
    void (*forward)(void *context, raft_id from, uint64_t connection, const struct wire_forward *f);
    /* The client of a command that came on that connection before has gone. */
    void (*abandoned)(void *context, uint64_t connection, const struct wire_abandon *a);
    void (*answer)(void *context, raft_id from, const struct wire_answer *a);
    /* A connection that was up has broken: whatever was under way may be lost. */
    void (*lost)(void *context, raft_id id);
    /* One on which commands were forwarded to `id`, or may have been: no answer comes. */
    void (*forwards_lost)(void *context, raft_id id);
    void (*refused)(void *context, raft_id id, enum wire_refusal refusal);
};

enum {
    DIAL_RETRY_MS = 100, /* Until the second attempt; then longer and longer. */
    DIAL_RETRY_MS_MAX = 1000,
    PEERS_PATIENCE_MS = 2000, /* To connect; and for all of the greeting. */
};

enum dial_phase {
    DIAL_IDLE,
    DIAL_CONNECTING,
    DIAL_GREETING, /* HELLO was sent. */
    DIAL_PROVEN,   /* The other side has proven that it belongs, and has this side's proof. */
    DIAL_UP,       /* It was welcomed. */
};

/* What a dialer says first, to which the proofs belong. */
struct hello {
    char bytes[WIRE_HELLO_BYTES_MAX];
    size_t size;
};

/* One outgoing connection, made again whenever it breaks. */
struct dial {
    struct peer *peer;
    enum wire_channel channel;
    enum dial_phase phase;
    struct io_connect connect;
    struct link link;
    uint64_t since_ns;            /* When the attempt began, or was connected. */
    uint64_t idle_ns;             /* DIAL_IDLE: since then, */
    uint64_t retry_ns;            /* and for so long. */
    uint64_t wait_ns;             /* The last wait but for its part of chance; 0: none yet. */
    uint32_t version;             /* Of the protocol: said in the next greeting, or agreed upon. */
    uint32_t level;               /* The newest feature level that it knows; see hello.h. */
    struct hello hello;           /* What was said in this one. */
    bool is_unproven;             /* Who answered the last time does not have the key. */
    bool is_stepping_down;        /* Closed to be greeted in an older version at once. */
    enum wire_refusal refused;    /* The last refusal that was told; 0: none. */
    struct member_address target; /* Where this attempt goes. */
    bool was_search;              /* It goes elsewhere than to the peer's address: addresses.c. */
    bool keeps_target;            /* So does the next one. */
    int status;                   /* Why the address was not connected to the last time; or 0. */
    int resolve_error;            /* Why the name of its host was not found the last time; or 0. */
};

/* What is still to be sent of the ranges that the core asked for. */
struct sender {
    struct raft_message header; /* The newest AppendEntries of the core. */
    raft_index next;            /* First entry to send; */
    raft_index last;            /* last one. Nothing to do where next > last. */
    struct store_read read;     /* Fetches what is no longer in memory. */
    bool is_reading;
    raft_index read_first; /* Of the read under way: stale where != next when it ends. */
};

struct peer {
    struct list link; /* In peers->all. */
    struct peers *peers;
    raft_id id;
    struct member_address address; /* Where it was reached, or said itself, or the log says. */
    struct member_address logged;  /* What the log says; port 0: nothing. */
    struct member_address told; /* Where another node reaches it, or it lived before; the same. */
    uint64_t lost_ns;           /* Since when it is not reached; 0: it is. */
    uint64_t search_ns;         /* From then on it is looked for elsewhere, each place once; */
    uint64_t search_wait_ns;    /* then not for so long. 0: that was not done yet. */
    uint64_t warn_ns;           /* Not before is there a warning that it is not reached. */
    bool is_mute;               /* It was said that nothing comes, though it is connected. */
    uint32_t search_turn;       /* Where it is looked for next. */
    bool is_leaving;            /* Freed once nothing refers to it. */
    struct dial dial[2];        /* By enum wire_channel. */
    struct sender sender;
    /* See forwarding.c. */
    uint64_t clock_ns;       /* What time it was there when it last said so, */
    uint64_t clock_heard_ns; /* and here, when that came; 0: it has not on this connection. */
    bool owes_holds;         /* It was not answered yet. */
    /* For RAFT STATUS: what it last said of itself. */
    uint64_t heard_ns; /* 0: never. */
    raft_term term;
    raft_index applied_index;
    enum wire_disk disk;
    char program[WIRE_PROGRAM_BYTES_MAX + 1]; /* Its version; "": it has not said. */
};

/* One incoming connection. */
struct inbound {
    struct list node; /* In peers->inbounds. */
    struct peers *peers;
    struct link link;
    uint64_t since_ns;  /* When it was accepted, or began to leave. */
    uint64_t origin;    /* Of the other end: io_stream_origin(). */
    bool is_challenged; /* It said hello, and is to prove that it belongs. */
    bool is_greeted;    /* It was welcomed. */
    char hello[WIRE_HELLO_BYTES_MAX];
    struct proof_greeting greeting; /* Of that. */
    bool is_leaving; /* Was removed. Closed once it has heard so, and its commands are answered. */
    raft_id from;
    uint64_t incarnation;
    uint64_t serial;  /* Never used again. */
    uint32_t version; /* Of the protocol, as agreed. */
    enum wire_channel channel;
    struct wire_holds holds; /* What was last said of its commands; see forwarding.c. */
};

/* Where senders find what they send; borrowed. */
struct peers_source {
    const struct raft *raft;
    const struct log_window *window;
    struct store *store;
};

struct peers {
    struct io *io;
    const struct log *log;
    struct peers_events events;
    struct peers_source source;
    struct member_address self;
    struct member_address self_logged; /* Where the log has this node; port 0: nowhere. */
    struct member_address contact;     /* Named at the start; port 0: none. */
    uint64_t cluster_id;               /* 0: not known yet; then nobody is welcome. */
    struct store_key key;              /* Of the cluster, */
    bool has_key;                      /* if that is known. */
    uint64_t incarnation;
    uint32_t version;         /* The newest of the protocol that this node is to speak. */
    uint32_t level;           /* The newest feature level that it knows, */
    uint32_t cluster_level;   /* and that of the cluster: who does not know it is kept out. */
    size_t answers_bytes_max; /* A connection on which more of them wait to leave is ended. */
    uint32_t send_timeout_ms; /* A connection on which nothing is taken for so long breaks. */
    uint64_t hold_max_ns;     /* So long after it was heard of last, a command may be begun. */
    const struct membership *committed; /* Borrowed: for refusing removed nodes; or NULL. */
    raft_index applied_index;           /* Told along with each message, */
    enum wire_disk disk;                /* as this is. */
    raft_id held_by;        /* Told when that node says its time: of what it was sent, commands */
    uint64_t held_from;     /* from this correlation on are waited for; of what others were, */
    uint64_t held_from_all; /* from this one on, which is to be the next. */
    bool holds_changed;     /* What is waited for of the commands that came, maybe. */
    struct io_listener listener;
    bool is_listening;
    bool is_ended;
    struct list all;       /* struct peer */
    struct list inbounds;  /* struct inbound */
    struct list verifies;  /* struct verify */
    struct io_timer timer; /* Redials. */
    uint64_t accepted_count;
    struct complaints complaints;
    uint64_t timer_ns; /* When it fires; UINT64_MAX: it is not armed. */
};

struct peers_options {
    struct member_address self;
    struct io_address host; /* Where to listen; need not be what `self` has for others. */
    uint64_t election_timeout_ns;
    uint32_t level; /* The newest feature level that this node knows. */
    uint32_t
        version; /* The newest of the protocol to speak: WIRE_VERSION_MIN to WIRE_VERSION_NEXT. */
};

/* Listens on the node's peer port. Negative errno on failure. */
int peers_start(struct peers *p, struct io *io, const struct log *log,
                const struct peers_events *events, const struct peers_options *options);
/* Frees everything at once; the io must not run any more. */
void peers_deinit(struct peers *p);
/* Before the cluster is known: this node is to be added, and proves to who dials it that it has
 * the key. Nobody is welcome. */
void peers_show_key(struct peers *p, const struct store_key *key);
/* From now on connections are made and accepted. */
void peers_open(struct peers *p, uint64_t cluster_id, const struct store_key *key,
                const struct peers_source *source);
/* Whether that node says itself that it lives there, if it is connected. */
enum peers_word { PEERS_NO_WORD, PEERS_LIVES_THERE, PEERS_LIVES_ELSEWHERE };
enum peers_word peers_word_of(const struct peers *p, const struct member_address *address);
/* Dials these members (but oneself) too. Others are kept: who is left out by a
 * configuration that is not committed may still lead, and is needed to commit it. */
void peers_set_members(struct peers *p, const struct membership *m);
/* Forgets the nodes that `committed` says were removed, and refuses them from now on. */
void peers_set_committed(struct peers *p, const struct membership *committed);
/* Keeps out who does not know that feature level. */
void peers_set_level(struct peers *p, uint32_t level);
/* The newest feature level that the node knows which is connected under that id; 0: it is not. */
uint32_t peers_level(const struct peers *p, raft_id id);
struct peer *peers_find(const struct peers *p, raft_id id);
/* The connection that the node has made to this one, if it was welcomed: there is one at the most
 * for each channel, and those of one node are of one process (see greeting.c). */
struct inbound *peers_inbound(const struct peers *p, raft_id from, enum wire_channel channel);
/* Whether heartbeats can be sent to that node now. */
bool peers_is_connected(const struct peers *p, raft_id id);

/* Whether entries are coming in from that node of which more is missing, and bytes of
 * them came after `since_ns`. */
bool peers_is_receiving(const struct peers *p, raft_id id, uint64_t since_ns);

/* Sends a message of the core: entries from the log, the others as they are. Lost
 * where there is no connection: the core copes. */
void peers_send(struct peers *p, const struct raft_message *m);
/* forwarding.c. Whether answers to what was forwarded to `id` may come. */
bool peers_may_answer(struct peers *p, raft_id id);
/* The buffer for commands to `id`; NULL: not now. */
struct buffer *peers_forward(struct peers *p, raft_id id);
/* The buffer for the answer to a command that came on that connection; NULL: nobody
 * waits for it any more. */
struct buffer *peers_answer(struct peers *p, uint64_t connection);
/* What time `at_ns` will be for `id`; 0: not known, as it does not say. */
uint64_t peers_time_there(struct peers *p, raft_id id, uint64_t at_ns);
/* What time it is here, right now. */
uint64_t peers_time_now(const struct peers *p);
/* Tells the time to who may forward commands to this node. */
void peers_tell_time(struct peers *p);
void peers_note_time(struct peer *peer, uint64_t clock_ns);
/* Answers who has told its time. */
void peers_tell_holds(struct peer *peer);
void peers_note_holds(struct inbound *in, const struct wire_holds *h);
enum peers_held {
    PEERS_HELD,     /* Its sender waits for it. */
    PEERS_SILENT,   /* It may have given it up: nothing was heard for too long. */
    PEERS_GIVEN_UP, /* It has, or is gone. */
};
/* Whether a command that came on that connection is waited for, at that peers_time_now(). */
enum peers_held peers_is_held(struct peers *p, uint64_t connection, uint64_t correlation,
                              uint64_t now_ns);
/* Ends the connections to it; it is freed once they have ended. */
void peer_forget(struct peer *peer);
/* Frees a peer that is leaving once nothing is under way with it. */
void peer_free_if_unused(struct peer *peer);
/* Sends all that has gathered, but for answers; once a turn. */
void peers_flush(struct peers *p);
/* Sends the answers to commands that peers have forwarded; once a turn, when those that are ready
 * are answered. */
void peers_flush_answers(struct peers *p);

/* Looks after connections no later than then. */
void peers_arm_timer(struct peers *p, uint64_t at_ns);

/* greeting.c: a frame on a connection that is not welcome yet. */
void greeting_frame(struct inbound *in, const struct wire_frame *frame);
/* Where a node that was welcomed says that it lives. */
void peers_learn(struct peers *p, const struct member_address *address);

/* dialing.c */
void dial_init(struct dial *d, struct peer *peer, enum wire_channel channel);
bool dial_is_idle(const struct dial *d);
void dial_start(struct dial *d);
/* Closes a connection, so that it is made again (or not, where the peer leaves). */
void dial_drop(struct dial *d);
/* Something shows that the member may be there: it is dialed soon. */
void dial_hasten(struct dial *d);
/* Does what is due; lowers *next_ns to when something is due next. */
void dial_tick(struct dial *d, uint64_t now_ns, uint64_t *next_ns);

/* addresses.c: where a member is looked for. */
bool member_address_same_place(const struct member_address *a, const struct member_address *b);
/* Chooses where the next attempt goes. */
void addresses_choose(struct dial *d);
/* Whether its next attempt is to look elsewhere. */
bool addresses_is_searching(const struct dial *d);
/* Its address is news: nobody looks elsewhere for it now. */
void addresses_renewed(struct peer *peer);
/* It was welcomed there. */
void addresses_found(struct dial *d);
/* An attempt has failed, or a connection has broken. */
void addresses_lost(struct dial *d);
/* It is to be heard all the time since then, but for what the connection is younger: if nothing has
 * come for long, the log says so. */
void addresses_watch(struct peer *peer, uint64_t since_ns);
/* Whether a member, as the log has it, has been out of reach for so long. */
bool addresses_are_missing(const struct peers *p, uint64_t for_ns);
/* Another node says that it reaches a member there. */
void addresses_learn(struct peers *p, raft_id from, const struct member_address *address);
/* A member has proven that it lives there, where another one was looked for. It may be one that
 * this node has not heard of yet. */
void addresses_met(struct peers *p, raft_id id, const struct member_address *there);
/* Whether that can be an address at all, as `from` says. If not, the log says so. */
bool addresses_is_usable(struct peers *p, raft_id from, const struct member_address *address);
/* Whether a member may have the address at which the log has `other`: this node reaches it
 * there, or the other is not there any more. One that is reached is not to be pushed aside. */
bool addresses_may_take(const struct peers *p, const struct member_address *taker,
                        const struct member_address *other);
/* Members are looked for there, too. */
void addresses_set_contact(struct peers *p, const struct io_address *client, uint16_t peer_port);

/* strangers.c: of the connections that have not proven that they belong, the one that is to be
 * closed, as there are too many; or NULL. */
struct inbound *strangers_to_close(const struct peers *p);

/* verify.c: does what is due; lowers *next_ns to when something is due next. */
void verify_tick(struct peers *p, uint64_t now_ns, uint64_t *next_ns);
void verify_deinit(struct peers *p);

/* sender.c: puts what fits of the ranges asked for into the bulk connection. */
void sender_ask(struct peer *peer, const struct raft_message *m);
void sender_pump(struct peer *peer);
void sender_reset(struct peer *peer);

#endif /* RAKIT_PEER_PEERS_H */
