/* level.c - see level.h. */
#include "cluster/level.h"

#include "base/bytes.h"
#include "raft/raft.h"

enum { LEVEL_BYTES = 4 };

struct entry *level_encode(uint32_t level)
{
    struct entry *e = entry_new(RAFT_LEVEL, LEVEL_BYTES);

    put_u32(e->data, level);
    return e;
}

bool level_decode(struct slice payload, uint32_t *ret_level)
{
    if (payload.size != LEVEL_BYTES || get_u32(payload.data) < LEVEL_FIRST) {
        return false;
    }
    *ret_level = get_u32(payload.data);
    return true;
}
