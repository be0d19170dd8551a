/* contact.c - see contact.h for the states. */
#include "server/contact.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "peer/wire.h"
#include "store/epoch.h"

static const uint64_t JOIN_PATIENCE_NS = 30 * 1000 * 1000 * 1000ull;
static const uint64_t LOOK_AGAIN_NS = 2 * 1000 * 1000 * 1000ull;
static const uint64_t MISSING_AGAIN_NS = 10 * 1000 * 1000 * 1000ull;

enum contact_phase {
    CONTACT_JOINING,
    CONTACT_AWAITING_LOG,
    CONTACT_CHECKING,
    CONTACT_STANDING_BY,
};

struct contact {
    struct contact_options options;
    enum contact_phase phase;
    struct join *join;          /* The question under way; NULL: none, and the timer is armed. */
    struct io_timer timer;      /* Fires when to check again whether there is something to ask. */
    uint64_t answered_ns;       /* When the last question ended. */
    struct member_address here; /* Where the contact says other nodes reach it; port 0: not
                                 * known. */
    bool has_warned_of_silence;
};

static struct contact_node look(const struct contact *c)
{
    return c->options.events.look(c->options.events.context);
}

static void fail(struct contact *c, bool is_certain, const char *text)
{
    c->options.events.failed(c->options.events.context, is_certain, text);
}

/* --- after an answer --------------------------------------------------------------------- */

static void look_later(struct contact *c)
{
    io_timer_start(c->options.io, &c->timer, io_now_ns(c->options.io) + LOOK_AGAIN_NS);
}

static void await_log(struct contact *c)
{
    c->phase = CONTACT_AWAITING_LOG;
    look_later(c);
}

/* A contact of another cluster is surely a mistake, and so is one of another epoch. */
static bool is_of_another_cluster(const struct contact *c, enum join_outcome outcome,
                                  const struct join_cluster *cluster)
{
    struct contact_node node = look(c);

    return outcome == JOIN_DONE &&
           (cluster->id != node.cluster_id ||
            (cluster->epoch != node.epoch && !MUTANT(contact_epoch_ignored)));
}

static void fail_for_another_cluster(struct contact *c, const struct join_cluster *cluster)
{
    struct contact_node node = look(c);

    if (cluster->id != node.cluster_id) {
        fail(c, false,
             "the data directory belongs to another cluster than the contact: start with another "
             "--data directory, or with a contact of its own cluster");
    } else if (epoch_number(cluster->epoch) < epoch_number(node.epoch)) {
        fail(c, false, wire_refusal_text(WIRE_LATER_EPOCH));
    } else {
        fail(c, false, wire_refusal_text(WIRE_EARLIER_EPOCH));
    }
}

static void on_joined(struct contact *c, enum join_outcome outcome,
                      const struct join_cluster *cluster, const char *text)
{
    if (outcome != JOIN_DONE) {
        fail(c, outcome == JOIN_REFUSED, text);
    } else if (c->options.events.added(c->options.events.context, cluster, text)) {
        await_log(c);
    }
}

/* The node may have been removed before it heard from any member, and then nobody else would
 * tell it. */
static void on_added_again(struct contact *c, enum join_outcome outcome,
                           const struct join_cluster *cluster)
{
    if (is_of_another_cluster(c, outcome, cluster)) {
        fail_for_another_cluster(c, cluster);
        return;
    }
    if (outcome == JOIN_REMOVED) {
        c->options.events.removed(c->options.events.context);
    }
    await_log(c);
}

/* Only the first answer is checked: later, a node of another cluster may have this address. */
static void on_whereabouts(struct contact *c, enum join_outcome outcome,
                           const struct join_cluster *cluster)
{
    bool is_first = c->phase == CONTACT_CHECKING;

    c->phase = CONTACT_STANDING_BY;
    if (!is_of_another_cluster(c, outcome, cluster)) {
        if (outcome == JOIN_DONE && c->here.peer_port != 0) {
            c->options.events.met(c->options.events.context, &c->here);
        }
    } else if (is_first) {
        fail_for_another_cluster(c, cluster);
        return;
    }
    look_later(c);
}

static void join_done(void *context, enum join_outcome outcome, const struct join_cluster *cluster,
                      const char *text)
{
    struct contact *c = context;

    c->join = NULL;
    c->answered_ns = io_now_ns(c->options.io);
    switch (c->phase) {
    case CONTACT_JOINING:
        on_joined(c, outcome, cluster, text);
        break;
    case CONTACT_AWAITING_LOG:
        on_added_again(c, outcome, cluster);
        break;
    case CONTACT_CHECKING:
    case CONTACT_STANDING_BY:
        on_whereabouts(c, outcome, cluster);
        break;
    }
}

static void join_has_key(void *context, const struct store_key *key)
{
    struct contact *c = context;

    c->options.events.has_key(c->options.events.context, key);
}

static void join_met(void *context, const struct member_address *contact)
{
    struct contact *c = context;

    c->here = *contact;
}

/* --- questions --------------------------------------------------------------------------- */

static void ask(struct contact *c)
{
    bool wants_membership = c->phase == CONTACT_JOINING || c->phase == CONTACT_AWAITING_LOG;
    struct join_options options = {
        .io = c->options.io,
        .log = c->options.log,
        .contact = c->options.address,
        .self = c->options.self,
        .tls = c->options.tls,
        .is_learner = c->options.is_learner,
        .replaces = c->options.replaces,
        .only_ask = !wants_membership,
        .wants_key = c->phase == CONTACT_JOINING && c->options.wants_key,
        .patience_ns = wants_membership ? JOIN_PATIENCE_NS : 0,
        .met = join_met,
        .has_key = join_has_key,
        .done = join_done,
        .context = c,
    };

    c->join = join_start(&options);
}

/* Warns that members may not reach this node, or reject it. */
static void warn_of_silence(struct contact *c)
{
    if (!c->has_warned_of_silence) {
        c->has_warned_of_silence = true;
        log_write(c->options.log, LOG_WARN,
                  "no member has sent this node anything since it was added",
                  "peers=%u advice=" LOG_Q, (unsigned)c->options.self.peer_port,
                  "see that they reach its peer port, and that its key is theirs: they log what "
                  "they meet here");
    }
}

/* Whether a question is needed. Also if there is a leader: a member may be unknown to all but
 * the contact, while the others elect a leader without it. */
static bool is_needed(const struct contact *c, const struct contact_node *node)
{
    uint64_t since_ns = io_now_ns(c->options.io) - c->answered_ns;

    return !node->knows_leader ||
           (node->misses_member && since_ns >= MISSING_AGAIN_NS && !MUTANT(led_node_asks_nobody));
}

static void timer_fired(struct io_timer *timer)
{
    struct contact *c = container_of(timer, struct contact, timer);
    struct contact_node node = look(c);

    if (node.is_over) {
        return;
    }
    if (c->phase == CONTACT_AWAITING_LOG && node.has_log) {
        MUTANT_DO(newcomer_asks_once, return;);
        c->phase = CONTACT_STANDING_BY;
    } else if (c->phase == CONTACT_AWAITING_LOG) {
        warn_of_silence(c);
        ask(c);
        return;
    } else if (is_needed(c, &node)) {
        ask(c);
        return;
    }
    look_later(c);
}

/* --- life -------------------------------------------------------------------------------- */

struct contact *contact_start(const struct contact_options *options)
{
    struct contact *c = memory_take_zeroed(1, sizeof *c);
    struct contact_node node = options->events.look(options->events.context);

    c->options = *options;
    c->timer.fired = timer_fired;
    c->phase = node.has_log           ? CONTACT_CHECKING
               : node.cluster_id != 0 ? CONTACT_AWAITING_LOG
                                      : CONTACT_JOINING;
    ask(c);
    return c;
}

void contact_free(struct contact *contact)
{
    if (contact != NULL) {
        io_timer_stop(contact->options.io, &contact->timer);
        join_free(contact->join);
        free(contact);
    }
}
