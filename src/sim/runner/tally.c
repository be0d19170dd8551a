/* tally.c - see tally.h. */
#include "sim/runner/tally.h"

#include <inttypes.h>

_Static_assert(sizeof(struct tally) % sizeof(uint64_t) == 0, "a tally is numbers only");

void tally_sum(struct tally *to, const struct tally *from)
{
    uint64_t *a = (uint64_t *)to;
    const uint64_t *b = (const uint64_t *)from;

    for (size_t i = 0; i < sizeof *to / sizeof *a; i++) {
        a[i] += b[i];
    }
}

void tally_add(struct tally *t, const struct cluster *c)
{
    struct tally one = {
        .run_count = 1,
        .event_count = sim_event_count(c->sim),
        .simulated_ns = sim_now_ns(c->sim),
        .hash = (sim_hash(c->sim) ^ c->options.seed) * 0x9fb21c651e98df25u,
        .judged_count = c->recorded.operation_count > 0,
        .judged_operation_count = c->recorded.operation_count,
        .judged_open_count = c->recorded.open_count,
        .judging_step_count = c->recorded.step_count,
        .cluster = c->stats,
    };

    checker_get_stats(c->checker, &one.checker);
    witness_get_stats(c->witness, &one.witness);
    for (int i = 0; i < FAULT_COUNT; i++) {
        one.faults[i] = c->faults.counts[i];
    }
    for (int i = 0; i < SOMETIMES_COUNT; i++) {
        one.sometimes[i] = c->sometimes.counts[i];
    }
    one.sometimes[SOMETIMES_WRITE_LOST] = one.checker.lost_write_count;
    one.sometimes[SOMETIMES_RECOVERY_CRASH] = c->stats.recovery_crash_count;
    one.sometimes[SOMETIMES_OUT_OF_MEMORY] = one.witness.no_memory_count;
    one.sometimes[SOMETIMES_IN_DOUBT] = one.witness.doubt_count;
    one.sometimes[SOMETIMES_IN_DOUBT_EXECUTED] = one.witness.late_count;
    one.sometimes[SOMETIMES_SAID_FAILED] = one.witness.failed_count;
    one.sometimes[SOMETIMES_READ_LOGGED] = one.witness.logged_read_count;
    one.sometimes[SOMETIMES_OLD_STATE_SEEN] = one.witness.stale_count;
    one.sometimes[SOMETIMES_OTHER_DATABASE] = one.witness.other_count;
    one.sometimes[SOMETIMES_EXECUTED_TOGETHER] = one.witness.exec_count;
    one.sometimes[SOMETIMES_WATCHED_UNCHANGED] = one.witness.unchanged_count;
    one.sometimes[SOMETIMES_WATCHED_CHANGED] = one.witness.changed_count;
    one.sometimes[SOMETIMES_KEY_MOVED] = one.witness.move_count;
    one.sometimes[SOMETIMES_KEY_EXPIRED] = one.witness.expired_count;
    one.sometimes[SOMETIMES_HASH_CHANGED] = one.witness.hash_count;
    one.sometimes[SOMETIMES_FIELD_EXPIRED] = one.witness.field_count;
    one.sometimes[SOMETIMES_SCRIPT_EXECUTED] = one.witness.script_count;
    one.sometimes[SOMETIMES_SCRIPT_FAILED] = one.witness.failed_script_count;
    one.sometimes[SOMETIMES_SCRIPT_ENDED] = one.witness.endless_script_count;
    one.sometimes[SOMETIMES_SCRIPT_UNKNOWN] = one.witness.unknown_script_count;
    one.sometimes[SOMETIMES_FUNCTION_CALLED] = one.witness.function_count;
    one.sometimes[SOMETIMES_FUNCTION_UNKNOWN] = one.witness.no_function_count;
    one.sometimes[SOMETIMES_REPEATED] = one.witness.again_count;
    one.sometimes[SOMETIMES_REPEATED_REPLY_GONE] = one.witness.reply_gone_count;
    one.sometimes[SOMETIMES_NUMBER_EXPIRED] = one.witness.number_expired_count;
    one.sometimes[SOMETIMES_CHANGES_READ_ON] = one.witness.moved_reader_count;
    one.sometimes[SOMETIMES_CHANGES_COMPACTED] = one.witness.compacted_count;
    one.sometimes[SOMETIMES_CACHE_INVALIDATED] = one.witness.invalidated_count;
    one.sometimes[SOMETIMES_CACHES_FLUSHED] = one.witness.flushed_count;
    one.sometimes[SOMETIMES_DATABASES_SWAPPED] = one.witness.swap_count;
    one.sometimes[SOMETIMES_DATABASE_CLEARED] = one.witness.clear_count;
    one.sometimes[SOMETIMES_DAMAGE_REFUSED] = c->stats.refused_count;
    one.sometimes[SOMETIMES_DAMAGE_SURVIVED] = c->stats.survived_count;
    one.sometimes[SOMETIMES_DISK_REPLACED] = c->stats.replaced_count;
    one.sometimes[SOMETIMES_LIE_SHOWN] = c->stats.lie_shown_count;
    one.sometimes[SOMETIMES_FORGOTTEN] = one.checker.forgotten_count;
    one.sometimes[SOMETIMES_CORE_HEALED] = c->stats.core_count;
    tally_sum(t, &one);
}

double tally_speed(const struct tally *t, double cpu_s)
{
    return cpu_s > 0 ? (double)t->simulated_ns / 1e9 / cpu_s : 0;
}

/* --- for people ------------------------------------------------------------------------- */

void tally_print_short(const struct tally *t, double took_s, double cpu_s, FILE *file)
{
    fprintf(file,
            "%" PRIu64 " runs, %.0f simulated s in %.1f s (%.0f a second of one core), %" PRIu64
            " operations\n",
            t->run_count, (double)t->simulated_ns / 1e9, took_s, tally_speed(t, cpu_s),
            t->witness.operation_count);
}

static void print_faults(const struct tally *t, FILE *file)
{
    int column = fprintf(file, "faults       ");

    for (int i = 0; i < FAULT_COUNT; i++) {
        if (t->faults[i] == 0) {
            continue;
        }
        if (column > 84) {
            fputc('\n', file);
            column = fprintf(file, "             ");
        }
        column += fprintf(file, " %s %" PRIu64, fault_name((enum fault)i), t->faults[i]);
    }
    fputc('\n', file);
}

static void print_sometimes(const struct tally *t, FILE *file)
{
    const char *before = "; never: ";
    uint32_t reached = 0;

    for (int i = 0; i < SOMETIMES_COUNT; i++) {
        reached += t->sometimes[i] > 0;
    }
    fprintf(file, "rare states   %u of %d reached", reached, SOMETIMES_COUNT);
    for (int i = 0; i < SOMETIMES_COUNT; i++) {
        if (t->sometimes[i] == 0) {
            fprintf(file, "%s%s", before, sometimes_name((enum rare_state)i));
            before = ", ";
        }
    }
    fputc('\n', file);
}

void tally_print(const struct tally *t, double took_s, double cpu_s, FILE *file)
{
    const struct cluster_stats *c = &t->cluster;

    fprintf(file, "runs          ");
    tally_print_short(t, took_s, cpu_s, file);
    fprintf(file,
            "operations    %" PRIu64 ": %" PRIu64 " writes and %" PRIu64 " reads checked, %" PRIu64
            " failed, %" PRIu64 " unknown (%" PRIu64 " of them executed)\n",
            t->witness.operation_count, t->witness.write_count, t->witness.read_count,
            t->witness.failed_count, t->witness.unknown_count, t->witness.late_count);
    fprintf(file,
            "histories     %" PRIu64 " judged, with %" PRIu64 " operations (%" PRIu64
            " open) in %" PRIu64 " steps\n",
            t->judged_count, t->judged_operation_count, t->judged_open_count,
            t->judging_step_count);
    fprintf(file,
            "consensus     %" PRIu64 " entries, %" PRIu64 " leaders, %" PRIu64
            " truncations, %" PRIu64 " configurations, %" PRIu64 " writes lost in crashes\n",
            t->checker.commit_index, t->checker.election_count, t->checker.truncation_count,
            t->checker.change_count, t->checker.lost_write_count);
    print_faults(t, file);
    fprintf(file,
            "what of it    %" PRIu64 " killed, %" PRIu64 " lost power, %" PRIu64
            " died recovering, %" PRIu64 " partitions, %" PRIu64 " resets\n",
            c->kill_count, c->power_count, c->recovery_crash_count, c->partition_count,
            c->reset_count);
    fprintf(file,
            "membership    %" PRIu64 " joined, %" PRIu64 " removed, %" PRIu64 " moved; %" PRIu64
            "given a contact in the end\n",
            c->add_count, c->remove_count, c->move_count, c->recontact_count);
    fprintf(file,
            "damage        %" PRIu64 " at rest, %" PRIu64 " lies shown, %" PRIu64
            " not in the budget; %" PRIu64 " starts refused, %" PRIu64 " survived (%" PRIu64
            " forgot), %" PRIu64 " disks replaced\n",
            c->damage_count, c->lie_shown_count, c->spared_count, c->refused_count,
            c->survived_count, t->checker.forgotten_count, c->replaced_count);
    fprintf(file,
            "healed        %" PRIu64 " times only a majority; beyond the budget %" PRIu64
            " halted for good\n",
            c->core_count, c->halted_count);
    print_sometimes(t, file);
    if (t->run_count > 0) {
        fprintf(file, "after healing %.0f ms to a leader, %.0f ms to equal states, on average\n",
                (double)c->heal_ns / 1e6 / (double)t->run_count,
                (double)c->settle_ns / 1e6 / (double)t->run_count);
    }
    fprintf(file, "trace         %016" PRIx64 "\n", t->hash);
}

/* --- for programs ----------------------------------------------------------------------- */

static void write_number(FILE *file, const char *name, uint64_t number, const char *end)
{
    fprintf(file, "    \"%s\": %" PRIu64 "%s\n", name, number, end);
}

void tally_write_json(const struct tally *t, FILE *file)
{
    fprintf(file, "  \"runs\": %" PRIu64 ",\n  \"simulated_seconds\": %.3f,\n", t->run_count,
            (double)t->simulated_ns / 1e9);
    fprintf(file, "  \"events\": %" PRIu64 ",\n  \"hash\": \"%016" PRIx64 "\",\n", t->event_count,
            t->hash);
    fprintf(file, "  \"operations\": {\n");
    write_number(file, "sent", t->witness.operation_count, ",");
    write_number(file, "writes_checked", t->witness.write_count, ",");
    write_number(file, "reads_checked", t->witness.read_count, ",");
    write_number(file, "failed", t->witness.failed_count, ",");
    write_number(file, "unknown", t->witness.unknown_count, ",");
    write_number(file, "judged_histories", t->judged_count, ",");
    write_number(file, "judged_operations", t->judged_operation_count, ",");
    write_number(file, "judging_steps", t->judging_step_count, "");
    fprintf(file, "  },\n  \"consensus\": {\n");
    write_number(file, "entries", t->checker.commit_index, ",");
    write_number(file, "leaders", t->checker.election_count, ",");
    write_number(file, "truncations", t->checker.truncation_count, ",");
    write_number(file, "configurations", t->checker.change_count, "");
    fprintf(file, "  },\n  \"faults\": {\n");
    for (int i = 0; i < FAULT_COUNT; i++) {
        write_number(file, fault_name((enum fault)i), t->faults[i], i + 1 < FAULT_COUNT ? "," : "");
    }
    fprintf(file, "  },\n  \"sometimes\": {\n");
    for (int i = 0; i < SOMETIMES_COUNT; i++) {
        write_number(file, sometimes_name((enum rare_state)i), t->sometimes[i],
                     i + 1 < SOMETIMES_COUNT ? "," : "");
    }
    fprintf(file, "  }");
}
