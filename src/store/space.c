#include "store/space.h"

#include "base/mutant.h"

uint64_t space_room(const struct io_space *space, uint64_t bytes_max)
{
    uint64_t room = space->free_bytes;

    if (bytes_max > 0) {
        uint64_t left = bytes_max > space->used_bytes ? bytes_max - space->used_bytes : 0;

        room = left < room ? left : room;
    }
    return room;
}

static uint64_t needed_bytes(const struct space_claim *claim)
{
    return claim->wanted_bytes + (MUTANT(snapshot_has_no_room) ? 0 : claim->state_bytes);
}

static uint64_t room_for(const struct io_space *space, const struct space_claim *claim)
{
    uint64_t room = space_room(space, claim->bytes_max);

    return claim->spare_bytes > UINT64_MAX - room ? UINT64_MAX : room + claim->spare_bytes;
}

uint64_t space_left(const struct io_space *space, const struct space_claim *claim)
{
    uint64_t room = room_for(space, claim);
    uint64_t needed = needed_bytes(claim);

    return room > needed ? room - needed : 0;
}

bool space_is_enough(const struct io_space *space, const struct space_claim *claim)
{
    return room_for(space, claim) >= needed_bytes(claim);
}
