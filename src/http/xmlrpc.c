#include "http/xmlrpc.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

#include "base/mutant.h"

static const char fault_doctype[] = "a document type is not taken";
static const char fault_depth[] = "the elements are nested too deeply";
static const char fault_xml[] = "this is not well-formed XML";
static const char fault_call[] = "a methodCall with a methodName is expected";
static const char fault_type[] = "parameters must be strings";
static const char fault_many[] = "there are too many parameters";

/* --- reading -------------------------------------------------------------------------------- */

struct reading {
    XML_Parser parser;
    struct xmlrpc_call *call;
    uint32_t depth;
    struct buffer *text;     /* Where characters go; NULL: they mean nothing. */
    enum xmlrpc_fault fault; /* The first one. */
    const char *fault_text;
};

static void fail(struct reading *r, enum xmlrpc_fault fault, const char *text)
{
    if (r->fault == XMLRPC_OK) {
        r->fault = fault;
        r->fault_text = text;
    }
}

static void refuse(struct reading *r, enum xmlrpc_fault fault, const char *text)
{
    fail(r, fault, text);
    XML_StopParser(r->parser, XML_FALSE);
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void begin_value(struct reading *r)
{
    if (r->call->count == XMLRPC_PARAMETERS_MAX) {
        refuse(r, XMLRPC_PARAMETERS, fault_many);
        return;
    }
    r->text = &r->call->parameters[r->call->count++];
}

/* Where elements may be, by their depth: methodCall/params/param/value/string. */
static void on_begin(void *context, const char *name, const char **attributes)
{
    static const char *const names[] = {"methodCall", "params", "param", "value", "string"};
    struct reading *r = context;
    uint32_t depth = r->depth++;

    if (depth >= XMLRPC_DEPTH_MAX) {
        refuse(r, XMLRPC_NOT_WELL_FORMED, fault_depth);
    } else if (depth == 1 && is(name, "methodName")) {
        r->text = &r->call->method;
    } else if (depth >= sizeof names / sizeof *names || !is(name, names[depth])) {
        bool is_in_value = depth >= 4;

        fail(r, is_in_value ? XMLRPC_PARAMETERS : XMLRPC_INVALID,
             is_in_value ? fault_type : fault_call);
    } else if (depth == 3) {
        begin_value(r);
    } else if (depth == 4 && r->text == NULL) {
        fail(r, XMLRPC_PARAMETERS, fault_type); /* A second element in one value. */
    } else if (depth == 4) {
        buffer_clear(r->text); /* Blanks before the element. */
    }
}

static void on_end(void *context, const char *name)
{
    struct reading *r = context;

    r->depth--;
    if (r->depth <= 4) {
        r->text = NULL;
    }
}

static void on_text(void *context, const char *text, int size)
{
    struct reading *r = context;

    if (r->text != NULL) {
        buffer_append(r->text, text, (size_t)size);
    }
}

/* Without a document type there are no entities but those of XML itself. */
static void on_doctype(void *context, const char *name, const char *system_id,
                       const char *public_id, int has_internal_subset)
{
    if (!MUTANT(xml_entities_expand)) {
        refuse(context, XMLRPC_NOT_WELL_FORMED, fault_doctype);
    }
}

enum xmlrpc_fault xmlrpc_read(struct slice body, struct xmlrpc_call *ret_call,
                              const char **ret_text)
{
    struct reading r = {.parser = XML_ParserCreate("UTF-8"), .call = ret_call};
    bool is_whole = false;

    *ret_call = (struct xmlrpc_call){.count = 0};
    if (r.parser != NULL && body.size <= INT_MAX) {
        XML_SetUserData(r.parser, &r);
        XML_SetElementHandler(r.parser, on_begin, on_end);
        XML_SetCharacterDataHandler(r.parser, on_text);
        XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
        is_whole = XML_Parse(r.parser, body.data, (int)body.size, XML_TRUE) == XML_STATUS_OK;
    }
    XML_ParserFree(r.parser);
    if (!is_whole) {
        fail(&r, XMLRPC_NOT_WELL_FORMED, fault_xml);
    } else if (buffer_size(&ret_call->method) == 0) {
        fail(&r, XMLRPC_INVALID, fault_call);
    }
    *ret_text = r.fault_text;
    return r.fault;
}

void xmlrpc_call_deinit(struct xmlrpc_call *call)
{
    buffer_deinit(&call->method);
    for (uint32_t i = 0; i < XMLRPC_PARAMETERS_MAX; i++) {
        buffer_deinit(&call->parameters[i]);
    }
}

/* --- writing -------------------------------------------------------------------------------- */

static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<methodResponse>";

static void put_escaped(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (c == '&' || c == '<' || c == '>') {
            buffer_printf(out, "&#%d;", c);
        } else {
            buffer_append(out, &text.data[i], 1);
        }
    }
}

static void put_value(struct buffer *out, struct slice text)
{
    buffer_printf(out, "<value><string>");
    put_escaped(out, text);
    buffer_printf(out, "</string></value>");
}

void xmlrpc_put_string(struct buffer *out, struct slice text)
{
    buffer_printf(out, "%s<params><param>", head);
    put_value(out, text);
    buffer_printf(out, "</param></params></methodResponse>\n");
}

void xmlrpc_put_strings(struct buffer *out, const char *const *texts)
{
    buffer_printf(out, "%s<params><param><value><array><data>", head);
    for (; *texts != NULL; texts++) {
        put_value(out, slice_str(*texts));
    }
    buffer_printf(out, "</data></array></value></param></params></methodResponse>\n");
}

void xmlrpc_put_fault(struct buffer *out, enum xmlrpc_fault fault, const char *text)
{
    buffer_printf(out,
                  "%s<fault><value><struct><member><name>faultCode</name><value><int>%d</int>"
                  "</value></member><member><name>faultString</name>",
                  head, (int)fault);
    put_value(out, slice_str(text));
    buffer_printf(out, "</member></struct></value></fault></methodResponse>\n");
}
