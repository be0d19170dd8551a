/* fixture.h - the clients' side of a server with a fake replica behind it, which executes
 * requests at once, or holds them until the test releases them. Tests connect to it with real
 * sockets on loopback. */
#ifndef RAKIT_TESTS_CLIENT_FIXTURE_H
#define RAKIT_TESTS_CLIENT_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "client/client.h"
#include "command/probe.h"
#include "io/io.h"
#include "kv/keyspace.h"
#include "raft/raft.h"
#include "replica/feed.h"
#include "replica/replica.h"
#include "server/server.h"

enum { FAKE_REQUESTS_MAX = 16 * 1024 };

struct replica {
    struct io *io;
    struct keyspace *keyspace;
    struct users *users;
    const struct command_table *commands;
    struct keyspace_observer observer;
    struct replica_audience audience;
    void *raft_memory;
    struct raft *raft;
    struct feed feed;
    bool holds; /* Requests wait for fake_answer(). */
    bool is_congested;
    bool has_room_again; /* Clients that found it congested may go on. */
    bool has_not_joined;
    bool is_removed;
    const struct membership *membership; /* NULL: without others. */
    raft_id unreached;                   /* This node is not connected to that one. */
    uint64_t client_bytes;
    uint64_t memory_max;
    bool is_loading;
    uint32_t room;  /* Congested if so many are waiting; 0: never. */
    uint32_t count; /* Waiting, in order of arrival. */
    struct request *requests[FAKE_REQUESTS_MAX];
    uint32_t most_count;
    uint64_t executed_count;
    uint64_t ahead_count; /* Entries applied since a read was executed elsewhere. */
};

struct client_fixture {
    struct io *io;
    struct server server; /* The settings that CONFIG shows, and the table of commands. */
    struct clients *clients;
    struct replica replica;
    struct server_probe probe;
    struct buffer probed; /* "ordinal/index " of each reply that was sent. */
    uint16_t port;
    bool runs_until_turn;
    struct io_timer patience;
    bool has_lost_patience;
};

/* cmocka's setup and teardown; *state is the fixture. */
int fixture_up(void **state);
int fixture_down(void **state);

/* Connects; the server accepts the connection when the loop next runs. */
int fixture_connect(struct client_fixture *f);
/* Runs the loop until a turn is over. */
void fixture_run(struct client_fixture *f);
/* Sends all of it, running the loop whenever the socket is full. */
void fixture_send(struct client_fixture *f, int fd, struct slice bytes);
void fixture_say(struct client_fixture *f, int fd, const char *text);
/* Receives `size` bytes behind what `to` holds; false: the connection ended before. */
bool fixture_receive(struct client_fixture *f, int fd, struct buffer *to, size_t size);
/* Fails unless the next bytes are these. */
void fixture_expect(struct client_fixture *f, int fd, const char *text);
/* Fails unless the server closes the connection without sending anything more. */
void fixture_expect_end(struct client_fixture *f, int fd);
/* Sends the text, and expects that reply. */
void fixture_talk(struct client_fixture *f, int fd, const char *text, const char *reply);
/* Runs the loop until so many requests wait in the replica. */
void fixture_await_requests(struct client_fixture *f, uint32_t count);
/* Runs the loop until there are so many clients. */
void fixture_await_clients(struct client_fixture *f, uint64_t count);

/* Executes and answers request `i`; those after it move up. Outside of turns, so call
 * fixture_flush() then. */
void fake_answer(struct client_fixture *f, uint32_t i);
void fake_answer_all(struct client_fixture *f);
/* One turn. */
void fixture_flush(struct client_fixture *f);
/* Limits the number of clients, also as CONFIG shows it. */
void fixture_limit_clients(struct client_fixture *f, uint32_t clients_max);
/* The only client. */
struct client *fixture_client(struct client_fixture *f);

#endif /* RAKIT_TESTS_CLIENT_FIXTURE_H */
