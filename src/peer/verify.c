#include "peer/verify.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "peer/hello.h"

static const uint64_t PATIENCE_NS = PEERS_PATIENCE_MS * 1000 * 1000ull;

struct verify {
    struct list node; /* In p->verifies. */
    struct peers *peers;
    struct verify_options options;
    struct io_connect connect;
    struct link link;
    struct hello hello;
    enum dial_phase phase;
    uint64_t since_ns; /* When the attempt began, or was connected. */
    enum verify_result result;
    bool is_ending;
};

static void verify_free(struct verify *v)
{
    list_remove(&v->node);
    link_deinit(&v->link);
    free(v);
}

static void finish(struct verify *v)
{
    void (*done)(void *context, enum verify_result result) = v->options.done;
    void *context = v->options.context;
    enum verify_result result = v->result;

    verify_free(v);
    if (done != NULL) {
        done(context, result);
    }
}

static void closed(struct link *link)
{
    finish(link->context);
}

static void conclude(struct verify *v, enum verify_result result)
{
    v->result = result;
    link_close(&v->link);
}

/* --- the greeting -------------------------------------------------------------------- */

static void challenged(struct verify *v, struct slice body)
{
    unsigned char proof[PROOF_BYTES];
    raft_id listener = 0;
    uint32_t level = 0;
    enum hello_answer answer = hello_check(v->peers, &v->hello, body, &listener, &level, proof);

    if (answer == HELLO_MALFORMED) {
        conclude(v, VERIFY_UNREACHED);
    } else if (answer == HELLO_UNPROVEN) {
        conclude(v, VERIFY_OTHER_KEY);
    } else if (listener != v->options.address.id && !MUTANT(any_node_verified)) {
        conclude(v, VERIFY_OTHER_NODE);
    } else if (level < v->peers->cluster_level && !MUTANT(older_level_added)) {
        conclude(v, VERIFY_OLDER_LEVEL);
    } else if (v->options.is_member && !MUTANT(member_verified_twice)) {
        /* Being welcomed would end the connection that the member has already. */
        conclude(v, VERIFY_PROVEN);
    } else {
        /* Waits for its answer, which shows whether it belongs to another cluster. */
        v->phase = DIAL_PROVEN;
        wire_put_proof(&v->link.out, proof);
        link_flush(&v->link);
    }
}

static enum verify_result result_of(const struct verify *v, enum wire_refusal refusal)
{
    bool is_proven = v->phase == DIAL_PROVEN;

    switch (refusal) {
    case WIRE_NOT_READY:
        return is_proven ? VERIFY_PROVEN : VERIFY_KEYLESS; /* It has no cluster yet. */
    case WIRE_OTHER_CLUSTER:
    case WIRE_EARLIER_EPOCH:
    case WIRE_LATER_EPOCH:
        return is_proven ? VERIFY_OTHER_CLUSTER : VERIFY_UNREACHED;
    case WIRE_OTHER_VERSION:
        return VERIFY_OTHER_VERSION;
    default:
        return VERIFY_UNREACHED;
    }
}

static void answered(struct link *link, const struct wire_frame *frame)
{
    struct verify *v = link->context;
    enum wire_refusal refusal;

    if (frame->type == WIRE_CHALLENGE && v->phase == DIAL_GREETING) {
        challenged(v, frame->body);
    } else if (frame->type == WIRE_WELCOME && v->phase == DIAL_PROVEN) {
        conclude(v, VERIFY_PROVEN);
    } else if (frame->type == WIRE_REFUSE && wire_get_refuse(frame->body, &refusal)) {
        conclude(v, result_of(v, refusal));
    } else {
        conclude(v, VERIFY_UNREACHED);
    }
}

static void connected(struct io_connect *connect, int status)
{
    struct verify *v = container_of(connect, struct verify, connect);

    if (status < 0) {
        finish(v);
        return;
    }
    link_opened(&v->link);
    v->phase = DIAL_GREETING;
    v->since_ns = io_now_ns(v->peers->io);
    peers_arm_timer(v->peers, v->since_ns + PATIENCE_NS);
    if (v->is_ending) {
        link_close(&v->link);
        return;
    }
    /* The greeting is the same in all versions, and all neighbours speak this one. */
    hello_say(v->peers, &v->link, v->options.address.id, WIRE_CONTROL, WIRE_VERSION_MIN, &v->hello);
}

/* --- life ---------------------------------------------------------------------------- */

static uint32_t count_verifies(const struct peers *p)
{
    uint32_t count = 0;

    list_for_each(node, &p->verifies)
    {
        count++;
    }
    return count;
}

struct verify *verify_start(struct peers *p, const struct verify_options *options)
{
    struct io_address address = options->address.client;
    struct verify *v;

    if (count_verifies(p) >= VERIFY_MAX) {
        return NULL;
    }
    v = memory_take_zeroed(1, sizeof *v);
    v->peers = p;
    v->options = *options;
    v->phase = DIAL_CONNECTING;
    v->since_ns = io_now_ns(p->io);
    v->result = VERIFY_UNREACHED;
    link_init(&v->link, p->io, answered, closed, v);
    peers_prepare(p, &v->link);
    v->connect = (struct io_connect){.connected = connected, .stream = &v->link.stream};
    list_append(&p->verifies, &v->node);
    address.port = options->address.peer_port;
    io_connect(p->io, &v->connect, &v->link.stream, &address);
    peers_arm_timer(p, v->since_ns + PATIENCE_NS);
    return v;
}

static void end(struct verify *v)
{
    bool is_new = !v->is_ending;

    v->is_ending = true;
    if (v->phase == DIAL_CONNECTING && is_new) {
        io_connect_cancel(v->peers->io, &v->connect);
    } else if (v->phase != DIAL_CONNECTING) {
        link_close(&v->link);
    }
}

void verify_cancel(struct verify *v)
{
    v->options.done = NULL;
    end(v);
}

void verify_cancel_all(struct peers *p)
{
    list_for_each(node, &p->verifies)
    {
        verify_cancel(container_of(node, struct verify, node));
    }
}

void verify_tick(struct peers *p, uint64_t now_ns, uint64_t *next_ns)
{
    list_for_each(node, &p->verifies)
    {
        struct verify *v = container_of(node, struct verify, node);
        uint64_t due_ns = v->since_ns + PATIENCE_NS;

        if (now_ns >= due_ns) {
            end(v);
        } else if (due_ns < *next_ns) {
            *next_ns = due_ns;
        }
    }
}

void verify_deinit(struct peers *p)
{
    list_for_each(node, &p->verifies)
    {
        verify_free(container_of(node, struct verify, node));
    }
}
