/* Options from a file of settings and from the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/option_sources.h"
#include "server/options.h"

struct parsed {
    char file[64];
    struct option_sources sources;
    struct options options;
    char text[512];
};

static char *const no_environment[] = {NULL};

static void write_file(struct parsed *p, const char *content, size_t size)
{
    int descriptor;

    snprintf(p->file, sizeof p->file, "/tmp/rakit-settings-XXXXXX");
    descriptor = mkstemp(p->file);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, size), size);
    close(descriptor);
}

/* Parses a file of that content, the environment, and a command line with a data directory. */
static enum options_result parse_bytes(struct parsed *p, const char *content, size_t size,
                                       char *const *environment)
{
    char name[] = "rakit-server";
    char config[] = "--config";
    char data[] = "--data=own";

    write_file(p, content, size);

    char *argv[] = {name, config, p->file, data, NULL};
    enum options_result result = OPTIONS_REFUSED;

    p->text[0] = '\0';
    if (option_sources_read(&p->sources, argv, environment, p->text, sizeof p->text)) {
        result = options_parse_sources(&p->sources, &p->options, p->text, sizeof p->text);
    }
    return result;
}

static void end(struct parsed *p)
{
    unlink(p->file);
    option_sources_deinit(&p->sources);
}

static void accept(struct parsed *p, const char *content, char *const *environment)
{
    enum options_result result = parse_bytes(p, content, strlen(content), environment);

    assert_string_equal(p->text, "");
    assert_int_equal(result, OPTIONS_RUN);
}

/* The text must begin with the file's name and `line`, if there is one, and contain `part`. */
static void refuse_bytes(const char *content, size_t size, int line, const char *part)
{
    struct parsed p;
    char place[128] = "";

    assert_int_equal(parse_bytes(&p, content, size, no_environment), OPTIONS_REFUSED);
    if (line > 0) {
        snprintf(place, sizeof place, "%s, line %d: ", p.file, line);
    }
    if (strncmp(p.text, place, strlen(place)) != 0 || strstr(p.text, part) == NULL) {
        fail_msg("'%s' was refused with: %s", content, p.text);
    }
    end(&p);
}

static void refuse(const char *content, int line, const char *part)
{
    refuse_bytes(content, strlen(content), line, part);
}

static void test_option_sources__a_file_has_settings(void **state)
{
    struct parsed p;

    (void)state;
    accept(&p,
           "# the node\n\nbind 127.0.0.1\r\n  port 8123\nMax-Clients \"50\"\nname 'a-b' \n"
           "learner yes\nnew-cluster no\n\tcontact [::1]:77",
           no_environment);
    assert_string_equal(p.options.config.address.host, "127.0.0.1");
    assert_int_equal(p.options.config.address.port, 8123);
    assert_int_equal(p.options.config.peer_port, 18123);
    assert_int_equal(p.options.config.clients_max, 50);
    assert_string_equal(p.options.config.name, "a-b");
    assert_true(p.options.config.is_learner);
    assert_false(p.options.config.is_new_cluster);
    assert_true(p.options.config.has_contact);
    assert_string_equal(p.options.config.contact.host, "::1");
    assert_int_equal(p.options.config.contact.port, 77);
    assert_string_equal(p.options.config.data_dir, "own");
    end(&p);
}

static void test_option_sources__the_command_line_is_strongest(void **state)
{
    struct parsed p;
    char port[] = "RAKIT_SERVER_PORT=9000";
    char data[] = "RAKIT_SERVER_DATA=elsewhere";
    char clients[] = "RAKIT_SERVER_MAX_CLIENTS=7";
    char other[] = "RAKIT_BUILD=nothing of ours";
    char *environment[] = {port, other, data, clients, NULL};

    (void)state;
    accept(&p, "port 8000\ndata here\nheartbeat 60\n", environment);
    assert_int_equal(p.options.config.address.port, 9000);
    assert_int_equal(p.options.config.clients_max, 7);
    assert_int_equal(p.options.config.heartbeat_interval_ns, 60000000);
    assert_string_equal(p.options.config.data_dir, "own");
    assert_string_equal(p.options.config.address.host, "localhost");
    end(&p);
}

static void test_option_sources__report_the_line_that_is_wrong(void **state)
{
    char large[100] = "data ";

    (void)state;
    refuse("port 8000\n\nport 99999\n", 3, "99999");
    refuse("port 8000\nprot 1\n", 2, "there is no setting 'prot'");
    refuse("port 8000 9000\n", 1, "takes one value; put quotes around it");
    refuse("port\n", 1, "takes one value");
    refuse("maxclients 10\n", 1, "is called 'max-clients' here");
    refuse("recover yes\n", 1, "is for the command line");
    refuse("config x\n", 1, "is for the command line");
    refuse("learner maybe\n", 1, "takes yes or no, not 'maybe'");
    refuse("data \"x\n", 1, "a quote is not closed");
    refuse("data 'x'y\n", 1, "a quote is not closed");
    refuse("port=8000\n", 1, "there is no setting 'port=8000'");
    refuse("data \"\"\n", 1, "--data needs the name of a directory");
    refuse_bytes(large, 7, 1, "a byte is zero");
    refuse("port 8000\nlearner yes\n", 0, "name a member as its contact");
    refuse("bind x\n", 0, "a server needs a host and a port");
}

static void test_option_sources__large_files_are_refused(void **state)
{
    size_t size = 1024 * 1024 + 1;
    char *content = test_malloc(size);

    (void)state;
    memset(content, '#', size);
    refuse_bytes(content, size, 0, "more than 1 MB");
    test_free(content);
}

static void test_option_sources__report_the_variable_that_is_wrong(void **state)
{
    char unknown[] = "RAKIT_SERVER_PROT=1";
    char wrong[] = "RAKIT_SERVER_PORT=x";
    char flag[] = "RAKIT_SERVER_LEARNER=1";
    char start[] = "RAKIT_SERVER_RECOVER=yes";
    const struct {
        char *variable;
        const char *part;
    } cases[] = {
        {unknown, "the environment has RAKIT_SERVER_PROT, and there is no setting 'prot'"},
        {wrong, "RAKIT_SERVER_PORT in the environment: the port must be a number"},
        {flag, "RAKIT_SERVER_LEARNER in the environment takes yes or no"},
        {start, "the environment has RAKIT_SERVER_RECOVER"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *environment[] = {cases[i].variable, NULL};
        struct parsed p;

        assert_int_equal(parse_bytes(&p, "", 0, environment), OPTIONS_REFUSED);
        if (strstr(p.text, cases[i].part) == NULL) {
            fail_msg("%s was refused with: %s", cases[i].variable, p.text);
        }
        end(&p);
    }
}

static void test_option_sources__a_file_that_is_missing_is_reported(void **state)
{
    char name[] = "rakit-server";
    char config[] = "--config=/nonexistent/rakit.conf";
    char *argv[] = {name, config, NULL};
    struct option_sources sources;
    char text[256] = "";

    (void)state;
    assert_false(option_sources_read(&sources, argv, no_environment, text, sizeof text));
    assert_string_equal(
        text, "the settings in /nonexistent/rakit.conf could not be read: No such file or "
              "directory");
    option_sources_deinit(&sources);
}

static void collect(void *context, const char *name)
{
    char *names = context;

    strcat(strcat(names, name), " ");
}

static void test_option_sources__differences_are_found(void **state)
{
    struct parsed before;
    struct parsed now;
    char names[256] = "";
    char same[] = "RAKIT_SERVER_HEARTBEAT=70";
    char *environment[] = {same, NULL};

    (void)state;
    accept(&before, "port 8000\nmaxmemory 1gb\nmaxmemory 2gb\nlearner no\nheartbeat 60\nfeed 1\n",
           environment);
    accept(&now,
           "maxmemory 2gb\nport 8001\nnew-cluster yes\nheartbeat 50\nlog-tail 1\nlog-tail 2\n",
           environment);
    option_sources_compare(&before.sources, &now.sources, collect, names);
    assert_string_equal(names, "port new-cluster log-tail feed ");
    end(&before);
    end(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_option_sources__a_file_has_settings),
        cmocka_unit_test(test_option_sources__the_command_line_is_strongest),
        cmocka_unit_test(test_option_sources__report_the_line_that_is_wrong),
        cmocka_unit_test(test_option_sources__large_files_are_refused),
        cmocka_unit_test(test_option_sources__report_the_variable_that_is_wrong),
        cmocka_unit_test(test_option_sources__a_file_that_is_missing_is_reported),
        cmocka_unit_test(test_option_sources__differences_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
