/* fixture.h - one loop per test, and what its tests share: waiting for a condition, and streams
 * that record their callbacks.
 *
 * Every call into io.h goes through a helper here, or is between call_begin() and call_end();
 * each callback checks that no call is in progress. */
#ifndef RAKIT_TESTS_IO_FIXTURE_H
#define RAKIT_TESTS_IO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/memory.h"
#include "io/io_uv.h"

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

enum { MS_NS = 1000 * 1000 };

struct fixture {
    struct io *io;
    const bool *awaited;
    int turn_count;
    bool is_calling;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Sets the turn of f->io to the fixture's (setup has done so). */
void fixture_take_turn(struct fixture *f);

/* Runs the loop until `condition` is true in a turn. An alarm ends a test in which that never
 * happens. */
void await(struct fixture *f, const bool *condition);
/* Runs the loop for that time. */
void run_for(struct fixture *f, uint64_t span_ns);

void call_begin(struct fixture *f);
void call_end(struct fixture *f);
/* Must be called first in each callback. */
void assert_from_loop(const struct fixture *f);

/* --- a stream with a memory ------------------------------------------------ */

struct peer {
    struct io_stream stream;
    struct fixture *f;
    struct buffer received;
    size_t room_size; /* The most that room() offers. */
    size_t pause_at;  /* room() offers nothing while this much is stored. */
    int room_count;
    int received_count;
    int sent_count;
    int sent_status;
    int64_t end; /* How it ended: 0 or an error. */
    bool has_ended;
    bool has_sent;
    bool has_data;
    bool is_paused;
    bool is_closed;
    bool closes_in_room;
    bool closes_on_data;
};

void peer_init(struct peer *p, struct fixture *f);
/* Closes it if it is open, and waits until it is closed. */
void peer_deinit(struct peer *p);
int peer_write(struct peer *p, const void *data, size_t size);
void peer_shut(struct peer *p);
void peer_close(struct peer *p);
void peer_resume(struct peer *p);
/* Waits until it has at least `size` bytes. */
void peer_await_bytes(struct peer *p, size_t size);

/* --- a listener that takes into a peer ------------------------------------- */

struct door {
    struct io_listener listener;
    struct fixture *f;
    struct peer *next; /* Accepts the next connection; NULL: refuse it. */
    uint16_t port;
    int accepted_count;
    bool has_accepted;
    bool is_closed;
};

/* Listens on 127.0.0.1, any port. */
void door_open(struct door *d, struct fixture *f);
void door_close(struct door *d);

struct io_address address_of(const char *host, uint16_t port);

/* Connects a plain blocking socket to the door. */
int raw_connect(const struct door *d);
/* Connects a raw socket, and lets `p` accept it. */
int raw_pair(struct door *d, struct peer *p);

#endif /* RAKIT_TESTS_IO_FIXTURE_H */
