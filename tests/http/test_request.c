/* Heads of HTTP requests: strictly one meaning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "http/request.h"

static int parse(const char *text, struct request *r)
{
    const char *fault = NULL;
    int status = request_parse(slice_str(text), r, &fault);

    assert_true(status == 0 || fault != NULL);
    return status;
}

static void expect(int status, const char *text)
{
    struct request r;

    assert_int_equal(parse(text, &r), status);
}

static void test_request__is_taken_apart(void **state)
{
    struct request r;

    assert_int_equal(parse("POST /a/b?c=d HTTP/1.1\r\nhost:  h:80 \r\nContent-LENGTH: 12\r\n"
                           "X-Other: \r\n\r\n",
                           &r),
                     0);
    assert_int_equal(r.method, REQUEST_POST);
    assert_true(slice_equal(r.path, slice_str("/a/b")));
    assert_true(slice_equal(r.query, slice_str("c=d")));
    assert_true(slice_equal(r.host, slice_str("h:80")));
    assert_true(r.has_length);
    assert_int_equal(r.length, 12);
    assert_null(r.origin.data);
}

static void test_request__line_has_one_form(void **state)
{
    expect(0, "GET / HTTP/1.0\r\n\r\n");
    expect(0, "BREW / HTTP/1.1\r\n\r\n"); /* The path decides about methods. */
    expect(505, "GET / HTTP/2.0\r\n\r\n");
    expect(400, "GET /\r\n\r\n");
    expect(400, "GET  / HTTP/1.1\r\n\r\n");
    expect(400, "GET / HTTP/1.1 \r\n\r\n");
    expect(400, "GET http://h/ HTTP/1.1\r\n\r\n");
    expect(400, "GET /\x01 HTTP/1.1\r\n\r\n");
    expect(400, "G(T / HTTP/1.1\r\n\r\n");
}

static void test_request__lines_end_with_both_letters(void **state)
{
    expect(400, "GET / HTTP/1.1\nHost: h\n\n");
    expect(400, "GET / HTTP/1.1\r\nHost: h\n\r\n");
}

static void test_request__headers_have_one_form(void **state)
{
    expect(400, "GET / HTTP/1.1\r\nHost : h\r\n\r\n");
    expect(400, "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"); /* A continued line. */
    expect(400, "GET / HTTP/1.1\r\nA\r\n\r\n");
    expect(400, "GET / HTTP/1.1\r\n: b\r\n\r\n");
    expect(400, "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n");
    expect(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
    expect(400, "GET / HTTP/1.1\r\nAuthorization: a\r\nauthorization: b\r\n\r\n");
}

static void test_request__length_is_said_once_and_plainly(void **state)
{
    expect(400, "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
    expect(400, "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n");
    expect(400, "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n");
    expect(400, "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n");
    expect(400, "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n");
    expect(400, "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n");
}

static void test_request__encodings_are_refused(void **state)
{
    expect(411, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect(400, "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect(400, "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\nContent-Length: 1\r\n\r\n");
}

static void test_request__has_so_many_headers_and_no_more(void **state)
{
    struct buffer text = {0};

    buffer_printf(&text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < REQUEST_FIELDS_MAX; i++) {
        buffer_printf(&text, "X-%d: y\r\n", i);
    }
    buffer_append(&text, "\r\n", 3);
    expect(0, buffer_begin(&text));
    text.end -= 3;
    buffer_append(&text, "Z: y\r\n\r\n", 9);
    expect(431, buffer_begin(&text));
    buffer_deinit(&text);
}

static void test_request__head_ends_with_an_empty_line(void **state)
{
    assert_int_equal(request_head_size(slice_str("GET / HTTP/1.1\r\n\r")), 0);
    assert_int_equal(request_head_size(slice_str("a\r\n\r\nb")), 5);
    assert_int_equal(request_head_size(slice_str("a\n\nb")), 3);
    assert_int_equal(request_head_size(slice_str("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request__is_taken_apart),
        cmocka_unit_test(test_request__line_has_one_form),
        cmocka_unit_test(test_request__lines_end_with_both_letters),
        cmocka_unit_test(test_request__headers_have_one_form),
        cmocka_unit_test(test_request__length_is_said_once_and_plainly),
        cmocka_unit_test(test_request__encodings_are_refused),
        cmocka_unit_test(test_request__has_so_many_headers_and_no_more),
        cmocka_unit_test(test_request__head_ends_with_an_empty_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
