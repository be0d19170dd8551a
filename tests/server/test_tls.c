/* The certificates of a node: what changes in their files is noticed, and what is wrong there does
 * no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../io/certificates.h"
#include "../io/fixture.h"
#include "server/config.h"
#include "server/tls.h"

enum { DAYS_S = 24 * 3600, LINES_MAX = 32 };

static struct authority authority;

/* What was logged. */
struct lines {
    char text[LINES_MAX][768];
    int count;
};

static void keep_line(void *context, enum log_level level, const char *event, const char *fields)
{
    struct lines *lines = context;

    if (lines->count < LINES_MAX) {
        snprintf(lines->text[lines->count++], sizeof lines->text[0], "%s %s", event, fields);
    }
}

struct world {
    struct fixture *f;
    struct server_config config;
    struct tls tls;
    struct log log;
    struct lines lines;
    char paths[3][160];
};

static int count_lines(const struct world *w, const char *part)
{
    int count = 0;

    for (int i = 0; i < w->lines.count; i++) {
        count += strstr(w->lines.text[i], part) != NULL ? 1 : 0;
    }
    return count;
}

static void copy_file(const char *from, const char *to)
{
    char command[512];

    snprintf(command, sizeof command, "cp -p '%s' '%s.new' && mv '%s.new' '%s'", from, to, to, to);
    assert_int_equal(system(command), 0);
}

/* Puts the certificate and the key of that name where the node looks for its own. */
static void install(struct world *w, const char *name, bool with_key)
{
    char file[64];

    snprintf(file, sizeof file, "%s.crt", name);
    copy_file(authority_path(&authority, file), w->paths[0]);
    snprintf(file, sizeof file, "%s.key", name);
    if (with_key) {
        copy_file(authority_path(&authority, file), w->paths[1]);
    }
}

static bool start(struct world *w, struct fixture *f, const char *name, char *text, size_t size)
{
    *w = (struct world){.f = f};
    w->log = (struct log){.level = LOG_INFO, .sink = keep_line, .context = &w->lines};
    snprintf(w->paths[0], sizeof w->paths[0], "%s", authority_path(&authority, "here.crt"));
    snprintf(w->paths[1], sizeof w->paths[1], "%s", authority_path(&authority, "here.key"));
    snprintf(w->paths[2], sizeof w->paths[2], "%s", authority_path(&authority, "ca.crt"));
    install(w, name, true);
    server_config_defaults(&w->config);
    w->config.tls.port = 1;
    w->config.tls.files = (struct io_tls_files){
        .certificate = w->paths[0], .key = w->paths[1], .authorities = w->paths[2]};
    return tls_start(&w->tls, f->io, &w->config, &w->log, text, size);
}

static void start_well(struct world *w, struct fixture *f, const char *name)
{
    char text[512] = "";

    if (!start(w, f, name, text, sizeof text)) {
        fail_msg("%s", text);
    }
}

/* Looks at the files `times` times. */
static void look(struct world *w, int times)
{
    for (int i = 0; i < times; i++) {
        uint64_t before_ns = io_now_ns(w->f->io);

        io_timer_start(w->f->io, &w->tls.timer, before_ns);
        run_for(w->f, MS_NS);
        while (w->tls.timer.backend == NULL) { /* Until the worker has answered. */
            run_for(w->f, MS_NS);
        }
    }
}

static const struct io_credentials_facts *facts_of(const struct world *w)
{
    return io_credentials_get_facts(w->tls.clients.credentials);
}

static void test_tls__new_files_are_loaded_by_themselves(void **state)
{
    struct world w;

    start_well(&w, *state, "first");
    assert_ptr_equal(tls_for_clients(&w.tls), &w.tls.clients);
    assert_null(tls_for_contact(&w.tls));
    look(&w, 2);
    assert_int_equal(w.tls.reload_count, 0);
    assert_non_null(strstr(facts_of(&w)->subject, "CN=first"));
    install(&w, "second", true);
    look(&w, 1);
    assert_non_null(strstr(facts_of(&w)->subject, "CN=second"));
    assert_int_equal(w.tls.reload_count, 1);
    assert_int_equal(count_lines(&w, "the certificates of TLS were loaded"), 2);
    tls_end(&w.tls);
}

static void test_tls__broken_files_change_nothing(void **state)
{
    struct world w;
    struct buffer info = {0};

    start_well(&w, *state, "first");
    install(&w, "second", false); /* Its key is not there yet. */
    look(&w, 1);
    assert_int_equal(count_lines(&w, "cannot be used"), 0);
    look(&w, 2);
    assert_int_equal(count_lines(&w, "those that were loaded stay in use"), 1);
    assert_non_null(w.tls.clients.credentials);
    assert_non_null(strstr(facts_of(&w)->subject, "CN=first"));
    tls_put_info(&w.tls, &info);
    buffer_append(&info, "", 1);
    assert_non_null(strstr(buffer_begin(&info), "tls_certificate:/CN=first"));
    assert_non_null(strstr(buffer_begin(&info), "tls_fault:the key in "));
    install(&w, "second", true);
    look(&w, 1);
    assert_string_equal(w.tls.fault, "");
    assert_non_null(strstr(facts_of(&w)->subject, "CN=second"));
    install(&w, "past", true);
    look(&w, 2);
    assert_string_equal(w.tls.fault, "the certificate has ended already");
    assert_non_null(strstr(facts_of(&w)->subject, "CN=second"));
    assert_int_equal(unlink(w.paths[0]), 0);
    look(&w, 2);
    assert_non_null(strstr(w.tls.fault, "cannot open"));
    buffer_deinit(&info);
    tls_end(&w.tls);
}

static void test_tls__the_end_of_a_certificate_is_announced_once_a_day(void **state)
{
    struct world w;

    start_well(&w, *state, "first");
    look(&w, 1);
    assert_int_equal(count_lines(&w, "must be replaced soon"), 0);
    install(&w, "soon", true);
    look(&w, 3);
    assert_int_equal(count_lines(&w, "must be replaced soon"), 1);
    assert_int_equal(count_lines(&w, "out of date"), 0);
    w.tls.warned_s -= 25 * 3600;
    look(&w, 1);
    assert_int_equal(count_lines(&w, "must be replaced soon"), 2);
    tls_end(&w.tls);
    start_well(&w, *state, "past");
    assert_int_equal(count_lines(&w, "out of date"), 1);
    tls_end(&w.tls);
}

static void test_tls__a_node_does_not_start_without_its_files(void **state)
{
    struct world w;
    char text[512] = "";

    assert_int_equal(chmod(authority_path(&authority, "first.key"), 0644), 0);
    assert_false(start(&w, *state, "first", text, sizeof text));
    assert_non_null(strstr(text, "give it mode 600"));
    assert_int_equal(chmod(authority_path(&authority, "first.key"), 0600), 0);
    tls_end(&w.tls);
}

static void test_tls__is_not_used_without_files(void **state)
{
    struct fixture *f = *state;
    struct server_config config;
    struct tls tls;
    struct buffer info = {0};
    char text[64];

    server_config_defaults(&config);
    assert_true(tls_start(&tls, f->io, &config, NULL, text, sizeof text));
    assert_null(tls_for_clients(&tls));
    tls_put_info(&tls, &info);
    assert_int_equal(buffer_size(&info), 0);
    tls_end(&tls);
}

static void test_tls__strangers_cannot_fill_the_log(void **state)
{
    struct world w;
    struct io_tls_fault fault = {.peer = "192.0.2.1:1", .reason = "it does not speak TLS"};

    start_well(&w, *state, "first");
    for (int i = 0; i < 100; i++) {
        w.tls.clients.failed(w.tls.clients.context, &fault);
    }
    assert_int_equal(count_lines(&w, "peer=192.0.2.1:1 reason=\"it does not speak TLS\" count=1"),
                     1);
    assert_int_equal(count_lines(&w, "could not be encrypted"), 1);
    tls_end(&w.tls);
}

static int make_authority(void **state)
{
    authority_make(&authority);
    authority_issue(&authority, "first", "IP:127.0.0.1", -3600, 60 * DAYS_S);
    authority_issue(&authority, "second", "IP:127.0.0.1", -3600, 61 * DAYS_S);
    authority_issue(&authority, "soon", "IP:127.0.0.1", -3600, 29 * DAYS_S);
    authority_issue(&authority, "past", "IP:127.0.0.1", -7200, -3600);
    return 0;
}

static int remove_authority(void **state)
{
    authority_deinit(&authority);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_tls__new_files_are_loaded_by_themselves),
        IO_TEST(test_tls__broken_files_change_nothing),
        IO_TEST(test_tls__the_end_of_a_certificate_is_announced_once_a_day),
        IO_TEST(test_tls__a_node_does_not_start_without_its_files),
        IO_TEST(test_tls__is_not_used_without_files),
        IO_TEST(test_tls__strangers_cannot_fill_the_log),
    };

    return cmocka_run_group_tests_name("server/tls", tests, make_authority, remove_authority);
}
