/* sim.h - a world in virtual time: machines with disks, processes on them, and a network between
 * them. Each process has its own `struct io`, implemented by this second backend of io/io.h;
 * code that runs on libuv runs here unchanged.
 *
 * Everything that happens is an event with a time and a number, and every random choice comes
 * from one seed: the same seed and the same calls give the same history, which sim_hash()
 * identifies. Nothing here depends on a real clock or on memory addresses.
 *
 * Machines live as long as the world; a process lives from sim_boot() to sim_bury(). */
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
/* A separate generator for each user of it, so that the draws of one do not change those of
 * another. */
struct prng sim_fork_prng(struct sim *sim);

/* Runs the next event. If that is later than `until_ns`, advances the time to `until_ns` and
 * returns false. */
bool sim_step(struct sim *sim, uint64_t until_ns);
void sim_run_until(struct sim *sim, uint64_t until_ns);

/* A call that the host of the world wants at a certain time. It must not move until it ran or
 * was cancelled. Zero it first. */
struct sim_event {
    void (*run)(struct sim_event *event);
    uint32_t slot; /* For the queue: its position plus one; 0: not queued. */
};

void sim_event_start(struct sim *sim, struct sim_event *event, uint64_t at_ns);
/* Does nothing if it is not started. */
void sim_event_stop(struct sim *sim, struct sim_event *event);

/* --- telling ------------------------------------------------------------------ */

/* Prints each event to the file; NULL (the default): nowhere. */
void sim_trace_to(struct sim *sim, FILE *file);
bool sim_is_tracing(const struct sim *sim);
/* One line of the trace; `who` is a machine's name or another word. */
void sim_trace(struct sim *sim, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds `value` to the hash. */
void sim_note(struct sim *sim, uint64_t value);

/* --- machines and processes ----------------------------------------------------- */

/* At first the name is also its host name in addresses. */
struct sim_machine *sim_machine_new(struct sim *sim, const char *name);
const char *sim_machine_name(const struct sim_machine *machine);
/* From now on others find it under that host name, which no other machine may have. Existing
 * connections stay. */
void sim_machine_set_host(struct sim_machine *machine, const char *host);
/* Whether unknown hosts are silent, like addresses of machines without power, or known not to
 * exist (the default). */
void sim_set_dark(struct sim *sim, bool is_dark);
/* The offset of its wall clock, and how much faster its clocks run (in ppm). */
void sim_machine_set_clock(struct sim_machine *machine, int64_t wall_offset_ns, int64_t drift_ppm);
int64_t sim_machine_drift_ppm(const struct sim_machine *machine);

enum sim_death {
    SIM_EXITED, /* It ended by itself; jobs were waited for. */
    SIM_KILLED, /* kill -9: the system closes sockets, and the page cache survives. */
    SIM_POWER,  /* Loss of power: unsynced data may be lost, and the peers hear nothing. */
};

/* Starts a process on a machine that has none. */
struct io *sim_boot(struct sim_machine *machine);
/* The process dies now. Jobs under way do some of their file operations, or none. Nothing is
 * called back any more, and calls that the owner still makes while it frees itself have no
 * effect. */
void sim_die(struct io *io, enum sim_death death);
/* Frees what is left of a dead process. */
void sim_bury(struct io *io);
struct io *sim_process(const struct sim_machine *machine); /* NULL: none. */

/* What the process is doing takes this time, besides the time of each callback; what follows has
 * to wait. */
void sim_spend(struct io *io, uint64_t ns);

/* From now on, each process that is about to wait runs its turn once more, at the same instant.
 * It should have done everything, or asked for another turn: if it does something now, `moved`
 * is called. */
void sim_repeat_turns(struct sim *sim,
                      void (*moved)(void *context, const struct sim_machine *machine),
                      void *context);
/* Notes that the process does something, for sim_repeat_turns(). Calls of io.h are noted anyway. */
void sim_act(struct io *io);

/* The process gets no processor time until then, as after SIGSTOP or in a frozen virtual
 * machine. */
void sim_freeze(struct sim_machine *machine, uint64_t until_ns);
void sim_thaw(struct sim_machine *machine); /* Ends that early. */

/* --- the network ---------------------------------------------------------------- */

struct sim_network {
    uint64_t delay_min_ns; /* One way. Most are near the minimum. */
    uint64_t delay_max_ns;
    uint32_t loss_ppm;     /* Chance that a segment is lost: it arrives a timeout later. */
    uint32_t split_ppm;    /* Chance that a write is split at random places. */
    uint32_t short_ppm;    /* Chance that a write is accepted only in part at first. */
    uint32_t window_bytes; /* Limit of bytes sent and not yet read by the other end. */
    uint32_t corrupt_ppm;  /* Chance of a flipped bit, on ports from SIM_PEER_PORTS on. */
    uint64_t break_min_ns; /* How long a connection lasts while its path is blocked. */
    uint64_t break_max_ns;
    bool is_public; /* Only streams within a machine count as local; otherwise all do. */
};

/* Clients' streams, on lower ports, have no checksum of their own. */
enum { SIM_PEER_PORTS = 10000 };

void sim_set_network(struct sim *sim, const struct sim_network *network);
const struct sim_network *sim_get_network(const struct sim *sim);
/* The stream's own port, as in the other end's io_stream_peer(). */
uint16_t sim_stream_port(const struct io_stream *stream);
/* Blocks all traffic from `from` to `to` (one way), or unblocks it. */
void sim_block(struct sim_machine *from, struct sim_machine *to, bool is_blocked);
bool sim_is_blocked(const struct sim_machine *from, const struct sim_machine *to);
/* Additional delay, one way. */
void sim_slow(struct sim_machine *from, struct sim_machine *to, uint64_t extra_ns);
/* A limit of bytes per second for each connection, one way; 0: no limit. */
void sim_narrow(struct sim_machine *from, struct sim_machine *to, uint64_t bytes_per_s);
/* Resets each connection between the two with this chance. Returns how many. */
uint32_t sim_reset(struct sim_machine *a, struct sim_machine *b, uint32_t chance_ppm);

/* --- disks ------------------------------------------------------------------------ */

struct sim_disk_profile {
    uint64_t latency_min_ns; /* Of a job on a worker. */
    uint64_t latency_max_ns;
    uint64_t capacity_bytes; /* Of all files together; beyond it: -ENOSPC. */
    uint32_t sync_error_ppm; /* Chance that a sync fails: unsynced data may be lost then. */
};

void sim_set_disk(struct sim_machine *machine, const struct sim_disk_profile *profile);
void sim_stall_disk(struct sim_machine *machine, uint64_t until_ns);
/* A lying disk reports a sync as done and postpones it, to the next sync after it became honest.
 * Until then a power loss takes back what was "synced". */
void sim_set_lying(struct sim_machine *machine, bool is_lying);
/* The next write of whole sectors goes to another place in another file. The page cache hides
 * that until power is lost. */
void sim_misdirect_next_write(struct sim_machine *machine, bool is_wanted);
/* Whether losing power now would show that the disk has lied. */
bool sim_disk_has_lied(const struct sim_machine *machine);
/* Everything that was reported as synced is synced. */
void sim_disk_come_clean(struct sim_machine *machine);
uint64_t sim_disk_bytes(const struct sim_machine *machine);
/* All files are gone, as with a new disk. Only without a process. */
void sim_wipe_disk(struct sim_machine *machine);

/* How many file operations (those that change something) the process has done, and how many more
 * succeed before all fail with -EIO: a crash point. */
uint64_t sim_file_operations(const struct io *io);
void sim_limit_file_operations(struct io *io, uint64_t count);
/* Decides for each unsynced sector and name whether it survives, as a power loss does. With
 * `keep` 0 nothing unsynced survives, with 1000 all of it. */
void sim_disk_lose_power(struct sim_machine *machine, uint32_t keep_permille);

/* A place on a disk at which damage occurs. */
struct sim_rot {
    char path[64]; /* Empty: no file on the disk has any content. */
    uint64_t offset;
    uint8_t mask; /* Mask of the bit. */
};

enum sim_rot_kind {
    SIM_ROT_BIT,        /* The bit is flipped. */
    SIM_ROT_ZEROS,      /* The whole sector becomes zero. */
    SIM_ROT_GARBAGE,    /* The whole sector becomes random. */
    SIM_ROT_UNREADABLE, /* Reading it fails (-EIO) until it is written again. */
};

/* Draws a place. Flipping a bit twice restores it. Only without a process. */
void sim_rot_draw(struct sim_machine *machine, struct sim_rot *ret_rot);
void sim_rot_flip(struct sim_machine *machine, const struct sim_rot *rot);
/* The same in a sector that is not all zeros; most sectors of a log's segments are. */
void sim_rot_draw_used(struct sim_machine *machine, struct prng *prng, struct sim_rot *ret_rot);
/* Damages the place. Only without a process, except SIM_ROT_UNREADABLE: a process reads from its
 * cache. */
void sim_rot_strike(struct sim_machine *machine, struct prng *prng, const struct sim_rot *rot,
                    enum sim_rot_kind kind);

#endif /* RAKIT_SIM_WORLD_SIM_H */
