/* What strangers may send to the HTTP door: heads of requests, bodies in JSON and in XML; and
 * replies that the door shows. The first byte chooses. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "fuzz_input.h"
#include "http/access.h"
#include "http/json.h"
#include "http/request.h"
#include "http/xmlrpc.h"
#include "resp/resp.h"

static void try_head(struct slice text)
{
    static const struct access_names names = {.host = "a.example", .announced = ""};
    size_t size = request_head_size(text);
    struct request r;
    struct credentials c;
    const char *fault = NULL;

    CHECK(size <= text.size);
    if (size > 0 && request_parse(slice_of(text.data, size), &r, &fault) == 0) {
        CHECK(r.path.size > 0 && r.path.data[0] == '/');
        (void)access_host_is_own(&names, r.host);
        (void)access_is_same_site(&r);
        (void)access_read_credentials(&r, &c);
    }
}

static void try_json(struct slice text)
{
    struct json_words one = {.count = 0};
    struct json_words list = {.count = 0};
    struct json_member members[] = {{.name = "command", .into = &one},
                                    {.name = "args", .is_list = true, .into = &list}};

    if (json_read(text, members, 2) == NULL) {
        for (uint32_t i = 0; i < list.count; i++) {
            CHECK(json_word(&list, i).size <= text.size);
        }
    }
    json_words_deinit(&one);
    json_words_deinit(&list);
}

static void try_xml(struct slice text)
{
    struct xmlrpc_call call;
    const char *fault = NULL;

    if (xmlrpc_read(text, &call, &fault) == XMLRPC_OK) {
        CHECK(buffer_size(&call.method) <= text.size);
    }
    xmlrpc_call_deinit(&call);
}

static void try_reply(struct slice text)
{
    struct buffer out = {0};

    if (json_put_reply(&out, text)) {
        CHECK(json_is_text(buffer_slice(&out)) && buffer_size(&out) <= 12 * text.size + 16);
    }
    buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct slice text) = {try_head, try_json, try_xml, try_reply};
    struct slice input = slice_of(data, size);
    uint64_t which = fuzz_number(&input, 1) % 4;
    char *copy = malloc(input.size + 1); /* So that reading beyond the end is noticed. */

    if (copy != NULL) {
        memcpy(copy, input.size == 0 ? "" : input.data, input.size);
        tries[which](slice_of(copy, input.size));
    }
    free(copy);
    return 0;
}
