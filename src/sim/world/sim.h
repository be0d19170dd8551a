/* sim.h - a world in virtual time: machines with disks, processes on them, and a
 * network between them. Each process has a `struct io` of its own, behind which
 * this is the second backend of io/io.h; what runs on libuv runs here unchanged.
 *
 * Everything that happens is an event with an instant and a number, and every
 * choice comes from one seed: the same seed and the same calls give the same
 * history, told by sim_hash(). Nothing here looks at a clock or at an address.
 *
 * Machines are made once and live as long as the world; a process lives from
 * sim_boot() to sim_bury(). */
#ifndef RAKIT_SIM_WORLD_SIM_H
#define RAKIT_SIM_WORLD_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/prng.h"
#include "io/io.h"

enum {
    SIM_MACHINES_MAX = 32,
    SIM_SECTOR_BYTES = 512,
};

#define SIM_US 1000ull
#define SIM_MS 1000000ull
#define SIM_S  1000000000ull

struct sim;
struct sim_machine;

/* --- the world --------------------------------------------------------------- */

struct sim *sim_new(uint64_t seed);
/* All processes must have been buried. */
void sim_free(struct sim *sim);

uint64_t sim_now_ns(const struct sim *sim);
/* The hash over everything that happened so far. */
uint64_t sim_hash(const struct sim *sim);
uint64_t sim_event_count(const struct sim *sim);
/* A generator of its own for each user, so that one's draws do not move another's. */
struct prng sim_fork_prng(struct sim *sim);

/* Does the next thing, unless it lies beyond `until_ns`: then moves the time there
 * and returns false. */
bool sim_step(struct sim *sim, uint64_t until_ns);
void sim_run_until(struct sim *sim, uint64_t until_ns);

/* Something the host of the world wants done at an instant. The owner keeps it
 * still until it ran or was cancelled. Zero it first. */
struct sim_event {
    void (*run)(struct sim_event *event);
    uint32_t slot; /* The queue's: its place plus one; 0: not in it. */
};

void sim_event_start(struct sim *sim, struct sim_event *event, uint64_t at_ns);
void sim_event_stop(struct sim *sim, struct sim_event *event); /* Harmless when idle. */

/* --- telling ------------------------------------------------------------------ */

/* Where to print each event; NULL (at first): nowhere. */
void sim_trace_to(struct sim *sim, FILE *file);
bool sim_is_tracing(const struct sim *sim);
/* One line of the trace; `who` is a machine's name or a word. */
void sim_trace(struct sim *sim, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Makes `value` part of the hash. */
void sim_note(struct sim *sim, uint64_t value);

/* --- machines and processes ----------------------------------------------------- */

/* The name is its host name in addresses, at first. */
struct sim_machine *sim_machine_new(struct sim *sim, const char *name);
const char *sim_machine_name(const struct sim_machine *machine);
/* From now on others find it by that host name (its name at first), which no other machine
 * has. Connections that exist stay. */
void sim_machine_set_host(struct sim_machine *machine, const char *host);
/* Whether hosts that no machine has are silent, as addresses of machines without power are,
 * or known not to exist (at first). */
void sim_set_dark(struct sim *sim, bool is_dark);
/* Offset of its wall clock, and how much faster its clocks run (parts in a million). */
void sim_machine_set_clock(struct sim_machine *machine, int64_t wall_offset_ns, int64_t drift_ppm);
int64_t sim_machine_drift_ppm(const struct sim_machine *machine);

enum sim_death {
    SIM_EXITED, /* Ended by itself; jobs were waited for. */
    SIM_KILLED, /* kill -9: sockets are closed by the system, the page cache survives. */
    SIM_POWER,  /* The plug: unsynced data may be lost, the peers hear nothing. */
};

/* Starts a process on a machine that has none. */
struct io *sim_boot(struct sim_machine *machine);
/* The process dies now. Jobs under way do some of their file operations, or none.
 * From here on nothing is called back, and what the owner of the process still
 * calls while it frees itself has no effect. */
void sim_die(struct io *io, enum sim_death death);
/* Frees what is left of a dead process. */
void sim_bury(struct io *io);
struct io *sim_process(const struct sim_machine *machine); /* NULL: none. */

/* What the process does now takes so long, on top of what each callback takes: what comes
 * next has to wait. */
void sim_spend(struct io *io, uint64_t ns);

/* The process gets no processor until then: SIGSTOP, a frozen virtual machine. */
void sim_freeze(struct sim_machine *machine, uint64_t until_ns);
void sim_thaw(struct sim_machine *machine); /* Ends that early. */

/* --- the network ---------------------------------------------------------------- */

struct sim_network {
    uint64_t delay_min_ns; /* One way. Most are near the minimum. */
    uint64_t delay_max_ns;
    uint32_t loss_ppm;     /* Chance of a segment being lost: it comes a timeout later. */
    uint32_t split_ppm;    /* Chance of a write being cut in pieces at random places. */
    uint32_t short_ppm;    /* Chance of a write being taken only in part at first. */
    uint32_t window_bytes; /* Sent and not yet read by the other end, at most. */
    uint32_t corrupt_ppm;  /* Chance of a flipped bit, on ports from SIM_PEER_PORTS on. */
    uint64_t break_min_ns; /* How long a connection lasts while its path is blocked. */
    uint64_t break_max_ns;
    bool is_public; /* Only streams within a machine count as local; else all do. */
};

enum { SIM_PEER_PORTS = 10000 }; /* Clients' streams have no checksum of their own. */

void sim_set_network(struct sim *sim, const struct sim_network *network);
const struct sim_network *sim_get_network(const struct sim *sim);
/* The stream's own port, as the other end's io_stream_peer() has it. */
uint16_t sim_stream_port(const struct io_stream *stream);
/* Lets nothing pass from `from` to `to` (one way), or lets it pass again. */
void sim_block(struct sim_machine *from, struct sim_machine *to, bool is_blocked);
bool sim_is_blocked(const struct sim_machine *from, const struct sim_machine *to);
/* More delay one way, on top of the network's. */
void sim_slow(struct sim_machine *from, struct sim_machine *to, uint64_t extra_ns);
/* So many bytes a second for each connection, one way; 0: no limit. */
void sim_narrow(struct sim_machine *from, struct sim_machine *to, uint64_t bytes_per_s);
/* Resets each connection between the two with this chance. Returns how many. */
uint32_t sim_reset(struct sim_machine *a, struct sim_machine *b, uint32_t chance_ppm);

/* --- disks ------------------------------------------------------------------------ */

struct sim_disk_profile {
    uint64_t latency_min_ns; /* Of a job on a worker. */
    uint64_t latency_max_ns;
    uint64_t capacity_bytes; /* Of all files together; beyond it: -ENOSPC. */
    uint32_t sync_error_ppm; /* Chance of a sync to fail: what was unsynced may be lost. */
};

void sim_set_disk(struct sim_machine *machine, const struct sim_disk_profile *profile);
void sim_stall_disk(struct sim_machine *machine, uint64_t until_ns);
/* A disk that lies says that a sync is done and leaves it to later: to the next sync
 * after it has become honest. Until then power loss takes back what was "synced". */
void sim_set_lying(struct sim_machine *machine, bool is_lying);
/* The next write of whole sectors lands in another place of another file. The system's
 * cache knows nothing of it: it shows when power was lost. */
void sim_misdirect_next_write(struct sim_machine *machine, bool is_wanted);
/* Whether losing power now would show that the disk has broken a promise. */
bool sim_disk_has_lied(const struct sim_machine *machine);
/* All promises are kept after all. */
void sim_disk_come_clean(struct sim_machine *machine);
uint64_t sim_disk_bytes(const struct sim_machine *machine);
/* All files gone: a new disk. Only without a process. */
void sim_wipe_disk(struct sim_machine *machine);

/* The process's file operations (those that change something) counted so far, and
 * how many more are let through before all fail with -EIO: a crash point. */
uint64_t sim_file_operations(const struct io *io);
void sim_limit_file_operations(struct io *io, uint64_t count);
/* Gives each unsynced sector and name its fate, as the loss of power does. With
 * `keep` 0 nothing unsynced survives, with 1000 all of it. */
void sim_disk_lose_power(struct sim_machine *machine, uint32_t keep_permille);

/* A place on a disk where something rots. */
struct sim_rot {
    char path[64]; /* Empty: the disk has no file with anything in it. */
    uint64_t offset;
    uint8_t mask; /* The bit. */
};

enum sim_rot_kind {
    SIM_ROT_BIT,        /* Flipped. */
    SIM_ROT_ZEROS,      /* The whole sector is zero, */
    SIM_ROT_GARBAGE,    /* or anything, */
    SIM_ROT_UNREADABLE, /* or an error (-EIO), until somebody writes there. */
};

/* Flips a bit of a file, at rest; flipping it again mends it. Only without a process. */
void sim_rot_draw(struct sim_machine *machine, struct sim_rot *ret_rot);
void sim_rot_flip(struct sim_machine *machine, const struct sim_rot *rot);
/* A place in a sector that is not all zeros, which most of a log's segments are. */
void sim_rot_draw_used(struct sim_machine *machine, struct prng *prng, struct sim_rot *ret_rot);
/* Without a process, except for SIM_ROT_UNREADABLE: what it reads comes from its cache. */
void sim_rot_strike(struct sim_machine *machine, struct prng *prng, const struct sim_rot *rot,
                    enum sim_rot_kind kind);

#endif /* RAKIT_SIM_WORLD_SIM_H */
