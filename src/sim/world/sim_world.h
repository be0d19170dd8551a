/* sim_world.h - what the files of the simulated world share. The world has one queue of events.
 * Each process has a list of callbacks that wait for its loop, which runs them in batches, each
 * followed by a turn. */
#ifndef RAKIT_SIM_WORLD_SIM_WORLD_H
#define RAKIT_SIM_WORLD_SIM_WORLD_H

#include "base/buffer.h"
#include "base/list.h"
#include "sim/world/sim.h"

struct sim_slot {
    uint64_t at_ns;
    uint64_t sequence; /* Breaks ties: first come, first served. */
    struct sim_event *event;
};

struct sim {
    uint64_t now_ns;
    uint64_t hash;
    uint64_t event_count;
    uint64_t next_sequence;
    struct sim_slot *slots; /* A binary heap. */
    uint32_t slot_count;
    uint32_t slot_capacity;
    struct list runnable; /* Processes whose loop has something to do now. */
    struct prng prng;     /* Only makes other generators. */
    struct prng net_prng;
    struct prng disk_prng;
    struct prng loop_prng;
    void (*moved)(void *context, const struct sim_machine *machine); /* See sim_repeat_turns(). */
    void *moved_context;
    FILE *trace;

    struct sim_machine *machines[SIM_MACHINES_MAX];
    uint32_t machine_count;
    uint32_t boot_count;

    struct sim_network network;
    struct sim_machine *nowhere; /* A machine without power; NULL: not made yet. */
    bool is_dark;                /* Unknown hosts lead to `nowhere`. */
    struct list connections;
    uint64_t next_connection;
};

struct sim_machine {
    struct sim *sim;
    char *name;
    char *host;      /* The host name under which others find it. */
    uint32_t number; /* From 0. */
    struct io *process;
    bool is_off; /* It has lost power and not booted again. */
    int64_t wall_offset_ns;
    int64_t drift_ppm;
    bool blocked_to[SIM_MACHINES_MAX];
    uint64_t extra_ns_to[SIM_MACHINES_MAX];
    uint64_t bytes_per_s_to[SIM_MACHINES_MAX]; /* 0: no limit. */
    struct list listeners;
    uint16_t next_port;
    struct sim_disk *disk;
};

/* A callback that waits for the loop of its process. */
struct sim_task {
    struct list link;
    void (*run)(struct sim_task *task);
};

struct io {
    struct sim *sim;
    struct sim_machine *machine;
    bool is_dead;
    struct list runnable;  /* In the world's list. */
    struct list ready;     /* Tasks. */
    struct list batch;     /* Tasks of the batch that is running. */
    struct sim_event wake; /* When it gets processor time again. */
    uint64_t busy_until_ns;
    bool was_frozen;    /* Since the last round of its loop. */
    uint64_t act_count; /* See sim_act(). */
    uint64_t spent_ns;  /* Time that the running batch has taken so far, by sim_spend(). */
    void (*turn)(void *context);
    void *turn_context;
    struct sim_task soon; /* Queued while a turn was asked for. */
    struct prng prng;
    struct list timers;
    struct list ends;
    struct list listeners;
    struct list connects;
    struct list workers;
    struct list files;
    uint64_t file_operations;
    uint64_t file_limit; /* For file_operations. */
};

/* sim_world.c */
void sim_task_init(struct sim_task *task, void (*run)(struct sim_task *task));
/* Queues a callback for the loop; does nothing if it is queued already. */
void sim_post(struct io *io, struct sim_task *task);
void sim_unpost(struct sim_task *task);
void sim_bury_timers(struct io *io);

/* sim_net.c, sim_stream.c */
void sim_net_die(struct io *io, enum sim_death death);
void sim_net_bury(struct io *io);
/* The machine has an operating system again, which answers what is left of old connections with
 * resets. */
void sim_net_boot(struct sim_machine *machine);
void sim_net_free(struct sim *sim);

/* sim_disk.c */
struct sim_disk *sim_disk_new(void);
void sim_disk_free(struct sim_disk *disk);
void sim_disk_bury(struct io *io);
uint64_t sim_disk_latency_ns(struct sim_machine *machine);

/* sim_work.c */
void sim_work_die(struct io *io);
void sim_work_bury(struct io *io);

#endif /* RAKIT_SIM_WORLD_SIM_WORLD_H */
