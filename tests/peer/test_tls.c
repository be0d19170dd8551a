/* Two nodes with TLS between them, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../io/certificates.h"
#include "io/io_uv.h"
#include "peer/peers.h"

static struct authority authority;
static struct authority stranger;
static const struct store_key the_key = {"the thirty-two bytes of the key."};

enum { LISTENER = 10, DIALER = 20, CLUSTER = 77, PATIENCE_MS = 1500, MS_NS = 1000 * 1000 };

struct side {
    struct peers peers;
    struct io_tls tls;
    enum wire_refusal refusal;
    int failed_count;
    char reason[128];
};

/* What became of an attempt. */
struct outcome {
    bool is_up;
    enum wire_refusal refusal; /* That the dialer has heard; 0: none. */
    int failed_count;          /* Handshakes that the listener saw fail. */
    char reason[128];
};

static void on_lost(void *context, raft_id id)
{
}

static void on_refused(void *context, raft_id id, enum wire_refusal refusal)
{
    struct side *s = context;

    s->refusal = refusal;
}

static void on_failed(void *context, const struct io_tls_fault *fault)
{
    struct side *s = context;

    s->failed_count++;
    snprintf(s->reason, sizeof s->reason, "%s", fault->reason);
}

struct span {
    struct io *io;
    struct io_timer timer;
};

static void on_span_over(struct io_timer *timer)
{
    io_uv_stop(container_of(timer, struct span, timer)->io);
}

static void run_a_millisecond(struct io *io)
{
    struct span span = {.io = io, .timer = {.fired = on_span_over}};

    io_timer_start(io, &span.timer, io_now_ns(io) + MS_NS);
    io_uv_run(io);
}

static struct io_address loopback(uint16_t port)
{
    return (struct io_address){.host = "127.0.0.1", .port = port};
}

/* A node with that certificate of `of`; NULL: it speaks no TLS. */
static void start(struct side *s, struct io *io, raft_id id, struct authority *of,
                  const char *certificate, const char *name)
{
    struct peers_options options = {
        .self = {.id = id, .client = loopback(8000)},
        .host = loopback(0),
        .election_timeout_ns = 1000ull * MS_NS,
        .level = 1,
        .version = WIRE_VERSION,
    };
    struct peers_events events = {
        .context = s, .lost = on_lost, .forwards_lost = on_lost, .refused = on_refused};
    struct peers_source source = {.raft = NULL};

    *s = (struct side){
        .tls = {.trust = IO_TLS_AUTHORITIES, .name = name, .failed = on_failed, .context = s}};
    if (of != NULL) {
        s->tls.credentials = authority_load(of, io, certificate, false);
        options.tls = &s->tls;
    }
    assert_int_equal(peers_start(&s->peers, io, NULL, &events, &options), 0);
    peers_open(&s->peers, CLUSTER, 1, &the_key, &source);
}

/* The dialer learns where the listener is. */
static void introduce(struct side *dialer, const struct side *listener)
{
    struct raft_configuration c = {.member_count = 1};
    struct member_address address = {
        .id = LISTENER, .client = loopback(8000), .peer_port = listener->peers.self.peer_port};
    struct membership *m;

    c.members[0] = (struct raft_member){.id = LISTENER, .incoming = true};
    m = membership_next(NULL, &c, &address);
    peers_set_members(&dialer->peers, m);
    membership_free(m);
}

static struct outcome dial(struct authority *of, const char *certificate, const char *name)
{
    struct io *io = io_uv_new();
    struct side listener;
    struct side dialer;
    struct outcome outcome = {.is_up = false};

    start(&listener, io, LISTENER, &authority, "node", name);
    start(&dialer, io, DIALER, of, certificate, name);
    introduce(&dialer, &listener);
    for (int i = 0;
         i < PATIENCE_MS && !outcome.is_up && outcome.refusal == 0 && listener.failed_count == 0;
         i++) {
        run_a_millisecond(io);
        outcome.is_up = peers_is_connected(&dialer.peers, LISTENER);
        outcome.refusal = dialer.refusal;
    }
    outcome.failed_count = listener.failed_count;
    snprintf(outcome.reason, sizeof outcome.reason, "%s", listener.reason);
    peers_deinit(&dialer.peers);
    peers_deinit(&listener.peers);
    io_uv_free(io);
    io_credentials_free(listener.tls.credentials);
    io_credentials_free(dialer.tls.credentials);
    return outcome;
}

static void test_tls__nodes_with_their_certificates_meet(void **state)
{
    struct outcome outcome = dial(&authority, "node", NULL);

    assert_true(outcome.is_up);
    assert_int_equal(outcome.failed_count, 0);
}

static void test_tls__a_node_needs_a_certificate_of_the_authority(void **state)
{
    struct outcome outcome = dial(&stranger, "node", NULL);

    assert_false(outcome.is_up);
    assert_true(outcome.failed_count > 0);
    outcome = dial(NULL, NULL, NULL);
    assert_false(outcome.is_up);
    assert_string_equal(outcome.reason, "the other side does not speak TLS");
}

/* A certificate of the authority, and the key of the cluster, but not the host that it claims. */
static void test_tls__a_certificate_must_name_the_host_that_dials(void **state)
{
    struct outcome outcome = dial(&authority, "elsewhere", NULL);

    assert_false(outcome.is_up);
    assert_int_equal(outcome.refusal, WIRE_OTHER_NAME);
}

static void test_tls__or_the_name_that_all_nodes_share(void **state)
{
    struct outcome outcome = dial(&authority, "node", "db.example.com");

    assert_true(outcome.is_up);
    outcome = dial(&authority, "other", "db.example.com");
    assert_false(outcome.is_up);
    assert_string_equal(outcome.reason, "hostname mismatch");
}

static int make_authorities(void **state)
{
    authority_make(&authority);
    authority_make(&stranger);
    authority_issue(&authority, "node", "IP:127.0.0.1,DNS:db.example.com", -3600, 3600);
    authority_issue(&authority, "elsewhere", "IP:192.0.2.1", -3600, 3600);
    authority_issue(&authority, "other", "IP:127.0.0.1", -3600, 3600);
    authority_issue(&stranger, "node", "IP:127.0.0.1", -3600, 3600);
    return 0;
}

static int remove_authorities(void **state)
{
    authority_deinit(&authority);
    authority_deinit(&stranger);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls__nodes_with_their_certificates_meet),
        cmocka_unit_test(test_tls__a_node_needs_a_certificate_of_the_authority),
        cmocka_unit_test(test_tls__a_certificate_must_name_the_host_that_dials),
        cmocka_unit_test(test_tls__or_the_name_that_all_nodes_share),
    };

    return cmocka_run_group_tests_name("peer/tls", tests, make_authorities, remove_authorities);
}
