/* fuzz_rules.c - fuzz target: words of ACL SETUSER, one a line. Whatever they are, a user made of
 * them is written and read again as the same user, and can be judged by. */
#include <stdlib.h>

#include "base/check.h"
#include "fuzz_input.h"
#include "server/commands.h"
#include "users/users.h"

enum { FUZZ_WORDS_MAX = 64 };

static const struct command_table *table(void)
{
    static struct command_table all;

    if (all.count == 0) {
        commands_add_all(&all);
    }
    return &all;
}

static uint32_t split(const uint8_t *data, size_t size, struct slice *words)
{
    uint32_t count = 0;

    while (size > 0 && count < FUZZ_WORDS_MAX) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t used = end == NULL ? size : (size_t)(end - data);

        words[count++] = slice_of(data, used);
        used += end != NULL;
        data += used;
        size -= used;
    }
    return count;
}

static void judge(const struct user *user)
{
    const struct slice call[] = {slice_str("COPY"), slice_str("a"), slice_str("b")};
    const struct command *command = command_find(table(), call[0]);
    uint64_t work = 0;

    (void)user_judge(user, table(), command, 3, call, &work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rule_words with = {.commands = table(), .level = UINT32_MAX};
    struct slice words[FUZZ_WORDS_MAX];
    struct buffer errors = {0};
    struct resp_writer reply = {.out = &errors, .version = 2};
    struct buffer text = {0};
    struct buffer again = {0};
    struct user user;
    struct user copy;

    user_init(&user);
    user_init(&copy);
    if (user_apply(&user, &with, split(data, size, words), words, &reply)) {
        user_write(&user, &text);
        CHECK(user_read(&copy, &with, buffer_slice(&text)));
        user_write(&copy, &again);
        CHECK(slice_equal(buffer_slice(&text), buffer_slice(&again)));
        judge(&user);
    }
    buffer_deinit(&errors);
    buffer_deinit(&text);
    buffer_deinit(&again);
    user_deinit(&user);
    user_deinit(&copy);
    return 0;
}
