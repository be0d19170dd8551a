/* client.h - one client's connection, as the files that make it up share it:
 *
 *   place.c    places for connections, and the reserve for administrators
 *   clients.c  who is connected: accepting, refusing, sweeping, ending
 *   input.c    bytes into commands, and how far a client may run ahead
 *   reply.c    replies in the order of their commands, and out
 *   memory.c   what the unread replies of all may take
 *
 * The way of a command: room()/received() -> client_run() -> a local command is
 * answered at once; a read or a write takes a reply slot and goes to the replica,
 * which answers later -> the reply goes to `out`, or waits in its slot until the
 * replies before it are there -> clients_send() writes `out`, once a turn.
 *
 * Invariants:
 *  - Replies leave in the order of the commands.
 *  - Reads beside the log and commands in it are never under way together on one
 *    connection, so each sees the outcome of those before it.
 *  - After INDOUBT all goes through the log, until one such command was executed.
 *  - A client outlives its connection until its last slot is answered.
 *  - A client that is not taken any more command of reads its replies and then the end,
 *    whatever it has sent behind: that is read and thrown away, within bounds, since closing
 *    before would be a reset, and might cost it the replies.
 *  - client_run() is never entered from within an answer: who may go on is put into
 *    clients->ready, which clients_run() works off. */
#ifndef RAKIT_CLIENT_CLIENT_H
#define RAKIT_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "client/arrivals.h"
#include "client/clients.h"
#include "command/request.h"
#include "command/time_share.h"
#include "io/io.h"
#include "resp/resp.h"

enum {
    CLIENT_SLOTS_MAX = 1024,                     /* Commands under way. */
    CLIENT_LOGGED_READS_MAX = 16,                /* In a row; see is_logged_read(). */
    CLIENT_WORK_UNDER_WAY_MAX = 4 * 1024 * 1024, /* See command_work(); one may have more. */
    CLIENT_READ_WINDOW_BYTES = 4 * 1024 * 1024,  /* What reads under way may reply. */
    CLIENT_OUTPUT_PAUSE_BYTES = 1024 * 1024,     /* Unread replies: take no command. */
    CLIENT_COMMANDS_A_TURN = 1024,               /* Then others get their turn, */
    CLIENT_TURN_NS = 1000 * 1000,                /* or after so long. */
    CLIENTS_TURN_NS = 4 * 1000 * 1000,           /* Then heartbeats and peers get theirs. */
    CLIENT_READ_BYTES = 16 * 1024,               /* Room for one read at first, */
    CLIENT_READ_BYTES_MAX = 256 * 1024,          /* and at most, unless one request wants more. */
    CLIENT_READ_AHEAD_BYTES = 64 * 1024,         /* Input kept while no command is taken. */
    CLIENT_KEEP_BYTES = 64 * 1024,               /* Of a buffer that has run empty. */
    CLIENT_DISCARD_BYTES_MAX = 64 * 1024 * 1024, /* Read once no command is taken any more. */
    CLIENT_ARGUMENTS_MAX = 1024 * 1024,          /* Of what is read, and refused in words */
    CLIENT_ARGUMENTS_TAKEN_MAX = 128 * 1024,     /* beyond this: nothing is done meanwhile. */
    CLIENT_LOCAL_ARGUMENTS_MAX = 1024,           /* The same for COMMAND_LOCAL ones. */
    CLIENT_INLINE_BYTES_MAX = 64 * 1024,
    CLIENT_NAME_BYTES_MAX = 255,
    CLIENT_PEER_BYTES = 64,
};

/* Why a client's next command is not taken now. */
enum client_wait {
    CLIENT_RUNS,
    CLIENT_WAITS_FOR_ORDER,   /* Reads beside the log and commands in it take turns. */
    CLIENT_WAITS_FOR_SLOTS,   /* Enough is under way. */
    CLIENT_WAITS_FOR_REPLICA, /* Congested: in clients->congested. */
    CLIENT_WAITS_FOR_READER,  /* It does not read its replies. */
};

enum client_end {
    CLIENT_OPEN,
    CLIENT_ENDS_AFTER_REPLIES, /* Takes no more commands; ends once all is sent. */
    CLIENT_LINGERS,            /* Was told why it is not served; ends when it speaks. */
    CLIENT_DRAINS,             /* Was sent the end; closes when it ends, too, or soon. */
    CLIENT_CLOSING,            /* io_stream_close() was called. */
    CLIENT_CLOSED,             /* Only its slots keep it. */
};

/* Which of the limits on connections it counts for. */
enum client_place {
    CLIENT_NOWHERE, /* Not admitted yet, or closed. */
    CLIENT_COUNTED, /* Among those that clients_max limits. */
    CLIENT_IN_RESERVE,
    CLIENT_TURNED_AWAY,
};

/* The place of one reply in the order of a connection. */
struct reply_slot {
    struct request request; /* For a read or a write. */
    struct client *client;
    struct reply_slot *next; /* In the client's order, or among the spare ones. */
    struct resp_writer writer;
    struct buffer out; /* The reply, while those before it are missing. */
    uint64_t ordinal;  /* Number of the command on its connection. */
    uint64_t argument_bytes;
    uint64_t work;         /* As counted in the client's work_under_way. */
    size_t written_before; /* Size of the writer's buffer before this reply. */
    uint32_t flags;        /* COMMAND_READ or COMMAND_WRITE while it is under way. */
    bool is_answered;
    bool is_silent;   /* CLIENT REPLY OFF or SKIP. */
    bool is_deferred; /* reply_later() was called. */
};

struct client {
    struct io_stream stream;
    struct clients *clients;
    struct list link; /* clients->all. */
    struct list reserve_link;
    struct list ready_link; /* clients->ready or clients->congested. */
    struct list dirty_link; /* clients->dirty: has something to write, or to end. */
    enum client_end end;
    enum client_wait wait;
    enum client_place place;

    /* Input. */
    struct buffer input;
    struct resp_parser parser;
    size_t read_bytes; /* Room for the next read. */
    bool is_paused;    /* room() said no: io_stream_resume() is due. */
    bool has_ended;    /* The other side sends no more. */
    uint64_t discarded_bytes;
    struct arrivals arrivals;
    uint64_t received_ns; /* When the command that is being taken came. */

    /* Commands under way. */
    struct reply_slot *first_slot;
    struct reply_slot *last_slot;
    struct reply_slot *current_slot; /* Of the local command that runs now. */
    uint32_t slot_count;
    uint32_t read_count;       /* Handed to the replica, not yet answered; */
    uint32_t write_count;      /* these go through the log, */
    uint32_t logged_count;     /* and among them these are reads. */
    uint32_t reads_in_a_row;   /* Since the last write. */
    uint64_t doubt_ordinal;    /* The last command taken when one was answered INDOUBT, until a
                                * later one that went through the log has settled it; or 0. */
    uint64_t argument_bytes;   /* Of those. */
    uint64_t work_under_way;   /* What those cost, as far as their arguments show. */
    uint64_t read_reply_bytes; /* What one more read may reply, going by the last ones. */

    /* Output. */
    struct buffer out;
    struct buffer sending; /* In io's hands while is_sending. */
    bool is_sending;
    uint64_t held_bytes;   /* Replies that wait in slots. */
    uint64_t unread_bytes; /* Its part of what all have; see memory.c. */

    /* The session. */
    uint64_t id;
    char peer[CLIENT_PEER_BYTES];
    int version;      /* 2 or 3. */
    uint8_t database; /* That commands are meant for: SELECT. */
    bool is_reply_off;
    bool skips_this_reply;
    bool skips_next_reply;
    bool refuses_until_exec; /* MULTI was refused: so is all else up to EXEC or DISCARD. */
    bool never_evict;
    char *name; /* Owned, or NULL; so the next two. */
    char *library_name;
    char *library_version;
    const struct command *last_command;
    uint64_t command_count;
    uint64_t connected_ns;
    uint64_t active_ns; /* When it last sent something. */
};

struct clients {
    struct clients_options options;
    struct io *io;
    const struct log *log;
    struct replica *replica;
    struct io_listener listener;
    bool is_listening;
    struct list all;
    struct list reserve;   /* Those with such a place; each has reserve_link in it. */
    struct list ready;     /* May take commands again. */
    struct list congested; /* Wait for room in the replica, by the time they have waited. */
    bool is_relieved;      /* These go on now, until the replica is congested again. */
    struct list dirty;
    struct time_share share; /* Of the client that takes commands now. */
    struct io_timer sweep_timer;
    bool is_sweeping; /* The timer is armed. */
    uint32_t reserve_count;
    uint32_t lingering_count;
    struct reply_slot *spare_slots;
    uint32_t spare_count;
    uint64_t last_id;
    uint64_t rate_from_ns; /* Commands a second: counted since then, */
    uint64_t rate_from_count;
    uint64_t commands_a_second; /* and as last found. */
    uint64_t unread_bytes;      /* Replies of all clients that have not left. */
    struct clients_stats stats;
};

/* --- clients.c ------------------------------------------------------------------ */

/* Ends the connection now; `why` for the log. The client stays until `closed`. */
void client_close(struct client *c, const char *why);
/* Frees it where its connection and all its slots have ended. */
void client_free_if_over(struct client *c);
/* What it was told before it goes, then waits for a sign of life to close. */
void client_turn_away(struct client *c, const char *text);
void client_make_ready(struct client *c);
void client_make_dirty(struct client *c);

/* --- place.c -------------------------------------------------------------------- */

/* Gives a new connection its place, or tells it why there is none: it may be closed then. */
void client_place(struct client *c);
/* Whether it may have the command of that name executed: NULL, or why not. */
const char *client_refusal(struct client *c, struct slice name);
void client_leave(struct client *c);
void clients_sweep_reserve(struct clients *clients, uint64_t now_ns);

/* --- input.c -------------------------------------------------------------------- */

char *client_room(struct io_stream *stream, size_t *ret_size);
void client_received(struct io_stream *stream, int64_t size);
/* Takes commands from the input, as many as may be taken now. */
void client_run(struct client *c);
/* One answer came: the client may be able to go on. */
void client_reconsider(struct client *c);

/* --- reply.c -------------------------------------------------------------------- */

/* The client has ended its connection, or at least its half: what still waits for a leader
 * is not executed any more. */
void client_abandon(struct client *c);
/* Takes the next place in the order of replies. */
struct reply_slot *client_take_slot(struct client *c);
/* Moves replies whose turn has come to the output, and ends what is over: `c` may be
 * gone afterwards. */
void client_advance(struct client *c);
void client_send(struct client *c);
void client_sent(struct io_stream *stream, int status);
uint64_t client_output_bytes(const struct client *c);
void clients_free_spare_slots(struct clients *clients);

/* --- memory.c ------------------------------------------------------------------- */

/* What it has not read has changed. Where all have too much, somebody's connection ends: maybe
 * its own. */
void client_note_output(struct client *c);
/* It is closed. */
void client_forget_output(struct client *c);
/* Takes no command until it has read its replies. */
bool client_must_read_first(const struct client *c);

static inline struct client *client_of_stream(struct io_stream *stream)
{
    return container_of(stream, struct client, stream);
}

/* The client whose LOCAL command this is. */
static inline struct client *call_client(const struct command_call *call)
{
    return call->session;
}

#endif /* RAKIT_CLIENT_CLIENT_H */
