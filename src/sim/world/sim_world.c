/* sim_world.c - virtual time, the queue of events, processes and their loops; and of io.h: time,
 * randomness, timers and the turn.
 *
 * A process's callbacks never run while it is busy (each turn costs it a little processor time)
 * or frozen: they collect and run as one batch, as behind a real loop. Events of the operating
 * system (such as an arriving segment) need no process. */
#include "sim/world/sim_world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

struct sim_timer {
    struct io *io;
    struct io_timer *timer;
    struct sim_event event;
    struct sim_task task;
    struct list link;
};

/* --- the queue of events -------------------------------------------------------- */

static bool slot_before(const struct sim_slot *a, const struct sim_slot *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void slot_put(struct sim *sim, uint32_t place, struct sim_slot slot)
{
    sim->slots[place] = slot;
    slot.event->slot = place + 1;
}

static void slot_rise(struct sim *sim, uint32_t place, struct sim_slot slot)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;

        if (!slot_before(&slot, &sim->slots[parent])) {
            break;
        }
        slot_put(sim, place, sim->slots[parent]);
        place = parent;
    }
    slot_put(sim, place, slot);
}

static void slot_sink(struct sim *sim, uint32_t place, struct sim_slot slot)
{
    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child >= sim->slot_count) {
            break;
        }
        if (child + 1 < sim->slot_count &&
            slot_before(&sim->slots[child + 1], &sim->slots[child])) {
            child++;
        }
        if (!slot_before(&sim->slots[child], &slot)) {
            break;
        }
        slot_put(sim, place, sim->slots[child]);
        place = child;
    }
    slot_put(sim, place, slot);
}

void sim_event_start(struct sim *sim, struct sim_event *event, uint64_t at_ns)
{
    CHECK(event->run != NULL);
    sim_event_stop(sim, event);
    if (sim->slot_count == sim->slot_capacity) {
        sim->slot_capacity = sim->slot_capacity == 0 ? 256 : 2 * sim->slot_capacity;
        sim->slots = memory_resize(sim->slots, sim->slot_capacity * sizeof *sim->slots);
    }
    struct sim_slot slot = {.at_ns = at_ns < sim->now_ns ? sim->now_ns : at_ns,
                            .sequence = sim->next_sequence++,
                            .event = event};

    slot_rise(sim, sim->slot_count++, slot);
}

void sim_event_stop(struct sim *sim, struct sim_event *event)
{
    if (event->slot == 0) {
        return;
    }
    uint32_t place = event->slot - 1;

    CHECK(place < sim->slot_count);
    CHECK(sim->slots[place].event == event);
    event->slot = 0;
    struct sim_slot last = sim->slots[--sim->slot_count];

    if (place == sim->slot_count) {
        return;
    }
    if (place > 0 && slot_before(&last, &sim->slots[(place - 1) / 2])) {
        slot_rise(sim, place, last);
    } else {
        slot_sink(sim, place, last);
    }
}

/* --- the world --------------------------------------------------------------------- */

struct sim *sim_new(uint64_t seed)
{
    struct sim *sim = memory_take_zeroed(1, sizeof *sim);

    sim->prng.state = seed * 0x2545f4914f6cdd1du + 0x51a1;
    sim->hash = seed;
    list_init(&sim->runnable);
    list_init(&sim->connections);
    sim->net_prng = sim_fork_prng(sim);
    sim->disk_prng = sim_fork_prng(sim);
    sim->loop_prng = sim_fork_prng(sim);
    sim->network = (struct sim_network){.delay_min_ns = 50 * SIM_US,
                                        .delay_max_ns = 500 * SIM_US,
                                        .split_ppm = 50000,
                                        .short_ppm = 20000,
                                        .window_bytes = 256 * 1024,
                                        .break_min_ns = 2 * SIM_S,
                                        .break_max_ns = 20 * SIM_S};
    return sim;
}

void sim_free(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->machine_count; i++) {
        CHECK(sim->machines[i]->process == NULL);
    }
    sim_net_free(sim);
    for (uint32_t i = 0; i < sim->machine_count; i++) {
        sim_disk_free(sim->machines[i]->disk);
        free(sim->machines[i]->name);
        free(sim->machines[i]->host);
        free(sim->machines[i]);
    }
    free(sim->slots);
    free(sim);
}

uint64_t sim_now_ns(const struct sim *sim)
{
    return sim->now_ns;
}

uint64_t sim_hash(const struct sim *sim)
{
    return sim->hash;
}

uint64_t sim_event_count(const struct sim *sim)
{
    return sim->event_count;
}

struct prng sim_fork_prng(struct sim *sim)
{
    return (struct prng){.state = prng_next(&sim->prng)};
}

void sim_note(struct sim *sim, uint64_t value)
{
    uint64_t h = (sim->hash ^ value) * 0x9fb21c651e98df25u;

    sim->hash = h ^ (h >> 29);
}

void sim_trace_to(struct sim *sim, FILE *file)
{
    sim->trace = file;
}

bool sim_is_tracing(const struct sim *sim)
{
    return sim->trace != NULL;
}

void sim_trace(struct sim *sim, const char *who, const char *format, ...)
{
    if (sim->trace == NULL) {
        return;
    }
    va_list arguments;

    fprintf(sim->trace, "%12.6f %-4s ", (double)sim->now_ns / 1e9, who);
    va_start(arguments, format);
    vfprintf(sim->trace, format, arguments);
    va_end(arguments);
    fputc('\n', sim->trace);
}

/* --- loops of processes -------------------------------------------------------------- */

void sim_task_init(struct sim_task *task, void (*run)(struct sim_task *task))
{
    list_init(&task->link);
    task->run = run;
}

static void process_schedule(struct io *io)
{
    struct sim *sim = io->sim;

    if (io->busy_until_ns > sim->now_ns) {
        if (io->wake.slot == 0) {
            sim_event_start(sim, &io->wake, io->busy_until_ns);
        }
    } else if (list_is_empty(&io->runnable)) {
        list_append(&sim->runnable, &io->runnable);
    }
}

void sim_post(struct io *io, struct sim_task *task)
{
    CHECK(!io->is_dead);
    if (!list_is_empty(&task->link)) {
        return;
    }
    list_append(&io->ready, &task->link);
    process_schedule(io);
}

void sim_unpost(struct sim_task *task)
{
    list_remove(&task->link);
}

static void process_wake(struct sim_event *event)
{
    struct io *io = container_of(event, struct io, wake);

    if (!list_is_empty(&io->ready)) {
        process_schedule(io);
    }
}

static void timer_run(struct sim_task *task);

static uint64_t run_batch(struct io *io)
{
    uint64_t count = 0;

    while (!list_is_empty(&io->batch)) {
        struct sim_task *task = container_of(list_first(&io->batch), struct sim_task, link);

        list_remove(&task->link);
        task->run(task);
        count++;
    }
    if (io->turn != NULL) {
        io->turn(io->turn_context);
    }
    return count;
}

/* After a pause, a process runs its due timers before it looks for other events. */
static uint64_t run_timers_first(struct io *io)
{
    list_for_each(link, &io->ready)
    {
        if (container_of(link, struct sim_task, link)->run == timer_run) {
            list_remove(link);
            list_append(&io->batch, link);
        }
    }
    io->was_frozen = false;
    return list_is_empty(&io->batch) ? 0 : run_batch(io);
}

/* It is about to wait. */
static void repeat_turn(struct io *io)
{
    struct sim *sim = io->sim;
    uint64_t acts = io->act_count;

    if (sim->moved == NULL || io->turn == NULL || io->is_dead || !list_is_empty(&io->ready)) {
        return;
    }
    io->turn(io->turn_context);
    if (io->act_count != acts || !list_is_empty(&io->ready)) {
        sim->moved(sim->moved_context, io->machine);
    }
}

/* One round of a process's loop: the waiting callbacks, then its turn. */
static void process_run(struct io *io)
{
    struct sim *sim = io->sim;
    uint64_t count = io->was_frozen ? run_timers_first(io) : 0;

    if (count == 0 || !list_is_empty(&io->ready)) {
        while (!list_is_empty(&io->ready)) {
            struct list *link = list_first(&io->ready);

            list_remove(link);
            list_append(&io->batch, link);
        }
        count += run_batch(io);
    }
    repeat_turn(io);
    sim_note(sim, sim->now_ns ^ ((uint64_t)io->machine->number << 56) ^ (count << 48));
    io->busy_until_ns =
        sim->now_ns + prng_between(&sim->loop_prng, 2000, 10000) + 500 * count + io->spent_ns;
    io->spent_ns = 0;
    if (!list_is_empty(&io->ready)) {
        process_schedule(io);
    }
}

bool sim_step(struct sim *sim, uint64_t until_ns)
{
    if (!list_is_empty(&sim->runnable)) {
        struct io *io = container_of(list_first(&sim->runnable), struct io, runnable);

        list_remove(&io->runnable);
        process_run(io);
        sim->event_count++;
        return true;
    }
    if (sim->slot_count == 0 || sim->slots[0].at_ns > until_ns) {
        sim->now_ns = sim->now_ns > until_ns ? sim->now_ns : until_ns;
        return false;
    }
    struct sim_event *event = sim->slots[0].event;

    sim->now_ns = sim->slots[0].at_ns;
    sim_event_stop(sim, event);
    sim->event_count++;
    event->run(event);
    return true;
}

void sim_run_until(struct sim *sim, uint64_t until_ns)
{
    while (sim_step(sim, until_ns)) {
    }
}

static void soon_run(struct sim_task *task)
{
}

/* --- machines and processes ------------------------------------------------------------ */

struct sim_machine *sim_machine_new(struct sim *sim, const char *name)
{
    CHECK(sim->machine_count < SIM_MACHINES_MAX);
    struct sim_machine *machine = memory_take_zeroed(1, sizeof *machine);

    machine->sim = sim;
    machine->name = memory_copy(name, strlen(name) + 1);
    machine->host = memory_copy(name, strlen(name) + 1);
    machine->number = sim->machine_count;
    machine->next_port = 40000;
    machine->disk = sim_disk_new();
    list_init(&machine->listeners);
    sim->machines[sim->machine_count++] = machine;
    return machine;
}

void sim_machine_set_host(struct sim_machine *machine, const char *host)
{
    free(machine->host);
    machine->host = memory_copy(host, strlen(host) + 1);
}

void sim_set_dark(struct sim *sim, bool is_dark)
{
    sim->is_dark = is_dark;
    if (is_dark && sim->nowhere == NULL) {
        sim->nowhere = sim_machine_new(sim, "nowhere");
        sim->nowhere->is_off = true;
    }
}

const char *sim_machine_name(const struct sim_machine *machine)
{
    return machine->name;
}

void sim_machine_set_clock(struct sim_machine *machine, int64_t wall_offset_ns, int64_t drift_ppm)
{
    CHECK(machine->process == NULL || machine->drift_ppm == drift_ppm);
    machine->wall_offset_ns = wall_offset_ns;
    machine->drift_ppm = drift_ppm;
}

int64_t sim_machine_drift_ppm(const struct sim_machine *machine)
{
    return machine->drift_ppm;
}

struct io *sim_boot(struct sim_machine *machine)
{
    CHECK(machine->process == NULL);
    struct sim *sim = machine->sim;
    struct io *io = memory_take_zeroed(1, sizeof *io);

    io->sim = sim;
    io->machine = machine;
    io->prng = sim_fork_prng(sim);
    io->wake.run = process_wake;
    io->file_limit = UINT64_MAX;
    list_init(&io->runnable);
    list_init(&io->ready);
    list_init(&io->batch);
    sim_task_init(&io->soon, soon_run);
    list_init(&io->timers);
    list_init(&io->ends);
    list_init(&io->listeners);
    list_init(&io->connects);
    list_init(&io->workers);
    list_init(&io->files);
    machine->process = io;
    sim_net_boot(machine);
    sim_trace(sim, machine->name, "boots");
    sim_note(sim, 0xb007 + machine->number);
    return io;
}

void sim_die(struct io *io, enum sim_death death)
{
    static const char *const words[] = {"exits", "is killed", "loses power"};

    CHECK(!io->is_dead);
    sim_trace(io->sim, io->machine->name, "%s", words[death]);
    sim_note(io->sim, 0xdead + (uint64_t)death);
    sim_work_die(io);
    sim_net_die(io, death);
    io->is_dead = true;
    list_for_each(link, &io->timers)
    {
        sim_event_stop(io->sim, &container_of(link, struct sim_timer, link)->event);
    }
    list_remove(&io->runnable);
    sim_event_stop(io->sim, &io->wake);
    if (death == SIM_POWER) {
        struct prng *prng = &io->sim->disk_prng;
        static const uint32_t keeps[] = {0, 1000, 500, 900, 100};

        sim_disk_lose_power(io->machine, keeps[prng_below(prng, 5)]);
    }
}

void sim_bury(struct io *io)
{
    CHECK(io->is_dead);
    sim_bury_timers(io);
    sim_work_bury(io);
    sim_net_bury(io);
    sim_disk_bury(io);
    io->machine->process = NULL;
    free(io);
}

void sim_spend(struct io *io, uint64_t ns)
{
    io->spent_ns += ns;
}

void sim_repeat_turns(struct sim *sim,
                      void (*moved)(void *context, const struct sim_machine *machine),
                      void *context)
{
    sim->moved = moved;
    sim->moved_context = context;
}

void sim_act(struct io *io)
{
    io->act_count++;
}

struct io *sim_process(const struct sim_machine *machine)
{
    return machine->process;
}

void sim_thaw(struct sim_machine *machine)
{
    struct io *io = machine->process;

    if (io != NULL && io->busy_until_ns > machine->sim->now_ns) {
        io->busy_until_ns = machine->sim->now_ns;
        sim_event_start(machine->sim, &io->wake, machine->sim->now_ns);
    }
}

void sim_freeze(struct sim_machine *machine, uint64_t until_ns)
{
    struct io *io = machine->process;

    if (io == NULL || io->busy_until_ns >= until_ns) {
        return;
    }
    sim_trace(machine->sim, machine->name, "freezes until %.6f", (double)until_ns / 1e9);
    io->busy_until_ns = until_ns;
    io->was_frozen = true;
    list_remove(&io->runnable);
    sim_event_stop(io->sim, &io->wake);
    if (!list_is_empty(&io->ready)) {
        process_schedule(io);
    }
}

/* --- io.h: time and chance ---------------------------------------------------------------- */

static uint64_t local_ns(const struct io *io, uint64_t world_ns)
{
    return world_ns + (uint64_t)((int64_t)world_ns * io->machine->drift_ppm / 1000000);
}

uint64_t io_now_ns(struct io *io)
{
    /* Clocks do not start at 0. */
    return SIM_S + local_ns(io, io->sim->now_ns);
}

uint64_t io_spent_ns(struct io *io)
{
    return io->spent_ns;
}

uint64_t io_wall_ns(struct io *io)
{
    const uint64_t epoch_ns = 1700000000ull * SIM_S;

    return epoch_ns + (uint64_t)io->machine->wall_offset_ns + local_ns(io, io->sim->now_ns);
}

void io_random(struct io *io, void *bytes, size_t size)
{
    char *to = bytes;

    while (size > 0) {
        uint64_t number = prng_next(&io->prng);
        size_t part = size < sizeof number ? size : sizeof number;

        memcpy(to, &number, part);
        to += part;
        size -= part;
    }
}

/* --- io.h: timers and the turn --------------------------------------------------------------- */

static void timer_due(struct sim_event *event)
{
    struct sim_timer *t = container_of(event, struct sim_timer, event);

    sim_post(t->io, &t->task);
}

static void timer_run(struct sim_task *task)
{
    struct sim_timer *t = container_of(task, struct sim_timer, task);

    t->timer->fired(t->timer);
}

void io_timer_start(struct io *io, struct io_timer *timer, uint64_t at_ns)
{
    struct sim_timer *t = timer->backend;

    if (io->is_dead) {
        return;
    }
    if (t == NULL) {
        t = memory_take_zeroed(1, sizeof *t);
        t->io = io;
        t->timer = timer;
        t->event.run = timer_due;
        sim_task_init(&t->task, timer_run);
        list_init(&t->link);
        list_append(&io->timers, &t->link);
        timer->backend = t;
    }
    sim_unpost(&t->task);
    /* Converts from the process's clock to the world's. */
    uint64_t local = at_ns > SIM_S ? at_ns - SIM_S : 0;
    uint64_t rate = (uint64_t)(1000000 + io->machine->drift_ppm);
    uint64_t world = local / rate * 1000000 + local % rate * 1000000 / rate;

    while (local_ns(io, world) < local) {
        world++;
    }
    sim_event_start(io->sim, &t->event, world);
}

void io_timer_stop(struct io *io, struct io_timer *timer)
{
    struct sim_timer *t = timer->backend;

    if (t == NULL) {
        return;
    }
    sim_event_stop(io->sim, &t->event);
    sim_unpost(&t->task);
    list_remove(&t->link);
    free(t);
    timer->backend = NULL;
}

void sim_bury_timers(struct io *io)
{
    while (!list_is_empty(&io->timers)) {
        struct sim_timer *t = container_of(list_first(&io->timers), struct sim_timer, link);

        sim_event_stop(io->sim, &t->event);
        list_remove(&t->link);
        free(t);
    }
}

void io_turn_soon(struct io *io)
{
    if (!io->is_dead) {
        sim_post(io, &io->soon);
    }
}

void io_set_turn(struct io *io, void (*turn)(void *context), void *context)
{
    io->turn = turn;
    io->turn_context = context;
}
