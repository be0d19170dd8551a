/* peers.h - the connections to the other nodes. Each node dials every other one twice: a control
 * connection (votes, heartbeats, acknowledgements) and a bulk connection (entries, forwarded
 * commands and their answers), so that no large value delays a heartbeat. Once a connection is
 * welcomed, only its dialer sends on it, except for the answers to forwarded commands.
 *
 * In the greeting both sides prove that they have the key of the cluster: greeting.c is the
 * listener's side, dialing.c the dialer's. There, nodes of another cluster, of an unsupported
 * version, or that were removed are refused. Before the proof, nothing that a node sends is
 * believed. */
#ifndef RAKIT_PEER_PEERS_H
#define RAKIT_PEER_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "cluster/log_window.h"
#include "cluster/members.h"
#include "io/io_tls.h"
#include "peer/complaints.h"
#include "peer/link.h"
#include "peer/pieces.h"
#include "peer/wire.h"
#include "raft/raft.h"
#include "store/store.h"

/* What peers report to the replica, with the given context. */
struct peers_events {
    void *context;
    /* A raft message; for AppendEntries with its entries (indexes not set), whose references the
     * callee takes over. */
    void (*message)(void *context, const struct wire_message *m, struct entry **entries);
    /* `connection` identifies the connection on which it arrived: see peers_answer(). */
    void (*forward)(void *context, raft_id from, uint64_t connection, const struct wire_forward *f);
    /* The client of a command that arrived on that connection has gone. */
    void (*abandoned)(void *context, uint64_t connection, const struct wire_abandon *a);
    void (*answer)(void *context, raft_id from, const struct wire_answer *a);
    /* A node asks for a read index; it is answered with peers_send_read_index_reply(). */
    void (*read_index)(void *context, raft_id from, const struct wire_read_index *w);
    void (*read_index_reply)(void *context, raft_id from, const struct wire_read_index_reply *w);
    /* A node asks for a part of a snapshot; it is answered with peers_answer(). */
    void (*fetch)(void *context, uint64_t connection, const struct wire_fetch *f);
    /* What was asked for with peers_fetch(). */
    void (*part)(void *context, raft_id from, const struct wire_part *part);
    /* A node has fetched a snapshot from this one, and it is damaged. */
    void (*damaged)(void *context, raft_id from, const struct wire_damaged *d);
    /* A node reports the digest of its state. */
    void (*digest)(void *context, raft_id from, const struct wire_digest *d);
    /* What log time it is, as this node knows; 0: it does not. And a node has said so. Both may be
     * NULL. */
    uint64_t (*log_time_us)(void *context);
    void (*heard_time)(void *context, raft_id from, uint64_t log_us);
    /* A connection that was up has broken: messages under way may be lost. */
    void (*lost)(void *context, raft_id id);
    /* A connection has broken on which commands were, or may have been, forwarded to `id`: their
     * answers will not come. */
    void (*forwards_lost)(void *context, raft_id id);
    void (*refused)(void *context, raft_id id, enum wire_refusal refusal);
};

enum {
    DIAL_RETRY_MS = 100, /* Before the second attempt; then ever longer. */
    DIAL_RETRY_MS_MAX = 1000,
    PEERS_PATIENCE_MS = 2000, /* For connecting, and for the whole greeting. */
};

enum dial_phase {
    DIAL_IDLE,
    DIAL_CONNECTING,
    DIAL_GREETING, /* HELLO was sent. */
    DIAL_PROVEN,   /* The other side has proved that it belongs to the cluster, and was sent this
                    * side's proof. */
    DIAL_UP,       /* Welcomed. */
};

/* A dialer's HELLO, which the proofs refer to. */
struct hello {
    char bytes[WIRE_HELLO_BYTES_MAX];
    size_t size;
};

/* One outgoing connection, dialed again whenever it breaks. */
struct dial {
    struct peer *peer;
    enum wire_channel channel;
    enum dial_phase phase;
    struct io_connect connect;
    struct link link;
    uint64_t since_ns;            /* When the attempt began, or was connected. */
    uint64_t idle_ns;             /* In DIAL_IDLE: since when. */
    uint64_t retry_ns;            /* In DIAL_IDLE: for how long. */
    uint64_t wait_ns;             /* The last wait without its random part; 0: none yet. */
    uint32_t version;             /* Of the protocol: for the next greeting, or the one agreed
                                   * on. */
    uint32_t level;               /* The newest feature level that the other node knows; see
                                   * hello.h. */
    struct hello hello;           /* The HELLO of this greeting. */
    bool is_unproven;             /* The node that last answered does not have the key. */
    bool is_stepping_down;        /* Closed, to be greeted in an older version at once. */
    enum wire_refusal refused;    /* The last refusal that was logged; 0: none. */
    struct member_address target; /* The address of this attempt. */
    bool was_search;              /* The address is a guess, not the peer's: addresses.c. */
    bool keeps_target;            /* The next attempt uses the same address. */
    int status;                   /* Why the last attempt to connect failed, or 0. */
    int resolve_error;            /* Why the last attempt to resolve its host failed, or 0. */
};

/* What must still be sent of the ranges that the core asked for. */
struct sender {
    struct raft_message header; /* The core's newest AppendEntries. */
    raft_index next;            /* The first entry to send. */
    raft_index last;            /* The last entry to send. If next > last, there is nothing to
                                 * do. */
    struct store_read read;     /* Reads what is no longer in memory. */
    bool is_reading;
    raft_index read_first; /* First entry of the read under way: outdated if != next when it
                            * ends. */
    struct entry *large;   /* Being sent in pieces: the one at `next`; or NULL. */
    uint32_t large_sent;   /* Bytes of it. */
};

struct peer {
    struct list link; /* In peers->all. */
    struct peers *peers;
    raft_id id;
    struct member_address address;  /* Where it was reached, or by its own or the log's word. */
    struct member_address logged;   /* Its address in the log; port 0: none. */
    struct member_address reported; /* Where another node reaches it, or where it lived before; port
                                 * 0: unknown. */
    uint64_t lost_ns;               /* Since when it has not been reached; 0: it is reached. */
    uint64_t search_ns;             /* When to look for it elsewhere next, once at each place. */
    uint64_t search_wait_ns;        /* How long to wait after that search; 0: none yet. */
    uint64_t warn_ns;               /* No warning that it is not reached before this time. */
    bool is_mute;                   /* It was logged that nothing comes from it, though it is
                                 * connected. */
    uint32_t search_turn;           /* Which place to search next. */
    bool is_leaving;                /* Freed once nothing refers to it. */
    bool has_proven;                /* In an earlier greeting, that it belongs to the cluster. */
    struct dial dial[2];            /* By enum wire_channel. */
    struct sender sender;
    /* See forwarding.c. */
    uint64_t clock_ns;       /* The last time that it sent. */
    uint64_t clock_heard_ns; /* When that arrived here; 0: not yet on this connection. */
    bool owes_holds;         /* That has not been answered yet. */
    /* For RAFT STATUS: what it last said about itself. */
    uint64_t heard_ns; /* 0: never. */
    raft_term term;
    raft_index applied_index;
    enum wire_disk disk;
    uint64_t data_bytes_max;                  /* See wire_message. */
    uint32_t stored_us;                       /* The same. */
    char program[WIRE_PROGRAM_BYTES_MAX + 1]; /* Its version; "": unknown. */
    struct figures figures;
    uint64_t figures_ns;   /* When these came; 0: never. */
    uint64_t figures_sent; /* The number of this node's that it was sent last. */
};

/* One incoming connection. */
struct inbound {
    struct list node; /* In peers->inbounds. */
    struct peers *peers;
    struct link link;
    uint64_t since_ns;  /* When it was accepted, or began to leave. */
    uint64_t origin;    /* io_stream_origin() of the other end. */
    bool is_challenged; /* It has sent HELLO and must prove that it belongs to the cluster. */
    bool is_greeted;    /* It was welcomed. */
    char hello[WIRE_HELLO_BYTES_MAX];
    struct proof_greeting greeting; /* The greeting that the proof refers to. */
    bool is_leaving; /* It was removed. Closed once it knows, and its commands are answered. */
    raft_id from;
    uint64_t incarnation;
    uint64_t serial;  /* Identifies the connection; never reused. */
    uint32_t version; /* Of the protocol, as agreed. */
    enum wire_channel channel;
    struct wire_holds holds; /* The last HOLDS; see forwarding.c. */
    struct pieces pieces;    /* Of a large payload. */
};

/* Where senders get what they send; borrowed. */
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
    struct member_address self_logged; /* This node's address in the log; port 0: none. */
    struct member_address contact;     /* Given at the start; port 0: none. */
    uint64_t cluster_id;               /* 0: not known yet; then nobody is welcome. */
    uint64_t epoch;                    /* Of the cluster. */
    struct store_key key;              /* The key of the cluster. */
    bool has_key;                      /* Whether the key is known. */
    uint64_t incarnation;
    uint32_t version;         /* The newest version of the protocol to speak. */
    uint32_t level;           /* The newest feature level that this node knows. */
    uint32_t cluster_level;   /* The cluster's feature level: nodes that do not know it are kept
                               * out. */
    uint32_t piece_bytes;     /* Large payloads are sent in pieces of this size. */
    uint64_t pieced_count;    /* Payloads that have come in pieces. */
    size_t answers_bytes_max; /* A connection with more unsent answers is closed. */
    uint32_t send_timeout_ms; /* A connection that accepts no bytes for this long breaks. */
    struct io_tls *tls;       /* Of all connections; NULL: they are not encrypted. */
    uint64_t hold_max_ns;     /* How long a command may be begun after its sender was last heard. */
    const struct membership *committed; /* Borrowed, for refusing removed nodes; or NULL. */
    raft_index applied_index;           /* Sent with each message. */
    enum wire_disk disk;                /* Sent with each message. */
    uint64_t data_bytes_max;            /* Sent with each message. */
    uint32_t stored_us;                 /* Sent with each acknowledgement. */
    struct figures figures;             /* Sent once to each node that gets a message. */
    uint64_t figures_number;            /* Of these; 0: there are none yet. */
    raft_id held_by;                    /* For HOLDS: the node that the next fields are about. */
    uint64_t held_from;     /* For that node: commands from this correlation number on are waited
                             * for. */
    uint64_t held_from_all; /* For all others: commands from this one on, which is the next
                             * number. */
    bool holds_changed;     /* It may have changed which commands are waited for. */
    struct io_listener listener;
    bool is_listening;
    bool is_ended;
    struct list all;       /* struct peer */
    struct list inbounds;  /* struct inbound */
    struct list verifies;  /* struct verify */
    struct io_timer timer; /* For dialing again. */
    uint64_t accepted_count;
    struct complaints complaints;
    uint64_t timer_ns; /* When it fires; UINT64_MAX: it is not armed. */
};

struct peers_options {
    struct member_address self;
    struct io_address host; /* Where to listen; may differ from the address in `self`. */
    uint64_t election_timeout_ns;
    uint32_t level;       /* The newest feature level that this node knows. */
    uint32_t version;     /* The newest protocol to speak: WIRE_VERSION_MIN to WIRE_VERSION_NEXT. */
    uint32_t piece_bytes; /* Large payloads are sent in pieces of this size; 0: the largest. */
    struct io_tls *tls;   /* Of all connections; NULL: they are not encrypted. */
};

/* Listens on the node's peer port. Negative errno on failure. */
int peers_start(struct peers *p, struct io *io, const struct log *log,
                const struct peers_events *events, const struct peers_options *options);
/* Frees everything at once; the io must have stopped. */
void peers_deinit(struct peers *p);
/* Before the cluster is known: this node is to be added, and proves to those that dial it that
 * it has the key. Nobody is welcomed. */
void peers_show_key(struct peers *p, const struct store_key *key);
/* Starts to dial and to welcome nodes. */
void peers_open(struct peers *p, uint64_t cluster_id, uint64_t epoch, const struct store_key *key,
                const struct peers_source *source);
/* The opposite, at once: ends all connections, and welcomes nobody until it is opened again, as a
 * process of its own, for `events`, and with that log. The store of its source must be closed
 * already. */
void peers_close(struct peers *p, const struct log *log, const struct peers_events *events);
/* Whether that node announces this address as its own, if it is connected. */
enum peers_word { PEERS_NO_WORD, PEERS_LIVES_THERE, PEERS_LIVES_ELSEWHERE };
enum peers_word peers_word_of(const struct peers *p, const struct member_address *address);
/* Dials these members, except itself, in addition to the present ones. A node that an
 * uncommitted configuration leaves out may still lead, and is needed to commit it, so others are
 * kept. */
void peers_set_members(struct peers *p, const struct membership *m);
/* What each message reports about this node: its applied index, the state of its disk, and for
 * how much data it has memory (0: no limit). */
void peers_set_applied(struct peers *p, raft_index applied_index);
void peers_set_disk(struct peers *p, enum wire_disk disk);
void peers_set_memory(struct peers *p, uint64_t data_bytes_max);
/* How long the disk had what is acknowledged next. */
void peers_set_stored(struct peers *p, uint64_t stored_ns);
/* This node's figures: sent after the next message to each node. */
void peers_set_figures(struct peers *p, const struct figures *f);
/* Bytes for other nodes that the network has not taken yet. */
uint64_t peers_outgoing_bytes(const struct peers *p);
/* Drops the nodes that `committed` lists as removed, and refuses them from now on. */
void peers_set_committed(struct peers *p, const struct membership *committed);
/* Keeps out nodes that do not know that feature level. */
void peers_set_level(struct peers *p, uint32_t level);
/* The newest feature level that the node connected under that id knows; 0: it is not connected. */
uint32_t peers_level(const struct peers *p, raft_id id);
struct peer *peers_find(const struct peers *p, raft_id id);
/* The welcomed connection from that node on that channel: there is at most one, and those of one
 * node belong to one process (see greeting.c). */
struct inbound *peers_inbound(const struct peers *p, raft_id from, enum wire_channel channel);
/* Whether heartbeats can be sent to that node now. */
bool peers_is_connected(const struct peers *p, raft_id id);

/* Whether a large frame of entries is arriving from that node: it is incomplete, and bytes of it
 * have arrived after `since_ns`. */
bool peers_is_receiving(const struct peers *p, raft_id id, uint64_t since_ns);

/* Sends a message of the core, with entries from the log if it is AppendEntries. If there is no
 * connection it is lost, which the core tolerates. */
void peers_send(struct peers *p, const struct raft_message *m);
/* Each sends it, unless there is no connection, or that node does not read. */
void peers_send_damaged(struct peers *p, raft_id to, const struct wire_damaged *d);
void peers_send_digest(struct peers *p, raft_id to, const struct wire_digest *d);
/* The same for questions about reads, and their answers. */
void peers_send_read_index(struct peers *p, raft_id id, const struct wire_read_index *w);
void peers_send_read_index_reply(struct peers *p, raft_id id,
                                 const struct wire_read_index_reply *w);
/* forwarding.c. Whether answers to commands forwarded to `id` may come. */
bool peers_may_answer(struct peers *p, raft_id id);
/* The buffer for commands to `id`; NULL: not now. */
struct buffer *peers_forward(struct peers *p, raft_id id);
/* Whether some of a part of a snapshot has arrived from `id`, and not all. */
bool peers_part_is_arriving(struct peers *p, raft_id id);
/* The buffer for asking `id` for parts of a snapshot; NULL: not now. */
struct buffer *peers_fetch(struct peers *p, raft_id id);
/* The buffer for the answer to a command that arrived on that connection; NULL: nobody waits for
 * it any more. */
struct buffer *peers_answer(struct peers *p, uint64_t connection);
/* Converts `at_ns` to the clock of `id`; 0: unknown, because it does not send its time. */
uint64_t peers_time_there(struct peers *p, raft_id id, uint64_t at_ns);
/* The time here, at this moment. */
uint64_t peers_time_now(const struct peers *p);
/* Sends the time to all nodes that may forward commands to this one. */
void peers_send_time(struct peers *p);
void peers_note_time(struct peer *peer, const struct wire_clock *clock);
/* Writes CLOCK. */
void peers_put_time(const struct peers *p, struct buffer *out);
/* Sends HOLDS to a peer that has sent its time. */
void peers_send_holds(struct peer *peer);
/* For HOLDS: `leader` has commands of this node, which waits for those from correlation number
 * `from` on; for all others, from `from_all` on, which is the next number. */
void peers_set_holds(struct peers *p, raft_id leader, uint64_t from, uint64_t from_all);
/* Whether others may have given up commands that they forwarded, since the last call. */
bool peers_take_holds_changed(struct peers *p);
void peers_note_holds(struct inbound *in, const struct wire_holds *h);
enum peers_held {
    PEERS_HELD,     /* Its sender is waiting for it. */
    PEERS_SILENT,   /* Its sender may have given it up: nothing was heard for too long. */
    PEERS_GIVEN_UP, /* Its sender has given it up, or has gone. */
};
/* Whether the sender of a command that arrived on that connection still waits for it, at that
 * peers_time_now(). */
enum peers_held peers_is_held(struct peers *p, uint64_t connection, uint64_t correlation,
                              uint64_t now_ns);
/* Ends the connections to the peer; it is freed once they have ended. */
void peer_forget(struct peer *peer);
/* Frees a peer that is leaving, once nothing is under way with it. */
void peer_free_if_unused(struct peer *peer);
/* Sends everything that has collected, except answers; once a turn. */
void peers_flush(struct peers *p);
/* Sends the answers to commands that peers have forwarded; once a turn, after the commands that
 * are ready were answered. */
void peers_flush_answers(struct peers *p);

/* Before a link is opened: what all have in common. */
static inline void peers_prepare(const struct peers *p, struct link *link)
{
    link->stream.send_timeout_ms = p->send_timeout_ms;
    link->stream.tls = p->tls;
}

/* Makes the timer fire no later than that. */
void peers_arm_timer(struct peers *p, uint64_t at_ns);

/* greeting.c: handles a frame on a connection that is not welcomed yet. */
void greeting_frame(struct inbound *in, const struct wire_frame *frame);
/* A welcomed node has announced its address. */
void peers_learn(struct peers *p, const struct member_address *address);

/* dialing.c */
void dial_init(struct dial *d, struct peer *peer, enum wire_channel channel);
bool dial_is_idle(const struct dial *d);
void dial_start(struct dial *d);
/* Closes the connection. It will be dialed again, unless the peer is leaving. */
void dial_drop(struct dial *d);
/* There is a sign that the member may be there: dials it soon. */
void dial_hasten(struct dial *d);
/* Does what is due; lowers *next_ns to when something is due next. */
void dial_tick(struct dial *d, uint64_t now_ns, uint64_t *next_ns);

/* addresses.c: where to look for members. */
bool member_address_same_place(const struct member_address *a, const struct member_address *b);
/* Chooses the address of the next attempt. */
void addresses_choose(struct dial *d);
/* Whether the next attempt will use another place. */
bool addresses_is_searching(const struct dial *d);
/* Its address is new, so do not look for it elsewhere for now. */
void addresses_renewed(struct peer *peer);
/* It was welcomed at this address. */
void addresses_found(struct dial *d);
/* An attempt has failed, or a connection has broken. */
void addresses_lost(struct dial *d);
/* The peer should send something all the time, since `since_ns` or since it connected. Logs it
 * if nothing has arrived for long. */
void addresses_watch(struct peer *peer, uint64_t since_ns);
/* Whether a member in the log has been out of reach for that long. */
bool addresses_are_missing(const struct peers *p, uint64_t for_ns);
/* Another node reports that it reaches a member at this address. */
void addresses_learn(struct peers *p, raft_id from, const struct member_address *address);
/* A member has proved that it lives at an address where another was looked for. This node may
 * not know that member yet. */
void addresses_met(struct peers *p, raft_id id, const struct member_address *there);
/* Whether an address that `from` has sent is possible at all. Logs it if not. */
bool addresses_is_usable(struct peers *p, raft_id from, const struct member_address *address);
/* Whether a member may take the address that the log has for `other`: this node reaches the
 * member there, or `other` is not there any more. A member that is reached must not be
 * displaced. */
bool addresses_may_take(const struct peers *p, const struct member_address *taker,
                        const struct member_address *other);
/* Members are looked for at the contact, too. */
void addresses_set_contact(struct peers *p, const struct io_address *client, uint16_t peer_port);
/* Whether that node is reached where the contact is. */
bool addresses_is_contact(const struct peers *p, raft_id id);

/* strangers.c: the connection without a proof that must be closed because there are too many;
 * NULL if there are not. */
struct inbound *strangers_to_close(const struct peers *p);

/* verify.c: does what is due; lowers *next_ns to when something is due next. */
void verify_tick(struct peers *p, uint64_t now_ns, uint64_t *next_ns);
void verify_deinit(struct peers *p);
/* Cancels all that are under way. */
void verify_cancel_all(struct peers *p);

/* sender.c: puts what fits of the requested ranges into the bulk connection. */
void sender_ask(struct peer *peer, const struct raft_message *m);
void sender_pump(struct peer *peer);
/* There is more to send, and room for it. */
bool sender_goes_on(struct peer *peer);
void sender_reset(struct peer *peer);

#endif /* RAKIT_PEER_PEERS_H */
