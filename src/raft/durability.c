/* durability.c - see durability.h. */
#include "raft/durability.h"

#include "base/check.h"
#include "base/mutant.h"

static uint32_t place_of(const struct durability *d, uint32_t nth)
{
    return (d->write_first + nth) % DURABILITY_WRITES_MAX;
}

raft_seq durability_next_seq(struct durability *d)
{
    return ++d->last_seq;
}

void durability_note(struct durability *d, raft_seq seq, raft_index last_index)
{
    if (d->write_count < DURABILITY_WRITES_MAX) {
        d->write_count++;
    }
    d->writes[place_of(d, d->write_count - 1)] =
        (struct durability_write){.seq = seq, .last_index = last_index};
}

bool durability_reach(struct durability *d, raft_seq seq)
{
    CHECK(seq <= d->last_seq);
    if (seq <= d->durable_seq) {
        return false;
    }
    d->durable_seq = seq;
    while (d->write_count > 0 && d->writes[d->write_first].seq <= seq) {
        raft_index index = d->writes[d->write_first].last_index;

        d->index = index > d->index ? index : d->index;
        d->write_first = place_of(d, 1);
        d->write_count--;
    }
    return true;
}

void durability_cut(struct durability *d, raft_index index)
{
    MUTANT_DO(durability_by_index, return;);
    if (d->index >= index) {
        d->index = index - 1;
    }
    for (uint32_t i = 0; i < d->write_count; i++) {
        struct durability_write *write = &d->writes[place_of(d, i)];

        if (write->last_index >= index) {
            write->last_index = index - 1;
        }
    }
}

static raft_index within(raft_index index, raft_index first, raft_index last)
{
    if (index > last) {
        return last;
    }
    return index < first ? first : index;
}

void durability_begin(struct durability *d, raft_index origin, raft_index last_index)
{
    d->index = within(d->index, origin, last_index);
    for (uint32_t i = 0; i < d->write_count; i++) {
        struct durability_write *write = &d->writes[place_of(d, i)];

        write->last_index = within(write->last_index, origin, last_index);
    }
}

raft_seq durability_pending(const struct durability *d, raft_seq seq)
{
    return seq > d->durable_seq ? seq : 0;
}

void durability_check(const struct durability *d, raft_index last_index)
{
    raft_seq seq = d->durable_seq;

    CHECK(d->durable_seq <= d->last_seq);
    CHECK(d->index <= last_index);
    for (uint32_t i = 0; i < d->write_count; i++) {
        const struct durability_write *write = &d->writes[place_of(d, i)];

        CHECK(write->seq > seq);
        CHECK(write->last_index <= last_index);
        seq = write->seq;
    }
    CHECK(seq == d->last_seq);
    CHECK(d->write_count > 0 || d->index == last_index);
}
