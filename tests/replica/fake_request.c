/* fake_request.c - see fake_request.h. */
#include "fake_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "raft/raft.h"

const struct command fake_write = {.name = "SET", .flags = COMMAND_WRITE};
const struct command fake_read = {.name = "GET", .flags = COMMAND_READ};
const struct command fake_admin = {.name = "RAFT", .flags = COMMAND_ADMIN | COMMAND_ASYNC};

static struct fake_request *fake_of(struct request *request)
{
    return container_of(request, struct fake_request, request);
}

static struct resp_writer *reply(struct request *request)
{
    return &fake_of(request)->writer;
}

static void answered(struct request *request)
{
    fake_of(request)->answered_count++;
}

static void refused(struct request *request)
{
    fake_of(request)->refused_count++;
}

void fake_request_init(struct fake_request *f, const struct command *command, uint32_t bytes)
{
    *f = (struct fake_request){.request = {.command = command,
                                           .resp_version = 2,
                                           .reply = reply,
                                           .answered = answered,
                                           .entry = entry_new(RAFT_COMMAND, bytes)}};
    f->writer = (struct resp_writer){.out = &f->out, .version = 2};
    memset(f->request.entry->data, 'x', bytes);
}

void fake_request_is_forwarded(struct fake_request *f)
{
    f->request.refused = refused;
}

void fake_request_deinit(struct fake_request *f)
{
    entry_release(f->request.entry);
    buffer_deinit(&f->out);
}

void assert_failed(struct fake_request *f, const char *error)
{
    assert_int_equal(f->answered_count, 1);
    assert_int_equal(f->refused_count, 0);
    assert_true(buffer_size(&f->out) > strlen(error));
    assert_memory_equal(buffer_begin(&f->out), "-", 1);
    assert_memory_equal(buffer_begin(&f->out) + 1, error, strlen(error));
}

void assert_unanswered(const struct fake_request *f)
{
    assert_int_equal(f->answered_count, 0);
    assert_int_equal(f->refused_count, 0);
}
