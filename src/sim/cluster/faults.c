/* faults.c - see faults.h. */
#include "sim/cluster/faults.h"

#include <string.h>

static const char *const names[FAULT_COUNT] = {
    [FAULT_KILL] = "kill",
    [FAULT_POWER] = "power",
    [FAULT_POWER_ALL] = "power-all",
    [FAULT_KILL_LEADER] = "kill-leader",
    [FAULT_STOP] = "stop",
    [FAULT_FREEZE] = "freeze",
    [FAULT_ISOLATE] = "isolate",
    [FAULT_DEAFEN] = "deafen",
    [FAULT_UNPLUG] = "unplug",
    [FAULT_SPLIT] = "split",
    [FAULT_CUT] = "cut",
    [FAULT_RESET] = "reset",
    [FAULT_SLOW] = "slow",
    [FAULT_STALL] = "stall",
    [FAULT_FULL] = "full",
    [FAULT_SYNC_ERROR] = "sync-error",
    [FAULT_ADD] = "add",
    [FAULT_REMOVE] = "remove",
    [FAULT_TRANSFER] = "transfer",
    [FAULT_CLOCK] = "clock",
    [FAULT_ROT] = "rot",
    [FAULT_UNREADABLE] = "unreadable",
    [FAULT_LIE] = "lie",
    [FAULT_MISDIRECT] = "misdirect",
    [FAULT_LOSE_DISK] = "lose-disk",
    [FAULT_MOVE] = "move",
    [FAULT_REPLACE] = "replace",
    [FAULT_ROLES] = "roles",
    [FAULT_FLIP] = "flip",
    [FAULT_FLAP] = "flap",
    [FAULT_NARROW] = "narrow",
    [FAULT_LOSS] = "loss",
    [FAULT_CORRUPT] = "corrupt",
    [FAULT_PIECES] = "pieces",
    [FAULT_DRIFT] = "drift",
    [FAULT_RECOVERY_CRASH] = "recovery-crash",
    [FAULT_UPGRADE] = "upgrade",
    [FAULT_HEAVY] = "heavy",
    [FAULT_MEMORY] = "memory",
};

const char *fault_name(enum fault fault)
{
    return names[fault];
}

bool fault_find(const char *name, enum fault *ret_fault)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_fault = (enum fault)i;
            return true;
        }
    }
    return false;
}

bool faults_draw(struct faults *f, enum fault fault, uint64_t now_ns)
{
    struct fault_strike strike = {.number = ++f->drawn_count, .fault = fault, .at_ns = now_ns};

    if (!faults_allow(f, fault) || (f->strikes != NULL && !f->strikes(f->context, strike.number))) {
        return false;
    }
    f->counts[fault]++;
    if (f->struck != NULL) {
        f->struck(f->context, &strike);
    }
    return true;
}
