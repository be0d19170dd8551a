#include "replica/intake.h"

#include "base/mutant.h"

static bool exceeds(const struct intake *i, uint64_t bytes, uint64_t room_bytes, bool is_leader,
                    uint64_t log_bytes)
{
    return bytes > room_bytes / 2 || (is_leader && log_bytes > i->log_bytes_max + room_bytes);
}

static uint64_t clients_bytes(const struct requests *q)
{
    return q->own_bytes + (MUTANT(forwards_fill_the_gaps) ? q->forwarded_bytes : 0);
}

bool intake_is_full(const struct intake *i, const struct requests *q, bool is_leader,
                    uint64_t log_bytes)
{
    return exceeds(i, clients_bytes(q), i->bytes_max, is_leader, log_bytes);
}

bool intake_has_room_again(const struct intake *i, const struct requests *q, bool is_leader,
                           uint64_t log_bytes)
{
    return !exceeds(i, clients_bytes(q), i->bytes_max / 2, is_leader, log_bytes);
}

bool intake_is_full_for_others(const struct intake *i, const struct requests *q, bool is_leader,
                               uint64_t log_bytes)
{
    return exceeds(i, q->forwarded_bytes, i->bytes_max, is_leader, log_bytes);
}
