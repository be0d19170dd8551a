/* greeting.c - an incoming connection until it is welcomed or refused. First both sides prove
 * that they have the key of the cluster. Until then, nothing that the dialer sends is believed,
 * judged, learned or answered, except the version of the protocol. */
#include "peer/peers.h"

#include "base/mutant.h"
#include "store/epoch.h"

enum { INBOUNDS_MAX = 256 }; /* Welcomed connections. */

/* No command has this number, so an answer with it is ignored. */
static const uint64_t NO_COMMAND = UINT64_MAX;

/* All dialers without a proof share one complaint per minute, because their real ids are
 * unknown. */
static const raft_id STRANGERS = UINT64_MAX;

static void refuse(struct inbound *in, enum wire_refusal refusal)
{
    wire_put_refuse(&in->link.out, refusal);
    link_flush(&in->link);
    link_close(&in->link);
}

/* --- judging ------------------------------------------------------------------------- */

/* A connection of another process with the id of that dialer. */
static struct inbound *find_namesake(const struct peers *p, const struct wire_hello *hello)
{
    for (int channel = WIRE_CONTROL; channel <= WIRE_BULK; channel++) {
        struct inbound *in = peers_inbound(p, hello->from, (enum wire_channel)channel);

        if (in != NULL && in->incarnation != hello->incarnation) {
            return in;
        }
    }
    return NULL;
}

/* However long the other process has been silent (followers have nothing to say to each other),
 * it may be alive. If it has ended, its machine answers these bytes with a reset. */
static void ask_for_life(struct inbound *in)
{
    wire_end_answer(&in->link.out, wire_begin_answer(&in->link.out, 0, NO_COMMAND), WIRE_NOT_LEADER,
                    0);
    link_flush(&in->link);
}

static uint32_t count_greeted(const struct peers *p)
{
    uint32_t count = 0;

    list_for_each(node, &p->inbounds)
    {
        count += container_of(node, struct inbound, node)->is_greeted ? 1 : 0;
    }
    return count;
}

/* The handshake has verified a name that all nodes share; otherwise the node is to have the
 * certificate of the host where others will dial it. */
static bool is_named(struct inbound *in, const struct wire_hello *hello)
{
    const struct peers *p = in->peers;

    return p->tls == NULL || p->tls->name != NULL || MUTANT(tls_dialer_name_unchecked) ||
           io_stream_is_named(p->io, &in->link.stream, hello->address.host);
}

/* The first reason to refuse the dialer, or 0. */
static enum wire_refusal judge(struct inbound *in, const struct wire_hello *hello)
{
    struct peers *p = in->peers;

    if (p->cluster_id == 0) {
        return WIRE_NOT_READY;
    }
    if (hello->cluster_id != p->cluster_id && !MUTANT(other_cluster_accepted)) {
        return WIRE_OTHER_CLUSTER;
    }
    if (hello->epoch != p->epoch && !MUTANT(earlier_epoch_let_in)) {
        return epoch_number(hello->epoch) > epoch_number(p->epoch) ? WIRE_LATER_EPOCH
                                                                   : WIRE_EARLIER_EPOCH;
    }
    if (hello->to != p->self.id || hello->from == 0) {
        return WIRE_OTHER_NODE;
    }
    if (!is_named(in, hello)) {
        return WIRE_OTHER_NAME;
    }
    if (membership_was_removed(p->committed, hello->from) && !MUTANT(removed_node_accepted)) {
        return WIRE_REMOVED;
    }
    if (hello->level < p->cluster_level && !MUTANT(older_level_let_in)) {
        return WIRE_OLDER_LEVEL;
    }

    struct inbound *old = peers_inbound(p, hello->from, hello->channel);
    struct inbound *namesake = MUTANT(copy_accepted) ? NULL : find_namesake(p, hello);

    if (old == NULL && count_greeted(p) >= INBOUNDS_MAX) {
        return WIRE_NOT_READY;
    }
    if (namesake != NULL) {
        ask_for_life(namesake);
    }
    if (hello->from == p->self.id || namesake != NULL) {
        return WIRE_SAME_NODE;
    }
    if (old != NULL) {
        link_close(&old->link);
    }
    return 0;
}

/* For the operator, who may look here and not there. */
static void note_other_epoch(struct inbound *in, const struct wire_hello *hello,
                             enum wire_refusal refusal)
{
    struct peers *p = in->peers;
    char address[300];
    uint64_t count;

    if (complaints_is_due(&p->complaints, hello->from, io_now_ns(p->io), &count)) {
        io_stream_peer(p->io, &in->link.stream, address, sizeof address);
        log_write(
            p->log, LOG_WARN, "refused a node of another epoch of this cluster",
            "peer=%016llx address=%s epoch=%016llx own_epoch=%016llx count=%llu advice=" LOG_Q,
            (unsigned long long)hello->from, address, (unsigned long long)hello->epoch,
            (unsigned long long)p->epoch, (unsigned long long)count,
            refusal == WIRE_EARLIER_EPOCH
                ? "the cluster was recovered without it (--recover): stop it, keep a copy of "
                  "its data directory, empty the directory, and let it join anew"
                : "the cluster was recovered without this node (--recover): stop this node, "
                  "keep a copy of its data directory, empty the directory, and let it join "
                  "anew");
    }
}

static void greet(struct inbound *in)
{
    struct peers *p = in->peers;
    struct wire_hello hello;

    if (!wire_get_hello(in->greeting.hello, &hello)) {
        link_close(&in->link);
        return;
    }

    enum wire_refusal refusal = judge(in, &hello);

    if (refusal != 0) {
        log_write(p->log, LOG_DEBUG, "refused a peer", "peer=%016llx code=%d",
                  (unsigned long long)hello.from, (int)refusal);
        if (refusal == WIRE_EARLIER_EPOCH || refusal == WIRE_LATER_EPOCH) {
            note_other_epoch(in, &hello, refusal);
        }
        refuse(in, refusal);
        return;
    }
    in->is_greeted = true;
    in->from = hello.from;
    in->incarnation = hello.incarnation;
    in->channel = hello.channel;
    in->version = hello.version;
    in->link.body_max = WIRE_BODY_BYTES_MAX;
    wire_end(&in->link.out, wire_begin(&in->link.out, WIRE_WELCOME));
    if (in->channel == WIRE_CONTROL) {
        peers_put_time(p, &in->link.out);
    }
    link_flush(&in->link);

    struct member_address address = {
        .id = hello.from, .client = hello.address, .peer_port = hello.peer_port};

    peers_learn(p, &address);
}

/* --- proving ------------------------------------------------------------------------- */

static void challenge(struct inbound *in, struct slice hello)
{
    struct peers *p = in->peers;
    struct wire_challenge c = {.listener = p->self.id, .level = p->level};

    in->is_challenged = true;
    memcpy(in->hello, hello.data, hello.size);
    in->greeting.hello = slice_of(in->hello, hello.size);
    in->greeting.listener = c.listener;
    in->greeting.level = c.level;
    if (!MUTANT(challenge_repeated)) {
        io_random(p->io, in->greeting.nonce, sizeof in->greeting.nonce);
    }
    memcpy(c.nonce, in->greeting.nonce, sizeof c.nonce);
    proof_make(p->key.bytes, PROOF_OF_LISTENER, &in->greeting, c.proof);
    wire_put_challenge(&in->link.out, &c);
    link_flush(&in->link);
}

/* Only the version in it counts yet; it decides how to read the rest. */
static void hello(struct inbound *in, struct slice body)
{
    const struct peers *p = in->peers;
    uint32_t version;

    if (!wire_get_hello_version(body, &version)) {
        link_close(&in->link);
    } else if ((version < WIRE_VERSION_MIN || version > p->version) &&
               !MUTANT(other_version_accepted)) {
        refuse(in, WIRE_OTHER_VERSION);
    } else if (!p->has_key || (p->cluster_id == 0 && MUTANT(newcomer_is_silent))) {
        refuse(in, WIRE_NOT_READY);
    } else if (body.size > WIRE_HELLO_BYTES_MAX) {
        link_close(&in->link);
    } else {
        challenge(in, body);
        MUTANT_DO(judged_before_proof, greet(in));
    }
}

static void note_unproven(struct inbound *in)
{
    struct peers *p = in->peers;
    char address[300];
    uint64_t count;

    if (complaints_is_due(&p->complaints, STRANGERS, io_now_ns(p->io), &count)) {
        io_stream_peer(p->io, &in->link.stream, address, sizeof address);
        log_write(p->log, LOG_WARN, "refused a peer that does not have the key of this cluster",
                  "address=%s count=%llu advice=" LOG_Q, address, (unsigned long long)count,
                  "if it is a member, give its data directory the file cluster-key of another one");
    }
}

static void check_proof(struct inbound *in, struct slice proof)
{
    if (proof_holds(in->peers->key.bytes, PROOF_OF_DIALER, &in->greeting, proof) ||
        MUTANT(dialer_not_checked)) {
        greet(in);
    } else {
        note_unproven(in);
        link_close(&in->link);
    }
}

/* Logs the dialer's report, so that the operator of the node with the wrong key can read it
 * here, too. Anybody can send it, so nothing else happens. */
static void note_other_key(struct inbound *in)
{
    struct peers *p = in->peers;
    char address[300];
    uint64_t count;

    if (complaints_is_due(&p->complaints, p->self.id, io_now_ns(p->io), &count)) {
        io_stream_peer(p->io, &in->link.stream, address, sizeof address);
        log_write(p->log, LOG_WARN, "a node that connects has another key than this one",
                  "address=%s count=%llu advice=" LOG_Q, address, (unsigned long long)count,
                  "if it is a member of this node's cluster, give this data directory the file "
                  "cluster-key of another member; if this node was started in the wrong "
                  "directory, start it with the right --data");
    }
}

static bool is_other_key(struct slice body)
{
    enum wire_refusal refusal;

    return wire_get_refuse(body, &refusal) && refusal == WIRE_OTHER_KEY;
}

void greeting_frame(struct inbound *in, const struct wire_frame *frame)
{
    if (!wire_has_group(frame)) {
        link_close(&in->link);
    } else if (frame->type == WIRE_HELLO && !in->is_challenged) {
        hello(in, frame->body);
    } else if (frame->type == WIRE_PROOF && in->is_challenged) {
        check_proof(in, frame->body);
    } else {
        if (frame->type == WIRE_REFUSE && in->is_challenged && is_other_key(frame->body)) {
            note_other_key(in);
        }
        link_close(&in->link);
    }
}
