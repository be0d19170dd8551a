/* join.c - asks a contact to add this node to its cluster. */
#include "cluster/join.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "cluster/address.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "resp/resp.h"

enum { JOIN_REPLY_BYTES_MAX = 64 * 1024, JOIN_READ_BYTES = 4096, JOIN_LINE_BYTES_MAX = 32 };

static const uint64_t RETRY_NS = 200 * 1000 * 1000u;
/* Nodes are often started together, by a script or after a power failure, so the contact may
 * need some time. */
static const uint64_t REACH_NS = 5 * 1000 * 1000 * 1000ull;
/* A resolver waits for several seconds before it asks the second name server. */
static const uint64_t NAME_NS = 12 * 1000 * 1000 * 1000ull;
/* Longer than the leader's own limit. */
static const uint64_t ANSWER_NS = 12 * 1000 * 1000 * 1000ull;
/* With `only_ask`. The contact answers by itself, at once, and the question is repeated: if the
 * contact has gone without a word, its name may already lead to another member. */
static const uint64_t ONLY_ASK_NS = 2 * 1000 * 1000 * 1000ull;

enum join_verdict {
    VERDICT_MORE,
    VERDICT_DONE,
    VERDICT_NEXT, /* The key has arrived: ask to be added next. */
    VERDICT_RETRY,
    VERDICT_FAILED
};

struct join {
    struct join_options options;
    struct io_stream stream;
    struct io_connect connect;
    struct io_timer timer;
    struct buffer out;
    struct buffer in;
    uint64_t give_up_ns;
    uint64_t reach_until_ns; /* Deadline if nobody listens at the address. */
    uint64_t name_until_ns;  /* Deadline if the name servers do not answer. */
    bool is_open;
    bool is_connecting;
    enum join_verdict verdict; /* MORE: nothing is decided yet. */
    bool is_asked;             /* The request of this attempt may be executed. */
    bool is_in_doubt;          /* The request of an earlier attempt may be. */
    bool was_removed;
    struct join_cluster cluster;
    bool needs_key; /* The key is asked for first. */
    bool has_complained;
    char text[1024];
};

static void attempt(struct join *j);

static void finish(struct join *j)
{
    enum join_outcome outcome = j->verdict == VERDICT_DONE ? JOIN_DONE
                                : j->was_removed           ? JOIN_REMOVED
                                : j->is_in_doubt           ? JOIN_IN_DOUBT
                                                           : JOIN_REFUSED;

    io_timer_stop(j->options.io, &j->timer);
    j->options.done(j->options.context, outcome, &j->cluster, j->text);
    join_free(j);
}

/* The stream is closed: acts on the verdict. */
static void conclude(struct join *j)
{
    j->is_in_doubt = j->is_in_doubt || j->is_asked;
    j->is_asked = false;

    bool can_retry =
        j->verdict == VERDICT_RETRY && io_now_ns(j->options.io) + RETRY_NS < j->give_up_ns;

    if (j->verdict == VERDICT_NEXT) {
        io_timer_start(j->options.io, &j->timer, io_now_ns(j->options.io));
    } else if (can_retry) {
        if (!j->has_complained) {
            j->has_complained = true;
            log_write(j->options.log, LOG_WARN, "not joined yet, trying again", "reason=" LOG_Q,
                      j->text);
        }
        io_timer_start(j->options.io, &j->timer, io_now_ns(j->options.io) + RETRY_NS);
    } else {
        finish(j);
    }
}

static void decide(struct join *j, enum join_verdict verdict)
{
    if (j->verdict == VERDICT_MORE && verdict != VERDICT_MORE) {
        j->verdict = verdict;
        io_stream_close(j->options.io, &j->stream);
    }
}

/* --- the answer ---------------------------------------------------------------------- */

/* Takes a line of `mark` and a number off the start of `*rest`. */
static enum join_verdict take_header(struct slice *rest, char mark, int64_t *ret_number)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);

    if (size >= JOIN_LINE_BYTES_MAX || (rest->size > 0 && rest->data[0] != mark)) {
        return VERDICT_FAILED;
    }
    if (end == NULL) {
        return VERDICT_MORE;
    }
    if (size < 3 || end[-1] != '\r' ||
        !decimal_read(slice_of(rest->data + 1, size - 2), ret_number) || *ret_number < 0) {
        return VERDICT_FAILED;
    }
    *rest = slice_of(end + 1, rest->size - size - 1);
    return VERDICT_DONE;
}

/* The same for a whole bulk string. */
static enum join_verdict take_bulk(struct slice *rest, struct slice *ret_value)
{
    int64_t size = 0;
    enum join_verdict verdict = take_header(rest, '$', &size);

    if (verdict != VERDICT_DONE) {
        return verdict;
    }
    if (size > JOIN_REPLY_BYTES_MAX) {
        return VERDICT_FAILED;
    }
    if (rest->size < (size_t)size + 2) {
        return VERDICT_MORE;
    }
    *ret_value = slice_of(rest->data, (size_t)size);
    *rest = slice_of(rest->data + size + 2, rest->size - (size_t)size - 2);
    return VERDICT_DONE;
}

/* 16 hex digits. */
static bool read_hex(const char *from, uint64_t *ret_value)
{
    char digits[17];
    char *end;

    memcpy(digits, from, 16);
    digits[16] = 0;
    *ret_value = strtoull(digits, &end, 16);
    return *end == 0 && strspn(digits, "0123456789abcdef") == 16;
}

/* Id and epoch. */
static enum join_verdict take_cluster(struct join *j, struct slice *rest)
{
    struct slice value;
    enum join_verdict verdict = take_bulk(rest, &value);

    if (verdict != VERDICT_DONE) {
        return verdict;
    }
    return value.size == 32 && read_hex(value.data, &j->cluster.id) && j->cluster.id != 0 &&
                   read_hex(value.data + 16, &j->cluster.epoch)
               ? VERDICT_DONE
               : VERDICT_FAILED;
}

/* 64 hex digits. */
static enum join_verdict take_key(struct slice *rest, struct store_key *ret_key)
{
    struct slice value;
    enum join_verdict verdict = take_bulk(rest, &value);

    if (verdict != VERDICT_DONE) {
        return verdict;
    }
    if (value.size != 2 * STORE_KEY_BYTES) {
        return VERDICT_FAILED;
    }
    for (size_t i = 0; i < STORE_KEY_BYTES; i++) {
        const char digits[] = {value.data[2 * i], value.data[2 * i + 1], 0};

        if (strspn(digits, "0123456789abcdef") != 2) {
            return VERDICT_FAILED;
        }
        ret_key->bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return VERDICT_DONE;
}

/* The value of a line `name:value`; empty if there is none. */
static struct slice info_value(struct slice info, const char *name)
{
    size_t name_size = strlen(name);

    while (info.size > 0) {
        const char *end = memchr(info.data, '\r', info.size);
        size_t size = end == NULL ? info.size : (size_t)(end - info.data);

        if (size > name_size && memcmp(info.data, name, name_size) == 0 &&
            info.data[name_size] == ':') {
            return slice_of(info.data + name_size + 1, size - name_size - 1);
        }
        if (end == NULL || info.size < size + 2) {
            break;
        }
        info = slice_of(info.data + size + 2, info.size - size - 2);
    }
    return slice_str("");
}

/* Each node answers RAFT HERE itself; RAFT STATUS would come from the leader. */
static enum join_verdict judge_info(struct join *j, struct slice rest)
{
    struct member_address contact = {.client = j->options.contact};
    struct slice info;
    struct slice id;
    int64_t port = 0;
    enum join_verdict verdict = take_bulk(&rest, &info);

    if (verdict != VERDICT_DONE) {
        return verdict;
    }
    id = info_value(info, "cluster_id");
    if (id.size != 16 || !read_hex(id.data, &j->cluster.id) || j->cluster.id == 0) {
        return VERDICT_FAILED;
    }
    id = info_value(info, "cluster_epoch");
    if (id.size != 16 || !read_hex(id.data, &j->cluster.epoch)) {
        return VERDICT_FAILED;
    }
    id = info_value(info, "node_id");
    if (id.size == 16 && read_hex(id.data, &contact.id) &&
        decimal_read(info_value(info, "peer_port"), &port) && port > 0 && port <= UINT16_MAX) {
        contact.peer_port = (uint16_t)port;
        j->options.met(j->options.context, &contact);
    }
    return VERDICT_DONE;
}

/* RAFT ADD replies with the cluster's id and epoch and the addresses of its other members. */
static enum join_verdict judge_added(struct join *j, struct slice rest)
{
    int64_t count = 0;
    size_t used = 0;
    enum join_verdict verdict = take_header(&rest, '*', &count);

    if (verdict == VERDICT_DONE) {
        verdict = count > 0 ? take_cluster(j, &rest) : VERDICT_FAILED;
    }
    j->text[0] = 0;
    for (int64_t i = 1; i < count && verdict == VERDICT_DONE; i++) {
        struct slice address;

        verdict = take_bulk(&rest, &address);
        if (verdict == VERDICT_DONE && used + address.size + 2 < sizeof j->text) {
            used += (size_t)snprintf(j->text + used, sizeof j->text - used, "%s%.*s",
                                     used == 0 ? "" : ",", (int)address.size, address.data);
        }
    }
    return verdict;
}

static enum join_verdict judge_key(struct join *j, struct slice rest)
{
    struct store_key key;
    enum join_verdict verdict = take_key(&rest, &key);

    if (verdict != VERDICT_DONE) {
        return verdict;
    }
    j->needs_key = false;
    j->options.has_key(j->options.context, &key);
    return VERDICT_NEXT;
}

/* The code of an error is its first word; the rest is for people. */
static bool has_code(struct slice error, const char *code)
{
    size_t size = strlen(code);

    return error.size > size && memcmp(error.data, code, size) == 0 && error.data[size] == ' ';
}

static enum join_verdict judge_error(struct join *j)
{
    struct slice in = buffer_slice(&j->in);
    const char *end = memchr(in.data, '\r', in.size);

    if (end == NULL) {
        return VERDICT_MORE;
    }

    struct slice error = slice_of(in.data + 1, (size_t)(end - in.data - 1));
    bool is_rakit = !has_code(error, ERROR_CODE_UNKNOWN_COMMAND);

    snprintf(j->text, sizeof j->text, "the contact %s:%u refused: %.*s%s", j->options.contact.host,
             (unsigned)j->options.contact.port, (int)(error.size < 700 ? error.size : 700),
             error.data, is_rakit ? "" : " (is it a Rakit server?)");
    /* A contact that was itself removed answers CLUSTERDOWN. */
    j->was_removed = has_code(error, ERROR_CODE_REMOVED);
    if (has_code(error, ERROR_CODE_IN_DOUBT)) {
        return VERDICT_RETRY;
    }
    j->is_asked = false; /* All other errors mean that it was not executed. */
    return has_code(error, ERROR_CODE_CLUSTER_DOWN) || has_code(error, ERROR_CODE_TRY_AGAIN) ||
                   has_code(error, ERROR_CODE_UNREACHED) || has_code(error, ERROR_CODE_LOADING) ||
                   slice_equal(error, slice_str(ERROR_MANY_CLIENTS))
               ? VERDICT_RETRY
               : VERDICT_FAILED;
}

static enum join_verdict judge(struct join *j)
{
    struct slice in = buffer_slice(&j->in);

    if (in.size > 0 && in.data[0] == '-') {
        return judge_error(j);
    }

    enum join_verdict verdict = j->options.only_ask ? judge_info(j, in)
                                : j->needs_key      ? judge_key(j, in)
                                                    : judge_added(j, in);

    if (verdict == VERDICT_FAILED) {
        /* A reply of another shape may come from another version that did execute it; bytes that
         * are not a reply do not. */
        j->is_asked = j->is_asked && in.size > 0 && strchr("+:$*", in.data[0]) != NULL;
        snprintf(j->text, sizeof j->text,
                 "the contact %s:%u does not answer like a Rakit server: give the host and the "
                 "client port of a member of the cluster",
                 j->options.contact.host, (unsigned)j->options.contact.port);
    }
    return verdict;
}

/* --- the connection ------------------------------------------------------------------ */

static char *join_room(struct io_stream *stream, size_t *ret_size)
{
    struct join *j = container_of(stream, struct join, stream);

    *ret_size = JOIN_READ_BYTES;
    return buffer_reserve(&j->in, JOIN_READ_BYTES);
}

static void join_received(struct io_stream *stream, int64_t size)
{
    struct join *j = container_of(stream, struct join, stream);

    if (size == -EPROTO) {
        snprintf(j->text, sizeof j->text,
                 "the contact %s:%u refuses TLS with this node: is the certificate of this node "
                 "from an authority that the contact believes?",
                 j->options.contact.host, (unsigned)j->options.contact.port);
        decide(j, VERDICT_RETRY);
        return;
    }
    if (size <= 0 || buffer_size(&j->in) > JOIN_REPLY_BYTES_MAX) {
        snprintf(j->text, sizeof j->text,
                 "the contact %s:%u ended the connection without an answer: is it a Rakit server, "
                 "and is that its client port? If that is for TLS: --tls-contact yes",
                 j->options.contact.host, (unsigned)j->options.contact.port);
        decide(j, VERDICT_RETRY);
        return;
    }
    buffer_commit(&j->in, (size_t)size);
    decide(j, judge(j));
}

static void join_sent(struct io_stream *stream, int status)
{
    struct join *j = container_of(stream, struct join, stream);

    if (status < 0) {
        decide(j, VERDICT_RETRY);
    }
}

static void join_closed(struct io_stream *stream)
{
    struct join *j = container_of(stream, struct join, stream);

    j->is_open = false;
    conclude(j);
}

static void put_add(struct resp_writer *w, const struct join_options *o)
{
    const struct member_address *self = &o->self;
    bool has_name = self->name[0] != 0;

    resp_array(w, 6u + (has_name ? 2 : 0) + (o->replaces != NULL ? 2 : 0) + o->is_learner);
    resp_bulk_text(w, "RAFT");
    resp_bulk_text(w, "ADD");
    resp_bulkf(w, "%016llx", (unsigned long long)self->id);
    resp_bulk_text(w, self->client.host);
    resp_bulkf(w, "%u", (unsigned)self->client.port);
    resp_bulkf(w, "%u", (unsigned)self->peer_port);
    if (has_name) {
        resp_bulk_text(w, "NAME");
        resp_bulk_text(w, self->name);
    }
    if (o->replaces != NULL) {
        resp_bulk_text(w, "REPLACE");
        resp_bulk_text(w, o->replaces);
    }
    if (o->is_learner) {
        resp_bulk_text(w, "LEARNER");
    }
}

static void put_request(struct join *j)
{
    struct resp_writer w = {.out = &j->out, .version = 2};

    buffer_clear(&j->out);
    if (j->options.only_ask) {
        resp_array(&w, 2);
        resp_bulk_text(&w, "RAFT");
        resp_bulk_text(&w, "HERE");
        return;
    }
    if (j->needs_key) {
        resp_array(&w, 3);
        resp_bulk_text(&w, "RAFT");
        resp_bulk_text(&w, "KEY");
        resp_bulkf(&w, "%016llx", (unsigned long long)j->options.self.id);
        return;
    }
    put_add(&w, &j->options);
}

static void join_connected(struct io_connect *connect, int status)
{
    struct join *j = container_of(connect, struct join, connect);

    j->is_connecting = false;
    if (status < 0) {
        snprintf(j->text, sizeof j->text,
                 "the contact %s:%u can't be reached: %s; give the host and the client port of a "
                 "running member",
                 j->options.contact.host, (unsigned)j->options.contact.port, address_fault(status));
        uint64_t until_ns = status == -EAGAIN ? j->name_until_ns : j->reach_until_ns;

        j->verdict = io_now_ns(j->options.io) < until_ns ? VERDICT_RETRY : VERDICT_FAILED;
        conclude(j);
        return;
    }
    j->is_open = true;
    j->is_asked = !j->options.only_ask && !j->needs_key;
    put_request(j);
    if (io_stream_write(j->options.io, &j->stream, buffer_begin(&j->out), buffer_size(&j->out)) <
        0) {
        decide(j, VERDICT_RETRY);
    }
}

static void timer_fired(struct io_timer *timer)
{
    struct join *j = container_of(timer, struct join, timer);

    if (!j->is_open && !j->is_connecting) {
        attempt(j);
        return;
    }
    snprintf(j->text, sizeof j->text, "the contact %s:%u did not answer in time",
             j->options.contact.host, (unsigned)j->options.contact.port);
    if (j->is_connecting) {
        io_connect_cancel(j->options.io, &j->connect);
    } else {
        decide(j, VERDICT_FAILED);
    }
}

static void attempt(struct join *j)
{
    bool is_short = j->options.only_ask && !MUTANT(silent_contact_awaited);

    j->verdict = VERDICT_MORE;
    buffer_clear(&j->in);
    j->is_connecting = true;
    io_connect(j->options.io, &j->connect, &j->stream, &j->options.contact);
    io_timer_start(j->options.io, &j->timer,
                   io_now_ns(j->options.io) + (is_short ? ONLY_ASK_NS : ANSWER_NS));
}

struct join *join_start(const struct join_options *options)
{
    struct join *j = memory_take_zeroed(1, sizeof *j);

    j->options = *options;
    j->needs_key = options->wants_key;
    j->stream = (struct io_stream){
        .room = join_room,
        .received = join_received,
        .sent = join_sent,
        .closed = join_closed,
        .tls = options->tls,
    };
    j->connect = (struct io_connect){.connected = join_connected, .stream = &j->stream};
    j->timer.fired = timer_fired;
    j->give_up_ns = io_now_ns(options->io) + options->patience_ns;
    j->reach_until_ns = io_now_ns(options->io) + REACH_NS;
    j->name_until_ns = io_now_ns(options->io) + NAME_NS;
    attempt(j);
    return j;
}

void join_free(struct join *j)
{
    if (j != NULL) {
        io_timer_stop(j->options.io, &j->timer);
        buffer_deinit(&j->out);
        buffer_deinit(&j->in);
        free(j);
    }
}
