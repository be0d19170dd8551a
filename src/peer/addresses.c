/* addresses.c - where to look for members. A member may have moved since its address was logged,
 * so a member that is not found is also looked for wherever any member is known to live or to
 * have lived, at the contact, and where others have reached it. The id in the greeting shows
 * whether the right node has answered, so a wrong guess costs only an attempt. */
#include "peer/peers.h"

#include <errno.h>
#include <string.h>

#include "base/mutant.h"
#include "cluster/address.h"

static const uint64_t SEARCH_AFTER_NS = 1000 * 1000 * 1000ull;
static const uint64_t SEARCH_AGAIN_NS = 1000 * 1000 * 1000ull;
static const uint64_t SEARCH_AGAIN_MAX_NS = 4000 * 1000 * 1000ull;
static const uint64_t WARN_AFTER_NS = 5000 * 1000 * 1000ull;
static const uint64_t WARN_AGAIN_NS = 60 * 1000 * 1000 * 1000ull;

bool member_address_same_place(const struct member_address *a, const struct member_address *b)
{
    return a->peer_port == b->peer_port && strcmp(a->client.host, b->client.host) == 0;
}

/* The n-th place to look for the peer; NULL: there are fewer. A place with port 0 is not known. */
static const struct member_address *place(const struct peer *peer, size_t n)
{
    const struct peers *p = peer->peers;
    const struct member_address *const first[] = {&peer->reported, &peer->logged, &p->contact,
                                                  &p->self_logged};

    if (n < sizeof first / sizeof first[0]) {
        return first[n];
    }
    n -= sizeof first / sizeof first[0];
    list_for_each(node, &p->all)
    {
        const struct peer *other = container_of(node, struct peer, link);
        const struct member_address *const of_other[] = {&other->address, &other->logged,
                                                         &other->reported};

        if (n < sizeof of_other / sizeof of_other[0]) {
            return of_other[n];
        }
        n -= sizeof of_other / sizeof of_other[0];
    }
    return NULL;
}

static bool is_worth_a_look(const struct peer *peer, const struct member_address *there, size_t n)
{
    bool is_new = there->peer_port != 0 && !member_address_same_place(there, &peer->address) &&
                  !member_address_same_place(there, &peer->peers->self);

    for (size_t i = 0; i < n && is_new; i++) {
        const struct member_address *earlier = place(peer, i);

        is_new = earlier == NULL || !member_address_same_place(there, earlier);
    }
    return is_new;
}

/* The next place in turn, besides the address that is dialed anyway. NULL after the last one:
 * the next round begins after a while. */
static const struct member_address *next_place(struct peer *peer)
{
    const struct member_address *there;

    while ((there = place(peer, peer->search_turn)) != NULL) {
        peer->search_turn++;
        if (is_worth_a_look(peer, there, peer->search_turn - 1)) {
            return there;
        }
    }
    peer->search_turn = 0;
    peer->search_wait_ns = peer->search_wait_ns == 0 ? SEARCH_AGAIN_NS : 2 * peer->search_wait_ns;
    if (peer->search_wait_ns > SEARCH_AGAIN_MAX_NS) {
        peer->search_wait_ns = SEARCH_AGAIN_MAX_NS;
    }
    peer->search_ns = io_now_ns(peer->peers->io) + peer->search_wait_ns;
    return NULL;
}

bool addresses_is_searching(const struct dial *d)
{
    return d->channel == WIRE_CONTROL && !d->peer->is_leaving &&
           io_now_ns(d->peer->peers->io) >= d->peer->search_ns && !MUTANT(moved_not_searched);
}

void addresses_choose(struct dial *d)
{
    struct peer *peer = d->peer;
    const struct member_address *there = addresses_is_searching(d) ? next_place(peer) : NULL;

    d->was_search = there != NULL;
    d->target = there != NULL ? *there : peer->address;
    d->target.id = peer->id;
}

/* Starts a new search at that time. */
static void search_from(struct peer *peer, uint64_t at_ns)
{
    peer->search_ns = at_ns;
    peer->search_turn = 0;
    peer->search_wait_ns = 0;
}

void addresses_renewed(struct peer *peer)
{
    search_from(peer, io_now_ns(peer->peers->io) + SEARCH_AFTER_NS);
    dial_hasten(&peer->dial[WIRE_CONTROL]);
    dial_hasten(&peer->dial[WIRE_BULK]);
}

void addresses_found(struct dial *d)
{
    struct peer *peer = d->peer;
    struct dial *bulk = &peer->dial[WIRE_BULK];

    if (d->channel != WIRE_CONTROL) {
        return;
    }
    peer->lost_ns = 0;
    if (d->was_search) {
        log_write(peer->peers->log, LOG_INFO, "found a member that has moved",
                  "peer=%016llx address=%s peers=%u", (unsigned long long)peer->id,
                  d->target.client.host, (unsigned)d->target.peer_port);
        d->was_search = false;
        peer->address = d->target;
        if (bulk->phase != DIAL_UP) {
            dial_drop(bulk);
        }
        dial_hasten(bulk);
    }
    /* Other nodes may be looking for members that this node reaches. */
    list_for_each(node, &peer->peers->all)
    {
        struct peer *other = container_of(node, struct peer, link);
        struct dial *there = &other->dial[WIRE_CONTROL];

        if (other == peer || there->phase != DIAL_UP || other->is_leaving) {
            continue;
        }
        wire_put_where(&there->link.out, &peer->address);
        link_flush(&there->link);
        wire_put_where(&d->link.out, &other->address);
    }
    link_flush(&d->link);
}

static void warn_not_reached(struct peer *peer, uint64_t since_ns, const char *reason)
{
    uint64_t now_ns = io_now_ns(peer->peers->io);

    log_write(peer->peers->log, LOG_WARN, "cannot reach a member",
              "peer=%016llx%s%s address=%s:%u peers=%u for_s=%llu reason=" LOG_Q " advice=" LOG_Q,
              (unsigned long long)peer->id, peer->logged.name[0] == 0 ? "" : "/", peer->logged.name,
              peer->address.client.host, (unsigned)peer->address.client.port,
              (unsigned)peer->address.peer_port,
              (unsigned long long)((now_ns - since_ns) / 1000000000), reason,
              "see that it runs, and that this node reaches its peer port; if it has moved, "
              "start it with a running member as its contact");
    peer->warn_ns = now_ns + WARN_AGAIN_NS;
}

void addresses_watch(struct peer *peer, uint64_t since_ns)
{
    const struct dial *control = &peer->dial[WIRE_CONTROL];
    uint64_t now_ns = io_now_ns(peer->peers->io);

    since_ns = peer->heard_ns > since_ns ? peer->heard_ns : since_ns;
    since_ns = control->since_ns > since_ns ? control->since_ns : since_ns;
    if (control->phase != DIAL_UP || peer->is_leaving) {
        return; /* See addresses_lost(). */
    }
    if (now_ns < since_ns + WARN_AFTER_NS) {
        peer->is_mute = false;
    } else if ((!peer->is_mute || now_ns >= peer->warn_ns) && !MUTANT(silence_unlogged)) {
        peer->is_mute = true;
        warn_not_reached(peer, since_ns, "it does not answer");
    }
}

void addresses_lost(struct dial *d)
{
    struct peer *peer = d->peer;
    struct peers *p = peer->peers;
    uint64_t now_ns = io_now_ns(p->io);
    const char *reason = d->is_unproven ? "who answers there does not have the key of this cluster"
                         : d->status == -ECANCELED ? "it does not answer"
                         : d->status < 0           ? address_fault(d->status)
                         : d->refused != 0         ? wire_refusal_text(d->refused)
                                                   : "it does not answer";

    if (d->channel != WIRE_CONTROL || peer->is_leaving || p->is_ended) {
        return;
    }
    if (peer->lost_ns == 0) {
        peer->lost_ns = d->phase == DIAL_UP ? now_ns : d->since_ns;
        if (!peer->is_mute) { /* Otherwise it was logged already. */
            peer->warn_ns = peer->lost_ns + WARN_AFTER_NS;
        }
        peer->is_mute = false;
        search_from(peer, peer->lost_ns + SEARCH_AFTER_NS);
    }
    if (d->refused == WIRE_OTHER_NODE && peer->search_wait_ns == 0 && peer->search_turn == 0) {
        peer->search_ns = now_ns; /* It has moved, so do not wait for its old address. */
    }
    if ((now_ns >= peer->warn_ns || MUTANT(out_of_reach_logged_each_time)) &&
        d->refused != WIRE_REMOVED) {
        warn_not_reached(peer, peer->lost_ns, reason);
    }
}

bool addresses_are_missing(const struct peers *p, uint64_t for_ns)
{
    uint64_t now_ns = io_now_ns(p->io);

    list_for_each(node, &p->all)
    {
        const struct peer *peer = container_of(node, struct peer, link);

        if (peer->logged.peer_port != 0 && !peer->is_leaving && peer->lost_ns != 0 &&
            now_ns - peer->lost_ns >= for_ns) {
            return true;
        }
    }
    return false;
}

bool addresses_is_usable(struct peers *p, raft_id from, const struct member_address *address)
{
    const char *fault = address_host_fault(slice_str(address->client.host));
    uint64_t count;

    if (fault == NULL || MUTANT(any_host_learned)) {
        return true;
    }
    if (complaints_is_due(&p->complaints, from, io_now_ns(p->io), &count)) {
        log_write(p->log, LOG_WARN, "a peer reports an impossible address",
                  "peer=%016llx of=%016llx count=%llu reason=" LOG_Q, (unsigned long long)from,
                  (unsigned long long)address->id, (unsigned long long)count, fault);
    }
    return false;
}

void addresses_learn(struct peers *p, raft_id from, const struct member_address *address)
{
    struct peer *peer = peers_find(p, address->id);
    struct dial *control = peer == NULL ? NULL : &peer->dial[WIRE_CONTROL];

    if (peer == NULL || !addresses_is_usable(p, from, address) || MUTANT(where_ignored)) {
        return;
    }
    if (member_address_same_place(&peer->reported, address)) {
        /* It is there, or there again: the search may have passed that place, and rest. */
        if (control->phase != DIAL_UP && !member_address_same_place(&peer->address, address) &&
            !MUTANT(search_rests)) {
            search_from(peer, io_now_ns(p->io));
        }
        dial_hasten(control);
        dial_hasten(&peer->dial[WIRE_BULK]);
        return;
    }
    peer->reported = *address;
    if (control->phase == DIAL_UP) {
        return;
    }
    search_from(peer, io_now_ns(p->io));
    if (control->phase == DIAL_CONNECTING &&
        io_now_ns(p->io) - control->since_ns >= DIAL_RETRY_MS * 1000 * 1000ull) {
        dial_drop(control); /* No answer comes from there any more. */
    }
    dial_hasten(control);
    dial_hasten(&peer->dial[WIRE_BULK]);
}

void addresses_met(struct peers *p, raft_id id, const struct member_address *there)
{
    const struct peer *peer = peers_find(p, id);
    struct member_address address = *there;

    address.id = id;
    if (id == p->self.id || membership_was_removed(p->committed, id) ||
        MUTANT(met_member_ignored)) {
        return;
    }
    if (peer == NULL) {
        peers_learn(p, &address);
    } else if (!member_address_same_place(&peer->address, &address)) {
        addresses_learn(p, id, &address);
    }
}

/* Whether this node is connected to that member at that address. */
static bool is_reached_at(const struct peers *p, const struct member_address *there)
{
    const struct peer *peer = peers_find(p, there->id);

    if (there->id == p->self.id) {
        return member_address_equal(&p->self, there);
    }
    return peer != NULL && peer->dial[WIRE_CONTROL].phase == DIAL_UP &&
           member_address_same_place(&peer->address, there);
}

bool addresses_may_take(const struct peers *p, const struct member_address *taker,
                        const struct member_address *other)
{
    return (is_reached_at(p, taker) || !is_reached_at(p, other)) && !MUTANT(addresses_never_taken);
}

void addresses_set_contact(struct peers *p, const struct io_address *client, uint16_t peer_port)
{
    if (!MUTANT(contact_not_searched)) {
        p->contact = (struct member_address){.client = *client, .peer_port = peer_port};
    }
}

bool addresses_is_contact(const struct peers *p, raft_id id)
{
    const struct peer *peer = peers_find(p, id);

    return peer != NULL && p->contact.peer_port != 0 &&
           member_address_same_place(&peer->address, &p->contact);
}
