/* fake_request.h - a command that a test submits, and its outcome. */
#ifndef RAKIT_TESTS_REPLICA_FAKE_REQUEST_H
#define RAKIT_TESTS_REPLICA_FAKE_REQUEST_H

#include "command/request.h"
#include "kv/command.h"

extern const struct command fake_write;
extern const struct command fake_read;
extern const struct command fake_admin;

struct fake_request {
    struct request request;
    struct buffer out;
    struct resp_writer writer;
    uint32_t answered_count;
    uint32_t refused_count;
};

/* With an entry of that size. */
void fake_request_init(struct fake_request *f, const struct command *command, uint32_t bytes);
/* Another node has forwarded it. */
void fake_request_is_forwarded(struct fake_request *f);
void fake_request_deinit(struct fake_request *f);
/* It was answered once, with that error, or one that begins with it. */
void assert_failed(struct fake_request *f, const char *error);
void assert_unanswered(const struct fake_request *f);

#endif /* RAKIT_TESTS_REPLICA_FAKE_REQUEST_H */
