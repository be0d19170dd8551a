/* The command line of rakit-server, and which settings can be used together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/options.h"

enum { WORDS_MAX = 24 };

struct parsed {
    struct options options;
    char line[512];
    char *argv[WORDS_MAX + 1];
    char text[512];
};

/* Parses "rakit-server" and the words of `line`. */
static enum options_result parse(struct parsed *p, const char *line)
{
    int argc = 1;
    char *rest = NULL;
    static char name[] = "rakit-server";

    snprintf(p->line, sizeof p->line, "%s", line);
    p->argv[0] = name;
    for (char *w = strtok_r(p->line, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
        assert_true(argc < WORDS_MAX);
        p->argv[argc] = w;
        argc++;
    }
    p->argv[argc] = NULL;
    p->text[0] = '\0';
    return options_parse(argc, p->argv, &p->options, p->text, sizeof p->text);
}

static void accept(struct parsed *p, const char *line)
{
    enum options_result result = parse(p, line);

    assert_string_equal(p->text, "");
    assert_int_equal(result, OPTIONS_RUN);
}

/* The line must be refused, with a text that contains `part`. */
static void refuse(const char *line, const char *part)
{
    struct parsed p;

    assert_int_equal(parse(&p, line), OPTIONS_REFUSED);
    if (strstr(p.text, part) == NULL) {
        fail_msg("'%s' was refused with: %s", line, p.text);
    }
}

static void test_options__take_host_and_port(void **state)
{
    struct parsed p;

    accept(&p, "localhost 8000");
    assert_string_equal(p.options.config.address.host, "localhost");
    assert_int_equal(p.options.config.address.port, 8000);
    assert_int_equal(p.options.config.peer_port, 18000);
    assert_string_equal(p.options.config.data_dir, "rakit-8000");
    assert_false(p.options.config.has_contact);
    assert_false(p.options.has_log_format);
    assert_int_equal(p.options.log_level, LOG_INFO);
}

static void test_options__take_a_contact(void **state)
{
    struct parsed p;

    accept(&p, "localhost 8003 example.org 8000");
    assert_true(p.options.config.has_contact);
    assert_string_equal(p.options.config.contact.host, "example.org");
    assert_int_equal(p.options.config.contact.port, 8000);
}

static void test_options__may_be_in_any_place(void **state)
{
    static const char *const lines[] = {
        "--data d --election-timeout 500 h 1 c 2",
        "h --data d 1 c --election-timeout 500 2",
        "h 1 c 2 --election-timeout=500 --data=d",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct parsed p;

        accept(&p, lines[i]);
        assert_string_equal(p.options.config.data_dir, "d");
        assert_int_equal(p.options.config.election_timeout_ns, 500000000);
        assert_string_equal(p.options.config.address.host, "h");
        assert_int_equal(p.options.config.contact.port, 2);
    }
}

static void test_options__set_tls(void **state)
{
    static const char files[] = "h 1 --tls-cert-file a --tls-key-file b --tls-ca-cert-file c ";
    char line[256];
    struct parsed p;

    snprintf(line, sizeof line, "%s --tls-port 6380 --tls-crl-file d", files);
    accept(&p, line);
    assert_int_equal(p.options.config.tls.port, 6380);
    assert_string_equal(p.options.config.tls.files.certificate, "a");
    assert_string_equal(p.options.config.tls.files.key, "b");
    assert_string_equal(p.options.config.tls.files.authorities, "c");
    assert_string_equal(p.options.config.tls.files.revocations, "d");
    assert_int_equal(p.options.config.tls.clients, IO_TLS_AUTHORITIES);
    assert_false(tls_config_is_only(&p.options.config));
    assert_false(tls_config_of_contact(&p.options.config));
    snprintf(line, sizeof line, "%s --tls-port 1 --tls-auth-clients optional", files);
    accept(&p, line);
    assert_int_equal(p.options.config.tls.clients, IO_TLS_IF_SHOWN);
    assert_true(tls_config_is_only(&p.options.config));
    assert_true(tls_config_of_contact(&p.options.config));
    accept(&p, "h 1 --tls-port 2 --tls-auth-clients no --tls-cert-file a --tls-key-file b");
    assert_int_equal(p.options.config.tls.clients, IO_TLS_ANYBODY);
    refuse("h 1 --tls-port 2", "TLS needs the certificate of this node");
    refuse("h 1 --tls-port 2 --tls-cert-file a", "TLS needs the certificate of this node");
    refuse("h 1 --tls-port 2 --tls-cert-file a --tls-key-file b", "--tls-ca-cert-file FILE names");
    refuse("h 1 --tls-cert-file a --tls-key-file b", "are used for nothing");
    refuse("h 1 --tls-cluster yes --tls-cert-file a --tls-key-file b", "--tls-ca-cert-file FILE");
    refuse("h 1 --tls-http maybe", "--tls-http takes yes or no, not 'maybe'");
    refuse("h 1 --http 2 --tls-http yes", "TLS needs the certificate of this node");
    accept(&p, "h 1 --http 2 --tls-http yes --tls-auth-clients no --tls-cert-file a "
               "--tls-key-file b");
    assert_true(tls_config_of_http(&p.options.config));
    snprintf(line, sizeof line, "%s --http 2 --tls-port 1", files);
    accept(&p, line);
    assert_true(tls_config_of_http(&p.options.config));
    refuse("h 1 --tls-cluster maybe", "--tls-cluster takes yes or no, not 'maybe'");
    snprintf(line, sizeof line, "%s --tls-cluster yes --tls-node-name db", files);
    accept(&p, line);
    assert_true(p.options.config.tls.cluster);
    assert_string_equal(p.options.config.tls.name, "db");
    refuse("h 1 --tls-ca-cert-file a", "TLS needs the certificate of this node");
    refuse("h 1 --tls-port 0", "--tls-port takes a port from 1 to 65535, not '0'");
    refuse("h 1 --tls-auth-clients maybe", "--tls-auth-clients takes yes, no or optional");
    refuse("h 1 --tls-contact maybe", "--tls-contact takes yes or no, not 'maybe'");
    refuse("h 1 --tls-node-name=", "--tls-node-name takes a name");
    refuse("h 1 --tls-port 10001 --tls-cert-file a --tls-key-file b --tls-auth-clients no",
           "must be another one");
}

static void test_options__set_everything(void **state)
{
    struct parsed p;

    accept(&p, "h 60000 --peer-port 60001 --heartbeat 20 --request-timeout 9000 "
               "--max-clients 7 --max-output-memory 3 --maxmemory 5mb --idle-timeout 30");
    assert_int_equal(p.options.maxmemory.bytes, 5 * 1024 * 1024);
    assert_int_equal(p.options.maxmemory.percent, 0);
    assert_int_equal(p.options.config.peer_port, 60001);
    assert_int_equal(p.options.config.heartbeat_interval_ns, 20000000);
    assert_int_equal(p.options.config.request_timeout_ns, 9000000000);
    assert_int_equal(p.options.config.clients_max, 7);
    assert_int_equal(p.options.config.output_memory_bytes, 3 * 1024 * 1024);
    assert_int_equal(p.options.config.client_idle_ns, 30000000000);
    accept(&p, "h 1 --cluster-mode redirect --follower-role replica");
    assert_int_equal(p.options.config.cluster_mode, CLUSTER_REDIRECTS);
    assert_true(p.options.config.followers_are_replicas);
    accept(&p, "h 1 --sentinel-port 26379 --sentinel-name cache");
    assert_int_equal(p.options.config.sentinel_port, 26379);
    assert_string_equal(p.options.config.sentinel_name, "cache");
    refuse("h 1 --sentinel-port 65536", "--sentinel-port takes a port from 1 to 65535, not");
    refuse("h 1 --sentinel-port 1", "must be another one");
    refuse("h 1 --sentinel-name a,b", "--sentinel-name takes");
    accept(&p, "h 1 --http 8080");
    assert_int_equal(p.options.config.http_port, 8080);
    refuse("h 1 --http 0", "--http takes a port from 1 to 65535, not '0'");
    refuse("h 1 --http 1", "must be another one");
    refuse("h 1 --cluster-mode on", "--cluster-mode takes no, yes or redirect, not 'on'");
    refuse("h 1 --follower-role slave", "--follower-role takes master or replica, not 'slave'");
    accept(&p, "h 1 --maxdisk 100gb");
    assert_int_equal(p.options.maxdisk.bytes, 100ull << 30);
    accept(&p, "h 1 --maxdisk 50%");
    assert_int_equal(p.options.maxdisk.percent, 50);
    accept(&p, "h 1 --maxdisk 0");
    assert_int_equal(p.options.maxdisk.bytes + p.options.maxdisk.percent, 0);
    accept(&p, "h 1 --log-level debug --log-format logfmt --protected-mode no");
    assert_int_equal(p.options.log_level, LOG_DEBUG);
    assert_true(p.options.has_log_format);
    assert_int_equal(p.options.log_format, LOG_LOGFMT);
    assert_false(p.options.config.protected_mode);
    accept(&p, "h 1 --log-format auto --protected-mode yes");
    assert_false(p.options.has_log_format);
    assert_true(p.options.config.protected_mode);
}

static void test_options__detect_that_only_loopback_would_be_served(void **state)
{
    static const char *const few[] = {"10.0.0.1 1", "0.0.0.0 1 --announce h", "h 1"};
    static const char *const all[] = {"localhost 1", "127.0.0.1 1", "127.1.2.3 1", "::1 1",
                                      "h 1 --protected-mode no"};
    struct parsed p;

    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        accept(&p, few[i]);
        assert_true(server_config_serves_few(&p.options.config));
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        accept(&p, all[i]);
        assert_false(server_config_serves_few(&p.options.config));
    }
}

static void test_options__detect_that_nobody_would_be_served(void **state)
{
    static const char *const none[] = {"10.0.0.1 1", "fe80::1 1", "2001:db8::1 1"};
    static const char *const some[] = {"0.0.0.0 1 --announce h",
                                       ":: 1 --announce h",
                                       "h 1",
                                       "fe80 1",
                                       "10 1",
                                       "0:0:0:0:0:0:0:1 1",
                                       "127.1.2.3 1",
                                       "localhost 1",
                                       "::1 1",
                                       "::ffff:127.0.0.1 1",
                                       "10.0.0.1 1 --protected-mode no"};
    struct parsed p;

    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        accept(&p, none[i]);
        assert_true(server_config_serves_nobody(&p.options.config));
    }
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        accept(&p, some[i]);
        assert_false(server_config_serves_nobody(&p.options.config));
    }
}

static void test_options__a_new_cluster_is_asked_for_by_a_word(void **state)
{
    struct parsed p;

    assert_int_equal(parse(&p, "localhost 8000"), OPTIONS_RUN);
    assert_false(p.options.config.is_new_cluster);
    assert_int_equal(parse(&p, "localhost 8000 --new-cluster"), OPTIONS_RUN);
    assert_true(p.options.config.is_new_cluster);
    assert_int_equal(parse(&p, "localhost 8001 localhost 8000 --new-cluster"), OPTIONS_REFUSED);
    assert_non_null(strstr(p.text, "--new-cluster"));
    assert_int_equal(parse(&p, "--new-cluster localhost 8001 localhost 8000"), OPTIONS_REFUSED);
}

static void test_options__a_recovery_is_asked_for_by_a_word(void **state)
{
    struct parsed p;

    accept(&p, "localhost 8000");
    assert_false(p.options.is_recovery);
    accept(&p, "localhost 8000 --recover");
    assert_true(p.options.is_recovery);
    assert_false(p.options.is_agreed);
    accept(&p, "localhost 8000 --recover --yes");
    assert_true(p.options.is_agreed);
    refuse("localhost 8001 localhost 8000 --recover", "leave out the contact");
    refuse("localhost 8000 --recover --new-cluster", "leave out --new-cluster");
    refuse("localhost 8000 --yes", "--recover");
}

static void test_options__a_backup_is_restored(void **state)
{
    struct parsed p;

    accept(&p, "localhost 8000");
    assert_null(p.options.config.restore_file);
    accept(&p, "localhost 8000 --restore there/backup");
    assert_string_equal(p.options.config.restore_file, "there/backup");
    assert_false(p.options.config.restore_point.has_index);
    accept(&p, "localhost 8000 --restore b --at 77");
    assert_true(p.options.config.restore_point.has_index);
    assert_int_equal(p.options.config.restore_point.index, 77);
    accept(&p, "localhost 8000 --restore b --at 2026-11-30T19:19:14.5Z");
    assert_false(p.options.config.restore_point.has_index);
    assert_true(p.options.config.restore_point.has_time);
    assert_int_equal(p.options.config.restore_point.time_us, 1796066354500000);
    refuse("localhost 8000 --restore b --at 0", "--at takes");
    refuse("localhost 8000 --restore b --at yesterday", "--at takes");
    refuse("localhost 8000 --at 5", "--restore");
    refuse("localhost 8000 --restore=", "name of a backup");
    refuse("localhost 8001 localhost 8000 --restore b", "leave out the contact");
    refuse("localhost 8000 --restore b --recover", "leave out --recover");
}

static void test_options__a_file_has_the_key(void **state)
{
    struct parsed p;

    assert_int_equal(parse(&p, "localhost 8000"), OPTIONS_RUN);
    assert_null(p.options.config.cluster_key_file);
    assert_int_equal(parse(&p, "localhost 8000 --cluster-key here/key"), OPTIONS_RUN);
    assert_string_equal(p.options.config.cluster_key_file, "here/key");
    assert_int_equal(parse(&p, "localhost 8000 --cluster-key="), OPTIONS_REFUSED);
}

static void test_options__show_help_and_version(void **state)
{
    struct parsed p;

    assert_int_equal(parse(&p, "--help"), OPTIONS_HELP);
    assert_int_equal(parse(&p, "h 1 --help --nonsense"), OPTIONS_HELP);
    assert_int_equal(parse(&p, "--version"), OPTIONS_VERSION);
    assert_non_null(strstr(options_help(1), "--election-timeout"));
    assert_non_null(strstr(options_version(), "rakit-server "));
}

static void test_options__refuse_what_is_not_an_address(void **state)
{
    refuse("", "a server needs a host and a port");
    refuse("localhost", "a server needs a host and a port");
    refuse("localhost 8000 localhost", "a contact needs a host and a port");
    refuse("a 1 b 2 c", "too many arguments");
    refuse("localhost 0", "from 1 to 65535, not '0'");
    refuse("localhost 65536", "from 1 to 65535");
    refuse("localhost +80", "not '+80'");
    refuse("localhost 80x", "not '80x'");
    refuse("localhost 99999999999999999999999", "from 1 to 65535");
    refuse("localhost 8000 other x", "contact's port");
}

static void test_options__refuse_a_host_that_is_too_long(void **state)
{
    char line[400];

    memset(line, 'h', 300);
    snprintf(line + 300, sizeof line - 300, " 8000");
    refuse(line, "1 to 255 characters");
}

static void test_options__refuse_unknown_and_incomplete_options(void **state)
{
    refuse("localhost 8000 --nonsense", "there is no option --nonsense; see --help");
    refuse("localhost 8000 -x", "there is no option -x");
    refuse("localhost 8000 -xh", "there is no option -x;");
    refuse("localhost 8000 --data", "--data needs a value");
    refuse("localhost 8000 --help=1", "--help");
}

static void test_options__refuse_bad_values_and_say_which_are_good(void **state)
{
    refuse("h 1 --peer-port 0", "from 1 to 65535, not '0'");
    refuse("h 1 --election-timeout 0", "milliseconds from 1 to");
    refuse("h 1 --heartbeat -5", "milliseconds from 1 to");
    refuse("h 1 --feature-level 0", "takes a level from 1 to");
    refuse("h 1 --feature-level 99", "takes a level from 1 to");
    refuse("h 1 --request-timeout fast", "milliseconds from 1 to 3600000, not 'fast'");
    refuse("h 1 --max-clients 0", "a number from 1 to");
    refuse("h 1 --max-output-memory 0", "megabytes from 1 to 1048576, not '0'");
    refuse("h 1 --maxmemory 2tons", "from 1% to 100%, not '2tons'");
    refuse("h 1 --maxdisk 1mb", "16mb or more, also as 100gb");
    refuse("h 1 --maxdisk 101%", "from 1% to 100%, not '101%'");
    refuse("h 1 --idle-timeout x", "seconds from 0 (never)");
    refuse("h 1 --log-level loud", "debug, info, warn or error, not 'loud'");
    refuse("h 1 --log-format xml", "plain, logfmt or auto, not 'xml'");
    refuse("h 1 --protected-mode maybe", "yes or no, not 'maybe'");
}

/* A small disk gets small segments. */
static void test_config__fits_the_log_to_the_disk(void **state)
{
    struct server_config c;

    server_config_defaults(&c);
    c.machine_disk_bytes = 1ull << 40;
    server_config_fit_disk(&c);
    assert_int_equal(c.segment_bytes, 64 << 20);
    assert_int_equal(c.snapshot_after_bytes, 64 << 20);
    c.disk_bytes_max = 100 << 20;
    server_config_fit_disk(&c);
    assert_int_equal(c.segment_bytes, (100 << 20) / 32 / 4096 * 4096);
    assert_int_equal(c.snapshot_after_bytes, (100 << 20) / 8);
    assert_int_equal(c.log_tail_bytes, (100 << 20) / 16);
    c.machine_disk_bytes = 32 << 20; /* The file system is smaller than the limit. */
    server_config_fit_disk(&c);
    assert_int_equal(c.segment_bytes, 1 << 20);
}

static void test_options__ask_for_a_peer_port_if_the_default_does_not_exist(void **state)
{
    struct parsed p;

    refuse("h 60000", "--peer-port");
    refuse("h 55536", "--peer-port");
    accept(&p, "h 55535");
    assert_int_equal(p.options.config.peer_port, 65535);
    refuse("h 8000 --peer-port 8000", "two different ports");
}

static void test_options__refuse_times_that_make_no_sense_together(void **state)
{
    struct parsed p;

    refuse("h 1 --election-timeout 100", "at least 3 times the heartbeat");
    refuse("h 1 --heartbeat 101", "at least 3 times the heartbeat");
    refuse("h 1 --request-timeout 299", "below the election timeout");
    accept(&p, "h 1 --heartbeat 100");
}

static void test_options__take_an_announced_address_in_brackets(void **state)
{
    struct parsed p;
    struct io_address announced;

    (void)state;
    accept(&p, "h 8000 --announce [2001:db8::1]");
    announced = server_config_announced(&p.options.config);
    assert_string_equal(announced.host, "2001:db8::1");
    refuse("h 8000 --announce [::]", "--announce");
}

static void test_config__defaults_make_sense(void **state)
{
    struct server_config c;

    server_config_defaults(&c);
    assert_non_null(server_config_check(&c)); /* There is no address yet. */
    snprintf(c.address.host, sizeof c.address.host, "localhost");
    c.address.port = 8000;
    c.data_dir = "d";
    assert_null(server_config_check(&c));
    c.segment_bytes += 1;
    assert_non_null(server_config_check(&c));
}

static void test_options__of_a_joining_node(void **state)
{
    struct options o;
    char text[512];
    char *named[] = {"rakit-server", "--name", "north-1", "--replace", "old-1", "h", "1", "c", "2"};
    char *hex[] = {"rakit-server", "--name", "cafe", "h", "1"};
    char *both[] = {"rakit-server", "--learner", "--replace", "old-1", "h", "1", "c", "2"};
    char *none[] = {"rakit-server", "--replace", "", "h", "1", "c", "2"};
    char *alone[] = {"rakit-server", "--learner", "h", "1"};

    (void)state;
    assert_int_equal(options_parse(9, named, &o, text, sizeof text), OPTIONS_RUN);
    assert_string_equal(o.config.name, "north-1");
    assert_string_equal(o.config.replaces, "old-1");
    assert_false(o.config.is_learner);
    assert_int_equal(options_parse(5, hex, &o, text, sizeof text), OPTIONS_REFUSED);
    assert_non_null(strstr(text, "must not be a hexadecimal number"));
    assert_int_equal(options_parse(8, both, &o, text, sizeof text), OPTIONS_REFUSED);
    assert_int_equal(options_parse(7, none, &o, text, sizeof text), OPTIONS_REFUSED);
    assert_int_equal(options_parse(4, alone, &o, text, sizeof text), OPTIONS_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options__of_a_joining_node),
        cmocka_unit_test(test_options__take_host_and_port),
        cmocka_unit_test(test_options__take_an_announced_address_in_brackets),
        cmocka_unit_test(test_options__take_a_contact),
        cmocka_unit_test(test_options__may_be_in_any_place),
        cmocka_unit_test(test_options__set_tls),
        cmocka_unit_test(test_options__set_everything),
        cmocka_unit_test(test_config__fits_the_log_to_the_disk),
        cmocka_unit_test(test_options__detect_that_only_loopback_would_be_served),
        cmocka_unit_test(test_options__detect_that_nobody_would_be_served),
        cmocka_unit_test(test_options__a_new_cluster_is_asked_for_by_a_word),
        cmocka_unit_test(test_options__a_recovery_is_asked_for_by_a_word),
        cmocka_unit_test(test_options__a_backup_is_restored),
        cmocka_unit_test(test_options__a_file_has_the_key),
        cmocka_unit_test(test_options__show_help_and_version),
        cmocka_unit_test(test_options__refuse_what_is_not_an_address),
        cmocka_unit_test(test_options__refuse_a_host_that_is_too_long),
        cmocka_unit_test(test_options__refuse_unknown_and_incomplete_options),
        cmocka_unit_test(test_options__refuse_bad_values_and_say_which_are_good),
        cmocka_unit_test(test_options__ask_for_a_peer_port_if_the_default_does_not_exist),
        cmocka_unit_test(test_options__refuse_times_that_make_no_sense_together),
        cmocka_unit_test(test_config__defaults_make_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
