/* Which requests the door takes, before it asks the node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/access.h"

static const struct access_names names = {.host = "db1.example", .announced = "pub.example"};

static void test_access__knows_the_names_of_the_node(void **state)
{
    const char *own[] = {"127.0.0.1",   "10.0.0.7:8080",  "[::1]:80",      "[fe80::1]",
                         "localhost",   "LOCALHOST:1",    "node-1:8080",   "x.localhost",
                         "db1.example", "DB1.example:99", "pub.example:80"};
    const char *foreign[] = {"",
                             "evil.example",
                             "evil.example:80",
                             "db1.example.evil",
                             "[::1",
                             "[evil]",
                             "[::1]x",
                             "127.0.0.1:x",
                             "a b",
                             "127.0.0.1.evil.example",
                             "localhost.",
                             ":80"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        assert_true(access_host_is_own(&names, slice_str(own[i])));
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        assert_false(access_host_is_own(&names, slice_str(foreign[i])));
    }
    assert_false(access_host_is_own(&names, slice_of(NULL, 0)));
}

static bool comes_from(const char *origin, const char *site)
{
    struct request r = {.host = slice_str("node-1:8080")};

    r.origin = origin == NULL ? slice_of(NULL, 0) : slice_str(origin);
    r.fetch_site = site == NULL ? slice_of(NULL, 0) : slice_str(site);
    return access_is_same_site(&r);
}

static void test_access__refuses_what_foreign_pages_send(void **state)
{
    assert_true(comes_from(NULL, NULL));
    assert_true(comes_from("http://node-1:8080", "same-origin"));
    assert_true(comes_from("https://NODE-1:8080", NULL));
    assert_true(comes_from(NULL, "none"));
    assert_false(comes_from("http://evil.example", NULL));
    assert_false(comes_from("http://node-1:8081", NULL));
    assert_false(comes_from("null", NULL));
    assert_false(comes_from(NULL, "cross-site"));
    assert_false(comes_from(NULL, "same-site"));
}

static bool has_type(const char *type)
{
    static const char *const types[] = {"text/xml", "application/xml", NULL};
    struct request r = {.content_type = slice_of(NULL, 0)};

    r.content_type = type == NULL ? slice_of(NULL, 0) : slice_str(type);
    return access_type_is(&r, types);
}

static void test_access__takes_no_type_that_a_form_can_send(void **state)
{
    assert_true(has_type("text/xml"));
    assert_true(has_type("Application/XML ; charset=utf-8"));
    assert_false(has_type(NULL));
    assert_false(has_type("text/plain"));
    assert_false(has_type("text/plain; text/xml"));
    assert_false(has_type("application/x-www-form-urlencoded"));
    assert_false(has_type("multipart/form-data"));
}

static bool read(const char *text, struct credentials *c)
{
    struct request r = {.authorization = slice_str(text)};

    return access_read_credentials(&r, c);
}

static void test_access__reads_a_user_and_a_password(void **state)
{
    struct credentials c;
    struct request none = {.length = 0};

    assert_true(access_read_credentials(&none, &c));
    assert_false(c.are_given);
    assert_true(read("basic YTpiOmM=", &c));
    assert_true(c.are_given);
    assert_true(slice_equal(c.user, slice_str("a")));
    assert_true(slice_equal(c.password, slice_str("b:c")));
    assert_true(read("Basic Og==", &c));
    assert_int_equal(c.user.size + c.password.size, 0);
    assert_false(read("Bearer YTpi", &c));
    assert_false(read("Basic YWI=", &c));
    assert_false(read("Basic YTp", &c));
    assert_false(read("Basic ", &c));
    assert_false(read("Basic Y=pi", &c));
    assert_false(read("Basic =", &c));
}

static void test_access__credentials_have_a_limit(void **state)
{
    struct credentials c;
    char text[2000] = "Basic ";

    memset(text + 6, 'A', 1200);
    assert_false(read(text, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access__knows_the_names_of_the_node),
        cmocka_unit_test(test_access__refuses_what_foreign_pages_send),
        cmocka_unit_test(test_access__takes_no_type_that_a_form_can_send),
        cmocka_unit_test(test_access__reads_a_user_and_a_password),
        cmocka_unit_test(test_access__credentials_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
