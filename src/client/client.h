/* client.h - one client's connection, shared by the files that implement it:
 *
 *   place.c    places for connections, and the reserve for administrators
 *   clients.c  who is connected: accepting, refusing, sweeping, ending
 *   input.c    bytes into commands, and how far a client may run ahead
 *   reply.c    replies in the order of their commands, and sending them
 *   memory.c   the limit on the unread replies of all clients
 *   waits.c    WAIT and WAITAOF under way
 *   redirect.c MOVED
 *   transaction.c  what MULTI has queued, and WATCH watches
 *   audience.c what the replica reports while it applies entries
 *   delivery.c messages that clients get without asking, between replies
 *
 * The way of a command: room()/received() -> client_run() -> a local command is answered at
 * once; a read or a write takes a reply slot and goes to the replica, which answers later -> the
 * reply goes to `out`, or waits in its slot until the replies before it are there ->
 * clients_send() writes `out`, once a turn.
 *
 * Invariants:
 * - Replies leave in the order of the commands.
 * - On one connection, reads beside the log and commands in the log are never under way at the
 *   same time, so each sees the outcome of those before it.
 * - After INDOUBT, everything goes through the log until one command has succeeded there.
 * - A client struct lives until its connection has ended and its last slot is answered.
 * - A client whose commands are not taken any more receives its replies and then the end,
 *   whatever it still sends: that is read and thrown away, within bounds. Closing with unread
 *   bytes would be a reset, and the client might lose the replies.
 * - client_run() is never called from within an answer: clients that may go on are put into
 *   clients->ready, which clients_run() handles. */
#ifndef RAKIT_CLIENT_CLIENT_H
#define RAKIT_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "client/arrivals.h"
#include "client/call_counts.h"
#include "client/clients.h"
#include "client/notify.h"
#include "client/pushes.h"
#include "client/topics.h"
#include "client/tracking.h"
#include "client/transaction.h"
#include "command/request.h"
#include "command/time_share.h"
#include "io/io.h"
#include "raft/raft.h"
#include "resp/resp.h"
#include "users/attempts.h"

enum {
    CLIENT_SLOTS_MAX = 1024,                     /* Commands under way per connection. */
    CLIENT_LOGGED_READS_MAX = 16,                /* See is_logged_read(). */
    CLIENT_WORK_UNDER_WAY_MAX = 4 * 1024 * 1024, /* See command_work(). One command alone may
                                                  * exceed it. */
    CLIENT_READ_WINDOW_BYTES = 4 * 1024 * 1024,  /* Expected replies of reads under way. */
    CLIENT_OUTPUT_PAUSE_BYTES = 1024 * 1024,     /* With more unread replies, no command is
                                                  * taken. */
    CLIENT_COMMANDS_A_TURN = 1024,               /* Commands of one client before others get
                                                  * their turn. */
    CLIENT_TURN_NS = 1000 * 1000,                /* Or time, whichever ends first. */
    CLIENTS_COUNT_WORK = 16 * 1024 * 1024,       /* Comparing patterns in a turn, to count who gets
                                                  * messages. */
    CLIENTS_TURN_NS = 4 * 1000 * 1000,           /* Time for all clients before heartbeats and
                                                  * peers get their turn. */
    CLIENT_READ_BYTES = 16 * 1024,               /* Room for one read at first. */
    CLIENT_READ_BYTES_MAX = 256 * 1024,          /* And at most, unless one request needs more. */
    CLIENT_READ_AHEAD_BYTES = 64 * 1024,         /* Input kept while no command is taken. */
    CLIENT_KEEP_BYTES = 64 * 1024,               /* Kept of a buffer that is empty. */
    CLIENT_DISCARD_BYTES_MAX = 64 * 1024 * 1024, /* Read and thrown away once no command is taken
                                                  * any more. */
    CLIENT_ARGUMENTS_MAX = 1024 * 1024,          /* Parsed, so that they can be refused with an
                                                  * error. */
    CLIENT_ARGUMENTS_TAKEN_MAX = 128 * 1024,     /* Executed: beyond this, one command would
                                                  * block the node for long. */
    CLIENT_LOCAL_ARGUMENTS_MAX = 1024,           /* The same for COMMAND_LOCAL commands. */
    CLIENT_INLINE_BYTES_MAX = 64 * 1024,
    CLIENT_NAME_BYTES_MAX = 255,
    CLIENT_PEER_BYTES = 64,
    CLIENT_UNKNOWN_TEXT_BYTES = 384,
};

/* Why a client's next command is not taken now. */
enum client_wait {
    CLIENT_RUNS,
    CLIENT_WAITS_FOR_ORDER,   /* Reads beside the log and commands in the log alternate. */
    CLIENT_WAITS_FOR_SLOTS,   /* Too much is under way. */
    CLIENT_WAITS_FOR_REPLICA, /* The replica is congested: in clients->congested. */
    CLIENT_WAITS_FOR_READER,  /* The client does not read its replies. */
    CLIENT_WAITS_FOR_PAUSE,   /* To end: in clients->paused. */
};

enum client_end {
    CLIENT_OPEN,
    CLIENT_ENDS_AFTER_REPLIES, /* Takes no more commands; ends once all replies are sent. */
    CLIENT_LINGERS,            /* Was refused with an error; ends when it sends anything. */
    CLIENT_DRAINS,             /* Our side has ended; closes when the other side ends too, or
                                * after a time. */
    CLIENT_CLOSING,            /* io_stream_close() was called. */
    CLIENT_CLOSED,             /* Only its unanswered slots keep it. */
};

/* The limit on connections that it counts towards. */
enum client_place {
    CLIENT_NOWHERE, /* Not admitted yet, or closed. */
    CLIENT_COUNTED, /* Among those that clients_max limits. */
    CLIENT_IN_RESERVE,
    CLIENT_TURNED_AWAY,
};

/* Keeps the place of one reply in the order of a connection. */
struct reply_slot {
    struct request request; /* For a read or a write. */
    struct client *client;
    struct reply_slot *next; /* In the client's order, or in the free list. */
    struct resp_writer writer;
    struct buffer out; /* The reply, while earlier ones are missing. */
    uint64_t ordinal;  /* Number of the command on its connection. */
    uint64_t argument_bytes;
    uint64_t work;         /* Its part of the client's work_under_way. */
    size_t written_before; /* Size of the writer's buffer before this reply. */
    uint32_t flags;        /* COMMAND_READ or COMMAND_WRITE while it is under way. */
    bool is_answered;
    bool is_silent;              /* By CLIENT REPLY OFF or SKIP. */
    bool is_deferred;            /* reply_later() was called. */
    bool is_refused;             /* Not executed: an error is the reply. */
    const struct command *named; /* By the client; NULL: there is no such command. */
    uint64_t taken_ns;
    struct buffer read_keys; /* To be remembered for its client: trackers.c. */
    uint8_t purpose;         /* enum transaction_purpose. */
    uint32_t generation;     /* Of what was watched when it was sent. */
    struct buffer *kept;     /* Owned, or NULL: see transaction.c. */
};

struct client {
    struct io_stream stream;
    struct clients *clients;
    struct list link; /* clients->all. */
    struct list reserve_link;
    struct list ready_link;   /* clients->ready or clients->congested. */
    struct list dirty_link;   /* clients->dirty: has bytes to write, or must end. */
    struct list monitor_link; /* clients->monitors. */
    enum client_end end;
    enum client_wait wait;
    enum client_place place;

    /* Input. */
    struct buffer input;
    struct resp_parser parser;
    size_t read_bytes; /* Room for the next read. */
    bool is_paused;    /* room() returned 0: io_stream_resume() is due. */
    bool has_ended;    /* The other side has ended its half. */
    uint64_t discarded_bytes;
    struct transaction transaction;
    struct arrivals arrivals;
    uint64_t received_ns; /* When the command that is being taken arrived. */

    /* Commands under way. */
    struct reply_slot *first_slot;
    struct reply_slot *last_slot;
    struct reply_slot *current_slot; /* The slot of the local command that is running. */
    uint32_t slot_count;
    uint32_t read_count;       /* Given to the replica and not yet answered. */
    uint32_t write_count;      /* Of these, commands that go through the log. */
    uint32_t logged_count;     /* Of these, reads. */
    uint32_t reads_in_a_row;   /* Reads since the last write. */
    uint64_t doubt_ordinal;    /* The number of the newest command taken when one was answered
                                * INDOUBT, until a later command has gone through the log;
                                * otherwise 0. */
    uint64_t argument_bytes;   /* Of the commands under way. */
    uint64_t work_under_way;   /* Cost of the commands under way, estimated from their arguments. */
    uint64_t read_reply_bytes; /* Expected size of the next read's reply, from the previous ones. */

    /* Output. */
    struct buffer out;
    struct buffer sending; /* Owned by io while is_sending. */
    bool is_sending;
    uint64_t held_bytes;   /* Replies waiting in slots. */
    uint64_t input_bytes;  /* Memory of `input`, as counted for all clients. */
    uint64_t unread_bytes; /* Its share of clients->unread_bytes; see memory.c. */

    /* The session. */
    bool is_logged_in;
    uint64_t user;          /* As which it is; see users/users.h. */
    char *user_name;        /* Owned; NULL: "default". */
    uint64_t users_version; /* Of the users when it was last looked at. */
    uint64_t id;
    char peer[CLIENT_PEER_BYTES];
    uint64_t origin;          /* io_stream_origin(). */
    int version;              /* 2 or 3. */
    uint8_t database;         /* The database that SELECT chose. */
    enum read_mode read_mode; /* By RAFT READS. */
    uint64_t max_age_ns;      /* READ_STALE. */
    uint64_t seen_index;      /* The newest state that it has seen. */
    uint64_t written_index;   /* The entry of its last write that was executed; 0: none. */
    uint64_t written_ordinal; /* The number of that write on the connection. */
    uint32_t held_count;      /* It waits, and its next commands too: waits.h. */
    char *once_client;        /* By CLIENT ONCE; owned, or NULL. */
    uint64_t once_next;       /* The number of its next command that writes. */
    uint32_t once_keep_s;
    struct command_once once; /* Of the command that is being taken. */
    bool is_reply_off;
    bool skips_this_reply;
    bool skips_next_reply;
    bool never_evict;
    bool redirects;      /* It is sent to the leader by MOVED. */
    bool reads_replicas; /* By READONLY: its reads are not. */
    struct subscriber subscriber;
    struct tracker tracker;
    struct chain id_chain; /* clients->by_id. */
    char *name;            /* This and the next two: owned, or NULL. */
    char *library_name;
    char *library_version;
    const struct command *last_command;
    const struct command *taken_command; /* Whose reply is written now; NULL: of none. */
    bool is_refused;                     /* That is an error, instead of executing it. */
    uint64_t command_count;
    uint64_t connected_ns;
    uint64_t active_ns; /* When it last sent anything. */
};

/* What subscribers at the Sentinel door were last shown: sentinel_events.c. */
struct shown_to_sentinels {
    struct io_address master; /* Port 0: none yet. */
    uint64_t looked_ns;
    uint32_t lost_count; /* Nodes out of reach. */
    raft_id lost[RAFT_MEMBERS_MAX];
};

struct clients {
    struct clients_options options;
    struct io *io;
    const struct log *log;
    struct replica *replica;
    struct io_listener listener;
    struct io_listener tls_listener; /* For clients with TLS. */
    bool is_listening;               /* To those that come in. */
    bool has_listener;               /* `listener` is open. */
    bool has_tls_listener;           /* The other one is. */
    struct list all;
    struct list reserve;   /* Clients with a place in the reserve, by reserve_link. */
    struct list ready;     /* Those that may take commands again. */
    struct list congested; /* Those that wait for room in the replica, longest wait first. */
    bool is_relieved;      /* They may go on now, until the replica is congested again. */
    struct list dirty;
    uint64_t count_left;       /* Work that is left for counting receivers in this turn. */
    struct topics topics;      /* What the subscribers among them are subscribed to. */
    struct pushes pushes;      /* On their way to them. */
    struct tracking tracking;  /* What they have read. */
    uint32_t leaderless_count; /* How long there has been no leader: trackers_sweep(). */
    struct chains by_id;
    notify_set notify;       /* The events of keys that are published: CONFIG SET. */
    struct time_share share; /* Of the client whose commands are being taken. */
    struct io_timer sweep_timer;
    bool is_sweeping; /* The timer is armed. */
    uint32_t reserve_count;
    uint32_t lingering_count;
    struct reply_slot *spare_slots;
    uint32_t spare_count;
    struct list monitors; /* By monitor_link. */
    struct call_counts call_counts;
    uint64_t slow_after_us; /* SLOWLOG shows what came later, by the wall clock. */
    struct list paused;     /* Clients whose commands wait for the end of a pause, by ready_link. */
    struct io_timer pause_timer;
    uint64_t paused_until_ns; /* 0: there is no pause. */
    bool pauses_reads;
    uint64_t resumed_ns; /* When the last one ended. */
    struct list waits;   /* Of WAIT and WAITAOF: waits.c. */
    uint32_t wait_count;
    struct io_timer wait_timer;
    struct shown_to_sentinels shown;
    raft_id last_leader;          /* The newest that was known; 0: none yet. See topology.c. */
    uint64_t leaderless_since_ns; /* 0: there is one. */
    uint64_t last_id;
    uint64_t users_version; /* All clients have been looked at since. */
    struct attempts attempts;
    struct list logins; /* That wait because others have failed: login.c. */
    struct io_timer login_timer;
    uint64_t rate_from_ns; /* Start of the interval that is being counted. */
    uint64_t rate_from_count;
    uint64_t commands_a_second; /* In the last full interval. */
    uint64_t input_bytes;       /* Memory of all clients' input. */
    uint64_t unread_bytes;      /* Unsent replies of all clients. */
    struct clients_stats stats;
};

/* --- clients.c ------------------------------------------------------------------ */

/* Closes the connection now; `why` is logged. The client stays until `closed`. */
void client_close(struct client *c, const char *why);
/* Frees the client if its connection and all its slots have ended. */
void client_free_if_over(struct client *c);
/* Sends the client an error, then waits until it sends anything, and closes. */
void client_turn_away(struct client *c, const char *text);
void client_make_ready(struct client *c);
void client_make_dirty(struct client *c);

struct resp_limits client_limits(const struct clients *clients);

/* --- place.c -------------------------------------------------------------------- */

/* Gives a new connection its place, or sends it the reason for refusing it. It may be closed
 * afterwards. */
void client_place(struct client *c);
/* NULL if the client may execute the command of that name; otherwise why not. */
const char *client_refusal(struct client *c, struct slice name);
void client_leave(struct client *c);
void clients_sweep_reserve(struct clients *clients, uint64_t now_ns);

/* --- input.c -------------------------------------------------------------------- */

char *client_room(struct io_stream *stream, size_t *ret_size);
void client_received(struct io_stream *stream, int64_t size);
/* Takes as many commands from the input as are allowed now. */
void client_run(struct client *c);
/* A command was answered, so the client may be able to go on. */
void client_reconsider(struct client *c);

/* --- unknown.c ------------------------------------------------------------------- */

void client_describe_unknown(const struct client *c, char text[CLIENT_UNKNOWN_TEXT_BYTES]);

/* --- reply.c -------------------------------------------------------------------- */

/* The client has ended its connection or its half of it: commands of it that still wait for a
 * leader must not be executed any more. */
void client_abandon(struct client *c);
/* Takes the next slot in the order of replies. */
struct reply_slot *client_take_slot(struct client *c);
/* Moves replies whose turn has come to the output, and ends what is finished: `c` may be freed. */
void client_advance(struct client *c);
void client_send(struct client *c);
void client_sent(struct io_stream *stream, int status);
uint64_t client_output_bytes(const struct client *c);
void clients_free_spare_slots(struct clients *clients);

/* --- audience.c ----------------------------------------------------------------- */

/* What clients want to hear may have changed. If nobody wants anything, the replica reports
 * nothing, so that it costs nothing. */
void audience_reconsider(struct clients *clients);
/* How many subscriptions of channels and patterns the client has. */
uint32_t audience_count(const struct client *c);
/* Whether it is a subscriber, of any kind. */
bool audience_has(const struct client *c);
/* Ends all of its subscriptions. */
void audience_leave(struct client *c);
/* The error for a command that a subscriber must not send, in `text`, or NULL. */
const char *audience_bars(const struct client *c, const struct command *command, char *text,
                          size_t size);
/* The command's name in lower case, as errors have it. */
void client_lower_name(const struct command *command, char *name, size_t size);

/* Ends CLIENT TRACKING of the client. */
void audience_untrack(struct client *c);

/* --- trackers.c ----------------------------------------------------------------- */

bool trackers_exist(const struct clients *clients);
/* A command is sent: the keys that it reads are noted in its slot. */
void trackers_begin(struct client *c, struct reply_slot *slot, const struct command *command);
/* Its reply is there, in the slot or in the output. */
void trackers_settle(struct reply_slot *slot);
/* An entry that is being applied has changed the key. */
void trackers_changed(struct clients *clients, struct slice key);
/* Whatever clients have cached may be outdated. */
void trackers_flush(struct clients *clients);
void trackers_sweep(struct clients *clients);

/* NULL: there is none that is open. */
struct client *clients_find(const struct clients *clients, uint64_t id);

/* --- delivery.c ----------------------------------------------------------------- */

/* To be called once a turn, when no reply is half written. */
void clients_deliver(struct clients *clients);

/* --- memory.c ------------------------------------------------------------------- */

/* The size of its unread replies has changed. If all clients together have too much, one
 * connection is closed, maybe this one. */
void client_note_output(struct client *c);
/* The memory of its input has changed. */
void client_note_input(struct client *c);
/* Whether the memory for all clients' input has room for so many more bytes of its request. */
bool client_has_input_room(const struct client *c, size_t bytes);
/* The connection is closed, so neither its unread replies nor its input count any more. */
void client_forget_memory(struct client *c);
/* Whether it must read its replies before more commands are taken. */
bool client_must_read_first(const struct client *c);

/* --- monitors.c ----------------------------------------------------------------- */

/* The request that the parser has read was taken: counts it, and shows it to those who monitor. */
void client_note_taken(struct client *c);

/* --- login.c -------------------------------------------------------------------- */

void logins_init(struct clients *clients);
/* Each turn: judges those that have waited long enough. */
void logins_look(struct clients *clients);
void logins_free(struct clients *clients);

/* --- rights.c ------------------------------------------------------------------- */

/* The id of its user, or USER_NOBODY. */
uint64_t rights_user(const struct client *c);
/* For people; "default" also if it is not logged in, as in Redis. */
const char *rights_name(const struct client *c);
/* A connection is the default user's without a password. */
bool rights_are_free(const struct clients *clients);

void rights_log_in(struct client *c, uint64_t user, struct slice name);
/* It is what a new connection is. */
void rights_log_out(struct client *c);

/* Whether the request that the parser has read may be taken; if not, writes the error. */
bool rights_admit(struct client *c, const struct command *command, struct resp_writer *fault);
/* The same for a command that is executed now, later than it was taken. */
bool rights_admit_call(struct client *c, const struct command_call *call);
/* Bytes have come: what they may be depends on whether it is logged in. */
void rights_limit_input(struct client *c);

/* Each turn, before replies are sent: ends connections whose users have lost what they use. */
void rights_look(struct clients *clients);

/* Takes note of a login that failed. */
void rights_note_failure(struct client *c, const char *command, struct slice user);

/* --- call_info.c ----------------------------------------------------------------- */

/* Sections of INFO. */
void call_info_put_commands(const struct clients *clients, struct buffer *out);
void call_info_put_errors(const struct clients *clients, struct buffer *out);
void call_info_put_latencies(const struct clients *clients, struct buffer *out);

/* --- pause.c -------------------------------------------------------------------- */

void pause_init(struct clients *c);
/* Whether a command on data has to wait. */
bool client_is_paused(const struct client *c, const struct command *command);

/* --- sentinel_events.c ------------------------------------------------------------ */

/* Each turn: what the subscribers of the Sentinel door must hear. */
void sentinel_look(struct clients *c);

/* --- topology.c ----------------------------------------------------------------- */

/* Each turn: who leads. */
void topology_look(struct clients *c);

/* --- waits.c -------------------------------------------------------------------- */

void waits_init(struct clients *c);
/* Each turn: answers those that are over. */
void waits_look(struct clients *c);
/* Answers those of that client (NULL: of all) with what there is. */
void waits_end(struct clients *c, const struct client *client);
void waits_free(struct clients *c);

static inline struct client *client_of_stream(struct io_stream *stream)
{
    return container_of(stream, struct client, stream);
}

/* The client that sent this LOCAL command. */
static inline struct client *call_client(const struct command_call *call)
{
    return call->session;
}

#endif /* RAKIT_CLIENT_CLIENT_H */
