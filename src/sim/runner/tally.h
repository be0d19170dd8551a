/* tally.h - the totals of many runs: as text for people, and as JSON for programs. */
#ifndef RAKIT_SIM_RUNNER_TALLY_H
#define RAKIT_SIM_RUNNER_TALLY_H

#include <stdint.h>
#include <stdio.h>

#include "sim/cluster/cluster.h"

/* Only numbers: tally_sum() adds them one by one. */
struct tally {
    uint64_t run_count;
    uint64_t event_count;
    uint64_t simulated_ns;
    uint64_t judged_count;           /* Runs whose histories lincheck judged, too. */
    uint64_t judged_operation_count; /* Operations in those runs. */
    uint64_t judged_open_count;
    uint64_t judging_step_count; /* Of lincheck's search. */
    uint64_t hash;               /* Over all runs, independent of their order. */
    uint64_t faults[FAULT_COUNT];
    uint64_t sometimes[SOMETIMES_COUNT];
    struct cluster_stats cluster;
    struct checker_stats checker;
    struct witness_stats witness;
};

void tally_add(struct tally *t, const struct cluster *c);
void tally_sum(struct tally *to, const struct tally *from);

/* Simulated seconds per second of processor time; `cpu_s` is that of all runs. */
double tally_speed(const struct tally *t, double cpu_s);
/* On one line, and in full. */
void tally_print_short(const struct tally *t, double took_s, double cpu_s, FILE *file);
void tally_print(const struct tally *t, double took_s, double cpu_s, FILE *file);
/* Members of a JSON object, without its braces. */
void tally_write_json(const struct tally *t, FILE *file);

#endif /* RAKIT_SIM_RUNNER_TALLY_H */
