/* tls.c - see tls.h. */
#include "server/tls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/human.h"
#include "base/list.h"
#include "base/mutant.h"
#include "server/config.h"

enum {
    DAY_S = 24 * 3600,
    NOTICE_DAYS = 30,     /* Before a certificate or an authority ends. */
    LIST_NOTICE_DAYS = 1, /* Before a list of revocations must be replaced: it is often. */
};

/* Whose faults share one line a minute. */
enum { FAULTS_OF_CLIENTS = 1, FAULTS_OF_DIALED = 2 };

static const uint64_t LOOK_NS = 2 * 1000 * 1000 * 1000ull;

static uint64_t now_s(const struct tls *t)
{
    return io_wall_ns(t->io) / 1000000000;
}

/* --- what ends when -------------------------------------------------------------------- */

static void put_time(struct buffer *out, uint64_t at_s)
{
    if (at_s > 0) {
        human_put_utc(out, at_s * 1000000);
    }
}

/* Announces that something ends soon, or has ended. */
static bool warn_of_end(const struct tls *t, const char *what, uint64_t ends_s,
                        uint64_t notice_days, const char *advice)
{
    uint64_t now = now_s(t);
    struct buffer when = {0};

    if (ends_s == 0 || now + notice_days * DAY_S < ends_s || MUTANT(tls_end_unannounced)) {
        return false;
    }
    put_time(&when, ends_s);
    log_write(t->log, LOG_WARN,
              ends_s <= now ? "a file of TLS is out of date"
                            : "a file of TLS must be replaced soon",
              "what=" LOG_Q " ends=%.*s advice=" LOG_Q, what, (int)buffer_size(&when),
              buffer_begin(&when), advice);
    buffer_deinit(&when);
    return true;
}

/* Once a day. */
static void warn_of_ends(struct tls *t)
{
    const struct io_credentials_facts *facts = io_credentials_get_facts(t->credentials);
    uint64_t now = now_s(t);
    bool is_due = t->warned_s == 0 || now >= t->warned_s + DAY_S;

    if (!is_due) {
        return;
    }

    bool has_warned =
        warn_of_end(t, "certificate", facts->ends_s, NOTICE_DAYS,
                    "replace the files of --tls-cert-file and --tls-key-file: they are read again "
                    "by themselves");

    has_warned |= warn_of_end(t, "authority", facts->authorities_end_s, NOTICE_DAYS,
                              "replace the file of --tls-ca-cert-file");
    has_warned |= warn_of_end(t, "list of revocations", facts->revocations_end_s, LIST_NOTICE_DAYS,
                              "replace the file of --tls-crl-file: once it has ended, nobody is "
                              "believed");
    if (has_warned) {
        t->warned_s = now;
    }
}

/* --- loading ----------------------------------------------------------------------------- */

static void take(struct tls *t, struct io_credentials *credentials, uint64_t digest)
{
    io_credentials_free(t->credentials);
    t->credentials = credentials;
    t->clients.credentials = credentials;
    t->contact.credentials = credentials;
    t->peers.credentials = credentials;
    t->digest = digest;
    t->loaded_s = now_s(t);
    t->warned_s = 0;
    t->doubt[0] = '\0';
    t->fault[0] = '\0';

    struct buffer when = {0};

    put_time(&when, io_credentials_get_facts(credentials)->ends_s);
    log_write(t->log, LOG_INFO, "the certificates of TLS were loaded",
              "certificate=" LOG_Q " ends=%.*s", io_credentials_get_facts(credentials)->subject,
              (int)buffer_size(&when), buffer_begin(&when));
    buffer_deinit(&when);
    warn_of_ends(t);
}

/* Files that are being replaced may not fit each other for a moment, so a fault counts only if the
 * next look finds it, too. */
static void doubt(struct tls *t, const char *text)
{
    bool is_sure = strcmp(t->doubt, text) == 0;

    if (is_sure && strcmp(t->fault, text) != 0) {
        snprintf(t->fault, sizeof t->fault, "%s", text);
        log_write(t->log, LOG_WARN,
                  "the new files of TLS cannot be used: those that were loaded stay in use",
                  "reason=" LOG_Q, text);
    }
    snprintf(t->doubt, sizeof t->doubt, "%s", text);
}

static bool has_ended(const struct tls *t, const struct io_credentials *credentials)
{
    return io_credentials_get_facts(credentials)->ends_s <= now_s(t);
}

/* On the worker. */
static void look_at_files(struct io_job *job)
{
    struct tls_look *look = container_of(job, struct tls_look, job);
    struct tls *t = container_of(look, struct tls, look);

    look->status = io_credentials_load(t->io, &t->config->tls.files, &look->digest,
                                       &look->credentials, look->text, sizeof look->text);
}

static void looked(struct io_job *job)
{
    struct tls_look *look = container_of(job, struct tls_look, job);
    struct tls *t = container_of(look, struct tls, look);
    struct io_credentials *found = look->credentials;

    look->credentials = NULL;
    if (look->status < 0) {
        doubt(t, look->text);
        MUTANT_DO(tls_broken_files_taken, t->clients.credentials = NULL);
    } else if (look->status == 1) {
        t->doubt[0] = '\0';
        t->fault[0] = '\0';
    } else if (has_ended(t, found) && !has_ended(t, t->credentials)) {
        io_credentials_free(found);
        doubt(t, "the certificate has ended already");
    } else {
        t->reload_count++;
        take(t, found, look->digest);
    }
    warn_of_ends(t);
    io_timer_start(t->io, &t->timer, io_now_ns(t->io) + LOOK_NS);
}

static void timer_fired(struct io_timer *timer)
{
    struct tls *t = container_of(timer, struct tls, timer);

    t->look = (struct tls_look){.job = {.run = look_at_files, .done = looked}, .digest = t->digest};
    io_worker_submit(t->worker, &t->look.job);
}

/* --- faults ------------------------------------------------------------------------------ */

/* Strangers can cause these, so they share one line a minute. */
static void failed(void *context, const struct io_tls_fault *fault)
{
    struct tls *t = context;
    uint64_t count = 0;

    if (complaints_is_due(&t->complaints, fault->is_dialed ? FAULTS_OF_DIALED : FAULTS_OF_CLIENTS,
                          io_now_ns(t->io), &count)) {
        log_write(t->log, LOG_WARN,
                  fault->is_dialed ? "a connection from here could not be encrypted"
                                   : "a connection to here could not be encrypted",
                  "peer=%s reason=" LOG_Q " count=%" PRIu64, fault->peer, fault->reason, count);
    }
}

/* --- life -------------------------------------------------------------------------------- */

static bool load_first(struct tls *t, char *text, size_t text_size)
{
    struct io_credentials *credentials = NULL;
    uint64_t digest = 0;

    if (io_credentials_load(t->io, &t->config->tls.files, &digest, &credentials, text, text_size) <
        0) {
        return false;
    }
    take(t, credentials, digest);
    return true;
}

bool tls_start(struct tls *t, struct io *io, const struct server_config *config,
               const struct log *log, char *text, size_t text_size)
{
    const struct tls_config *settings = &config->tls;

    *t = (struct tls){.log = log, .config = config, .timer = {.fired = timer_fired}};
    if (settings->files.certificate == NULL) {
        return true;
    }
    t->io = io;
    t->clients =
        (struct io_tls){.trust = settings->clients, .yields = true, .failed = failed, .context = t};
    t->contact = (struct io_tls){
        .trust = IO_TLS_AUTHORITIES, .name = settings->name, .failed = failed, .context = t};
    t->peers = t->contact;
    if (!load_first(t, text, text_size)) {
        t->io = NULL;
        return false;
    }
    t->worker = io_worker_start(io, "tls");
    io_timer_start(io, &t->timer, io_now_ns(io) + LOOK_NS);
    return true;
}

void tls_end(struct tls *t)
{
    if (t->io != NULL) {
        io_timer_stop(t->io, &t->timer);
        io_worker_stop(t->worker);
        io_credentials_free(t->look.credentials);
        io_credentials_free(t->credentials);
        t->io = NULL;
    }
}

void tls_set_log(struct tls *t, const struct log *log)
{
    t->log = log;
}

struct io_tls *tls_for_clients(struct tls *t)
{
    return t->io != NULL && t->config->tls.port != 0 ? &t->clients : NULL;
}

struct io_tls *tls_for_contact(struct tls *t)
{
    return t->io != NULL && tls_config_of_contact(t->config) ? &t->contact : NULL;
}

struct io_tls *tls_for_peers(struct tls *t)
{
    return t->io != NULL && t->config->tls.cluster ? &t->peers : NULL;
}

/* --- INFO -------------------------------------------------------------------------------- */

static void put_end(const struct tls *t, struct buffer *out, const char *name, uint64_t ends_s)
{
    buffer_printf(out, "tls_%s_ends:", name);
    put_time(out, ends_s);
    buffer_printf(out, "\r\ntls_%s_seconds_left:%lld\r\n", name,
                  ends_s == 0         ? -1ll
                  : ends_s > now_s(t) ? (long long)(ends_s - now_s(t))
                                      : 0ll);
}

void tls_put_info(const struct tls *t, struct buffer *out)
{
    const struct io_credentials_facts *facts;

    if (t->io == NULL) {
        return;
    }
    facts = io_credentials_get_facts(t->credentials);
    buffer_printf(out, "tls_port:%u\r\ntls_certificate:%s\r\n", (unsigned)t->config->tls.port,
                  facts->subject);
    put_end(t, out, "certificate", facts->ends_s);
    put_end(t, out, "authorities", facts->authorities_end_s);
    put_end(t, out, "revocations", facts->revocations_end_s);
    buffer_printf(out, "tls_loaded:");
    put_time(out, t->loaded_s);
    buffer_printf(out,
                  "\r\ntls_reloads:%" PRIu64 "\r\n"
                  "tls_fault:%s\r\n"
                  "tls_client_handshakes:%" PRIu64 "\r\n"
                  "tls_client_handshakes_failed:%" PRIu64 "\r\n"
                  "tls_cluster:%d\r\n"
                  "tls_peer_handshakes:%" PRIu64 "\r\n"
                  "tls_peer_handshakes_failed:%" PRIu64 "\r\n",
                  t->reload_count, t->fault, t->clients.opened_count, t->clients.failed_count,
                  t->config->tls.cluster ? 1 : 0, t->peers.opened_count, t->peers.failed_count);
}
