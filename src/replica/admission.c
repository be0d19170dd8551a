#include "replica/admission.h"

#include "base/mutant.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void admission_init(struct admission *a, uint64_t target_ns, uint64_t bytes_max)
{
    *a = (struct admission){
        .target_ns = target_ns,
        .bytes_max = most(bytes_max, ADMISSION_BYTES_MIN),
    };
    admission_reset(a);
}

void admission_reset(struct admission *a)
{
    a->window_bytes = least(ADMISSION_BYTES_FIRST, a->bytes_max);
    a->base_ns = 0;
    a->is_holding = false;
    a->followed = 0;
}

uint64_t admission_room(const struct admission *a, uint64_t under_way_bytes)
{
    MUTANT_DO(log_takes_everything, return UINT64_MAX);
    return a->window_bytes > under_way_bytes ? a->window_bytes - under_way_bytes : 0;
}

void admission_hold(struct admission *a, bool is_holding, uint64_t now_ns)
{
    if (is_holding && !a->is_holding) {
        a->holding_ns = now_ns;
    }
    a->is_holding = is_holding;
    a->has_held = a->has_held || is_holding;
}

void admission_proposed(struct admission *a, raft_index last_index, uint64_t bytes,
                        uint64_t under_way_bytes, uint64_t now_ns)
{
    if (a->followed != 0) {
        return;
    }
    a->followed = last_index;
    a->proposed_ns = now_ns;
    a->followed_late = 0;
    a->followed_bytes = under_way_bytes + bytes;
    a->followed_is_base = under_way_bytes == 0 &&
                          (bytes <= ADMISSION_BYTES_MIN || a->window_bytes == ADMISSION_BYTES_MIN);
    a->has_held = a->is_holding;
}

/* How long a batch takes that waits for nothing, except for the end of a sync that has just
 * begun. Limited, so that one bad measurement can't admit everything. */
static uint64_t unhindered_ns(const struct admission *a)
{
    uint64_t base_ns = least(a->base_ns, 2 * a->target_ns);

    return MUTANT(long_round_is_late) ? 0 : base_ns + least(base_ns, a->target_ns);
}

static uint64_t allowed_ns(const struct admission *a)
{
    return unhindered_ns(a) + a->target_ns;
}

uint64_t admission_needed_ns(const struct admission *a, uint64_t now_ns)
{
    if (!a->is_holding || now_ns - a->holding_ns < a->target_ns || MUTANT(waits_to_the_last)) {
        return 0;
    }
    /* No command waits for more than half of its time, and every command may for a quarter. */
    return least(most(allowed_ns(a), 2 * a->target_ns), 3 * a->target_ns);
}

/* The window with which it would have waited for just as long as is allowed, at the measured
 * rate. */
static uint64_t in_proportion(const struct admission *a, uint64_t took_ns)
{
    uint64_t unhindered = unhindered_ns(a);
    uint64_t waited_ns = took_ns > unhindered ? took_ns - unhindered : 0;

    took_ns = most(took_ns, 1);

    /* In thousandths, and limited, so that no product overflows: it grows to twice its size at
     * most, and at least half of that was in use. */
    uint64_t pace = 1000 * (took_ns + a->target_ns - waited_ns) / took_ns;

    return a->followed_bytes / 1000 * least(pace, 4000);
}

static void grow(struct admission *a, uint64_t window_bytes)
{
    window_bytes = least(window_bytes, 2 * a->window_bytes);
    a->window_bytes = least(most(a->window_bytes, window_bytes), a->bytes_max);
}

static void shrink(struct admission *a, uint64_t window_bytes)
{
    a->window_bytes = most(least(a->window_bytes, window_bytes), ADMISSION_BYTES_MIN);
}

/* Does not wait for the commit: otherwise it would take ten seconds to notice that the log needs
 * ten seconds. */
static void look_at_followed(struct admission *a, uint64_t took_ns)
{
    uint64_t late = took_ns / allowed_ns(a);

    if (late > a->followed_late) {
        a->followed_late = late;
        shrink(a, a->window_bytes / 2);
    }
}

void admission_look(struct admission *a, raft_index commit_index, uint64_t now_ns)
{
    if (a->followed == 0) {
        return;
    }

    uint64_t took_ns = now_ns - a->proposed_ns;

    if (commit_index < a->followed) {
        look_at_followed(a, took_ns);
        return;
    }
    a->followed = 0;
    if (a->followed_is_base) {
        a->base_ns = took_ns;
    }
    if (took_ns > allowed_ns(a)) {
        if (a->followed_late == 0) {
            shrink(a, in_proportion(a, took_ns));
        }
    } else if (a->followed_bytes >= a->window_bytes / 2 && a->has_held) {
        grow(a, in_proportion(a, took_ns));
    }
}
