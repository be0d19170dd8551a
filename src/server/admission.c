#include "server/admission.h"

#include "base/mutant.h"

void admission_init(struct admission *a, uint64_t target_ns, uint64_t bytes_max)
{
    *a = (struct admission){
        .target_ns = target_ns,
        .bytes_max = bytes_max > ADMISSION_BYTES_MIN ? bytes_max : ADMISSION_BYTES_MIN,
    };
    admission_reset(a);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void admission_reset(struct admission *a)
{
    a->window_bytes = least(ADMISSION_BYTES_FIRST, a->bytes_max);
    a->is_holding = false;
    a->has_held = false;
    a->followed = 0;
}

uint64_t admission_room(const struct admission *a, uint64_t under_way_bytes)
{
    if (MUTANT(log_takes_everything)) {
        return UINT64_MAX;
    }
    return a->window_bytes > under_way_bytes ? a->window_bytes - under_way_bytes : 0;
}

void admission_hold(struct admission *a, bool is_holding)
{
    a->is_holding = is_holding;
    a->has_held = a->has_held || is_holding;
}

void admission_proposed(struct admission *a, raft_index last_index, uint64_t now_ns)
{
    if (a->followed == 0) {
        a->followed = last_index;
        a->proposed_ns = now_ns;
        a->has_held = false;
    }
}

void admission_committed(struct admission *a, raft_index commit_index, uint64_t now_ns)
{
    if (a->followed == 0 || commit_index < a->followed) {
        return;
    }
    a->followed = 0;
    if (now_ns - a->proposed_ns > a->target_ns) {
        uint64_t half = a->window_bytes / 2;

        a->window_bytes = half > ADMISSION_BYTES_MIN ? half : ADMISSION_BYTES_MIN;
    } else if (a->has_held) {
        a->window_bytes = least(2 * a->window_bytes, a->bytes_max);
    }
}
