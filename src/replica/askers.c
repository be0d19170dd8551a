#include "replica/askers.h"

void askers_add(struct askers *a, raft_id id, uint64_t number)
{
    uint32_t at = 0;

    while (at < a->count && a->list[at].id != id) {
        at++;
    }
    if (at == ASKERS_MAX || (at < a->count && a->list[at].number == number)) {
        return;
    }
    a->count += at == a->count;
    a->list[at] = (struct asker){.id = id, .number = number};
}

bool askers_want_round(const struct askers *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->list[i].ticket == 0) {
            return true;
        }
    }
    return false;
}

void askers_ask(struct askers *a, uint64_t ticket)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->list[i].ticket == 0) {
            a->list[i].ticket = ticket;
        }
    }
}

bool askers_take(struct askers *a, uint64_t ticket, struct asker *ret_asker)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->list[i].ticket != 0 && a->list[i].ticket <= ticket) {
            *ret_asker = a->list[i];
            a->list[i] = a->list[--a->count];
            return true;
        }
    }
    return false;
}

void askers_forget(struct askers *a)
{
    a->count = 0;
}
