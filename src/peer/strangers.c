#include "peer/strangers.h"

#include "base/mutant.h"

struct crowd {
    struct inbound *of[STRANGERS_MAX + 1]; /* Oldest first. */
    uint32_t count;
};

static void gather(const struct peers *p, struct crowd *ret_crowd)
{
    ret_crowd->count = 0;
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (!in->is_greeted && !in->link.is_closing && ret_crowd->count <= STRANGERS_MAX) {
            ret_crowd->of[ret_crowd->count++] = in;
        }
    }
}

/* How many come from the same address; 0 if they are few. */
static uint32_t company_of(const struct crowd *crowd, const struct inbound *in)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < crowd->count; i++) {
        count += crowd->of[i]->origin == in->origin ? 1 : 0;
    }
    return count <= STRANGERS_FEW && !MUTANT(few_are_a_crowd) ? 0 : count;
}

struct inbound *strangers_to_close(const struct peers *p)
{
    struct crowd crowd;
    struct inbound *chosen = NULL;
    uint32_t chosen_company = 0;

    gather(p, &crowd);
    if (crowd.count <= STRANGERS_MAX) {
        return NULL;
    }
    for (uint32_t i = 0; i < crowd.count; i++) {
        struct inbound *in = crowd.of[i];
        uint32_t company = MUTANT(any_address_crowds) ? 0 : company_of(&crowd, in);
        /* Those of the newer half are spared: a connection that has just come had no time to
         * send HELLO. */
        bool is_more_silent = chosen != NULL && chosen->is_challenged && !in->is_challenged &&
                              (i < crowd.count / 2 || MUTANT(newest_counts_as_silent)) &&
                              !MUTANT(hello_counts_for_nothing);

        if (chosen == NULL || company > chosen_company ||
            (company == chosen_company && is_more_silent)) {
            chosen = in;
            chosen_company = company;
        }
    }
    return chosen;
}
