/* call_info.c - the sections of INFO about commands: commandstats, errorstats and latencystats. */
#include "client/client.h"
#include "command/table.h"

typedef unsigned long long ull;

static void put_name(const struct command *command, struct buffer *out)
{
    char name[32];

    client_lower_name(command, name, sizeof name);
    buffer_printf(out, "%s", name);
}

void call_info_put_commands(const struct clients *clients, struct buffer *out)
{
    const struct command_table *table = clients->options.commands;

    for (uint32_t i = 0; i < table->count; i++) {
        const struct call_count *c = call_counts_find(&clients->call_counts, table->rows[i]);
        uint64_t us = c->times == NULL ? 0 : c->times->total_us;

        if (c->count + c->refused_count == 0) {
            continue;
        }
        buffer_printf(out, "cmdstat_");
        put_name(table->rows[i], out);
        buffer_printf(
            out,
            ":calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu\r\n",
            (ull)c->count, (ull)us, c->count == 0 ? 0 : (double)us / (double)c->count,
            (ull)c->refused_count, (ull)c->failed_count);
    }
}

void call_info_put_errors(const struct clients *clients, struct buffer *out)
{
    for (uint32_t i = 0; i <= ERROR_NAMES_MAX; i++) {
        const struct error_count *e = &clients->call_counts.errors[i];

        if (e->count > 0) {
            buffer_printf(out, "errorstat_%s:count=%llu\r\n", e->name, (ull)e->count);
        }
    }
}

void call_info_put_latencies(const struct clients *clients, struct buffer *out)
{
    const struct command_table *table = clients->options.commands;

    for (uint32_t i = 0; i < table->count; i++) {
        const struct call_count *c = call_counts_find(&clients->call_counts, table->rows[i]);

        if (c->times == NULL) {
            continue;
        }
        buffer_printf(out, "latency_percentiles_usec_");
        put_name(table->rows[i], out);
        buffer_printf(out, ":p50=%llu.000,p99=%llu.000,p99.9=%llu.000\r\n",
                      (ull)call_times_percentile_us(c->times, 500),
                      (ull)call_times_percentile_us(c->times, 990),
                      (ull)call_times_percentile_us(c->times, 999));
    }
}
