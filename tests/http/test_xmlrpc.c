/* Calls and answers of XML-RPC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/xmlrpc.h"

static enum xmlrpc_fault read(struct xmlrpc_call *call, const char *text)
{
    const char *fault = NULL;
    enum xmlrpc_fault code = xmlrpc_read(slice_str(text), call, &fault);

    assert_true(code == XMLRPC_OK || fault != NULL);
    return code;
}

static void expect(enum xmlrpc_fault code, const char *text)
{
    struct xmlrpc_call call;

    assert_int_equal(read(&call, text), code);
    xmlrpc_call_deinit(&call);
}

static void test_xmlrpc__calls_are_read(void **state)
{
    struct xmlrpc_call call;

    assert_int_equal(
        read(&call, "<?xml version='1.0'?>\n<methodCall> <methodName>execute</methodName>\n<params>"
                    "<param>\n<value> <string>a&lt;&#233;</string> </value></param>"
                    "<param><value>plain</value></param></params></methodCall>"),
        XMLRPC_OK);
    assert_true(slice_equal(buffer_slice(&call.method), slice_str("execute")));
    assert_int_equal(call.count, 2);
    assert_true(slice_equal(buffer_slice(&call.parameters[0]), slice_str("a<\xc3\xa9")));
    assert_true(slice_equal(buffer_slice(&call.parameters[1]), slice_str("plain")));
    xmlrpc_call_deinit(&call);
    expect(XMLRPC_OK, "<methodCall><methodName>ping</methodName></methodCall>");
}

static void test_xmlrpc__other_documents_are_refused(void **state)
{
    expect(XMLRPC_NOT_WELL_FORMED, "");
    expect(XMLRPC_NOT_WELL_FORMED, "<methodCall>");
    expect(XMLRPC_NOT_WELL_FORMED, "<methodCall>&x;</methodCall>");
    expect(XMLRPC_INVALID, "<methodCall/>");
    expect(XMLRPC_INVALID, "<a><methodName>x</methodName></a>");
    expect(XMLRPC_INVALID, "<methodCall><methodName>x</methodName><args/></methodCall>");
    expect(XMLRPC_PARAMETERS, "<methodCall><methodName>x</methodName><params><param><value><int>1"
                              "</int></value></param></params></methodCall>");
    expect(XMLRPC_PARAMETERS,
           "<methodCall><methodName>x</methodName><params><param><value><string>1</string><string>2"
           "</string></value></param></params></methodCall>");
    expect(XMLRPC_PARAMETERS,
           "<methodCall><methodName>x</methodName><params><param><value/></param>"
           "<param><value/></param><param><value/></param></params>"
           "</methodCall>");
}

static void test_xmlrpc__entities_can_not_be_defined(void **state)
{
    expect(XMLRPC_NOT_WELL_FORMED,
           "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><methodCall><methodName>ping"
           "</methodName><params><param><value>&b;</value></param></params></methodCall>");
    expect(XMLRPC_NOT_WELL_FORMED, "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><methodCall>"
                                   "<methodName>ping</methodName></methodCall>");
}

static void test_xmlrpc__depth_has_a_limit(void **state)
{
    struct buffer text = {0};

    for (int i = 0; i < 100 * 1000; i++) {
        buffer_append(&text, "<a>", 3);
    }
    buffer_append(&text, "", 1);
    expect(XMLRPC_INVALID, buffer_begin(&text)); /* What was wrong first. */
    buffer_deinit(&text);
}

static void test_xmlrpc__answers_are_escaped(void **state)
{
    struct buffer out = {0};

    xmlrpc_put_string(&out, slice_str("{\"a\":\"<&>\"}"));
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), "<string>{\"a\":\"&#60;&#38;&#62;\"}</string>"));
    buffer_clear(&out);
    xmlrpc_put_fault(&out, XMLRPC_NO_METHOD, "no");
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), "<int>-32601</int>"));
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xmlrpc__calls_are_read),
        cmocka_unit_test(test_xmlrpc__other_documents_are_refused),
        cmocka_unit_test(test_xmlrpc__entities_can_not_be_defined),
        cmocka_unit_test(test_xmlrpc__depth_has_a_limit),
        cmocka_unit_test(test_xmlrpc__answers_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
