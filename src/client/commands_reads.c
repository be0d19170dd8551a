/* commands_reads.c - RAFT READS: how reads of a connection are served. */
#include "client/client.h"
#include "client/commands.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum {
    MAX_AGE_MS = 1000, /* Of stale reads, if the client gives none. */
    MAX_AGE_MS_MAX = 24 * 3600 * 1000,
};

static const char *const names[] = {
    [READ_LINEARIZABLE] = "linearizable", [READ_LEASE] = "lease", [READ_STALE] = "stale"};

static void show(struct command_call *call)
{
    const struct client *c = call_client(call);
    bool is_stale = c->read_mode == READ_STALE;

    resp_array(call->reply, is_stale ? 3 : 1);
    resp_bulk_text(call->reply, names[c->read_mode]);
    if (is_stale) {
        resp_bulk_text(call->reply, "maxage");
        resp_bulkf(call->reply, "%llu", (unsigned long long)(c->max_age_ns / 1000000));
    }
}

/* Reads the arguments after the mode. */
static bool read_max_age(struct command_call *call, uint64_t *ret_max_age_ns)
{
    int64_t ms = MAX_AGE_MS;

    if (call->argument_count != 3 &&
        (call->argument_count != 5 || !slice_is(call->arguments[3], "MAXAGE"))) {
        resp_error(call->reply, ERROR_READS_SYNTAX);
        return false;
    }
    if (call->argument_count == 5 &&
        (!decimal_read(call->arguments[4], &ms) || ms < 1 || ms > MAX_AGE_MS_MAX)) {
        resp_error(call->reply, ERROR_MAX_AGE);
        return false;
    }
    *ret_max_age_ns = (uint64_t)ms * 1000000;
    return true;
}

static void set(struct command_call *call)
{
    struct client *c = call_client(call);
    enum read_mode mode = READ_LINEARIZABLE;

    while (mode < READ_STALE && !slice_is(call->arguments[2], names[mode])) {
        mode++;
    }
    if (!slice_is(call->arguments[2], names[mode]) ||
        (mode != READ_STALE && call->argument_count != 3)) {
        resp_error(call->reply, ERROR_READS_SYNTAX);
        return;
    }
    if (mode == READ_STALE && !read_max_age(call, &c->max_age_ns)) {
        return;
    }
    c->read_mode = mode;
    resp_ok(call->reply);
}

void reads_command(struct command_call *call)
{
    if (call->argument_count == 2) {
        show(call);
    } else {
        set(call);
    }
}
