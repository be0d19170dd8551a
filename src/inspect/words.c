#include "inspect/words.h"

#include <inttypes.h>
#include <time.h>

#include "base/human.h"
#include "command/describe.h"
#include "store/epoch.h"

enum { US = 1000 * 1000 };

void words_bytes(struct buffer *out, uint64_t bytes)
{
    human_put_bytes(out, bytes);
}

/* For a time that the calendar can show; otherwise the bare number is shown. */
static bool split_time(uint64_t time_us, struct tm *ret_parts)
{
    time_t seconds = (time_t)(time_us / US);

    return localtime_r(&seconds, ret_parts) != NULL && ret_parts->tm_year < 9999 - 1900;
}

void words_local_time(struct buffer *out, uint64_t time_us, int digits)
{
    struct tm parts;
    uint64_t fraction = time_us % US;

    if (!split_time(time_us, &parts)) {
        buffer_printf(out, "%" PRIu64 " us", time_us);
        return;
    }
    for (int i = digits; i < 6; i++) {
        fraction /= 10;
    }
    buffer_printf(out, "%04d-%02d-%02d %02d:%02d:%02d.%0*" PRIu64, parts.tm_year + 1900,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                  digits, fraction);
}

void words_utc_time(struct buffer *out, uint64_t time_us)
{
    human_put_utc(out, time_us);
}

void words_id(struct buffer *out, uint64_t id)
{
    if (id == 0) {
        buffer_printf(out, "nobody");
    } else {
        buffer_printf(out, "%016" PRIx64, id);
    }
}

const char *words_file_state(enum file_state state)
{
    static const char *const names[] = {
        [FILE_GOOD] = "good",
        [FILE_MISSING] = "missing",
        [FILE_UNREADABLE] = "unreadable",
        [FILE_DAMAGED] = "damaged",
        [FILE_VERSION] = "of another format version",
        [FILE_FOREIGN] = "of another node or cluster",
        [FILE_SHORT] = "cut short",
    };

    return names[state];
}

/* --- members ------------------------------------------------------------------------------ */

const char *words_part(const struct membership *m, uint32_t i)
{
    const struct raft_member *member = &m->configuration.members[i];

    if (!member->incoming) {
        return member->outgoing ? "leaving" : "learner";
    }
    return !member->outgoing && raft_configuration_is_joint(&m->configuration) ? "joining"
                                                                               : "voter";
}

void words_address(struct buffer *out, const struct member_address *a)
{
    command_describe_argument(out, slice_str(a->client.host), sizeof a->client.host);
    buffer_printf(out, ":%u", (unsigned)a->client.port);
}

static void begin_clause(struct buffer *out, bool *has_clause)
{
    buffer_printf(out, "%s", *has_clause ? ", " : "");
    *has_clause = true;
}

static bool is_same_part(const struct raft_member *a, const struct raft_member *b)
{
    return a->incoming == b->incoming && a->outgoing == b->outgoing;
}

/* For a node that was a member before. */
static void put_new_part(struct buffer *out, const struct membership *m, uint32_t i,
                         const struct raft_member *was, bool *has_clause)
{
    const struct raft_member *member = &m->configuration.members[i];
    bool is_joint = raft_configuration_is_joint(&m->configuration);

    if (is_same_part(member, was) || (member->incoming && was->incoming)) {
        return; /* A voter that stays one, in or out of a joint state. */
    }
    begin_clause(out, has_clause);
    if (member->incoming) {
        buffer_printf(out, is_joint ? "promotes " : "makes ");
        words_address(out, &m->addresses[i]);
        buffer_printf(out, " %s voter", is_joint ? "to" : "a");
    } else if (member->outgoing) {
        buffer_printf(out, "lets ");
        words_address(out, &m->addresses[i]);
        buffer_printf(out, " leave");
    } else {
        buffer_printf(out, "makes ");
        words_address(out, &m->addresses[i]);
        buffer_printf(out, " a learner");
    }
}

static void put_move(struct buffer *out, const struct membership *m, uint32_t i,
                     const struct member_address *was, bool *has_clause)
{
    if (was == NULL || member_address_equal(was, &m->addresses[i])) {
        return;
    }
    begin_clause(out, has_clause);
    buffer_printf(out, "moves ");
    words_address(out, was);
    buffer_printf(out, " to ");
    words_address(out, &m->addresses[i]);
    if (was->peer_port != m->addresses[i].peer_port) {
        buffer_printf(out, " (peer port %u)", (unsigned)m->addresses[i].peer_port);
    }
}

static void put_removed(struct buffer *out, const struct membership *before,
                        const struct membership *m, bool *has_clause)
{
    for (uint32_t i = 0; i < before->configuration.member_count; i++) {
        if (raft_configuration_find(&m->configuration, before->addresses[i].id) == NULL) {
            begin_clause(out, has_clause);
            buffer_printf(out, "removes ");
            words_address(out, &before->addresses[i]);
        }
    }
}

static void put_joint(struct buffer *out, const struct membership *before,
                      const struct membership *m, bool *has_clause)
{
    bool was_joint = raft_configuration_is_joint(&before->configuration);
    bool is_joint = raft_configuration_is_joint(&m->configuration);

    if (was_joint != is_joint) {
        begin_clause(out, has_clause);
        buffer_printf(out, is_joint ? "a joint state begins" : "the joint state ends");
    }
}

static void list_members(struct buffer *out, const struct membership *m)
{
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        buffer_printf(out, "%s", i == 0 ? "" : ", ");
        words_address(out, &m->addresses[i]);
        buffer_printf(out, " %s", words_part(m, i));
    }
}

void words_change(struct buffer *out, const struct membership *before, const struct membership *m)
{
    bool has_clause = false;

    if (before == NULL) {
        list_members(out, m);
        return;
    }
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        raft_id id = m->addresses[i].id;
        const struct raft_member *was = raft_configuration_find(&before->configuration, id);

        if (was == NULL) {
            begin_clause(out, &has_clause);
            buffer_printf(out, "adds ");
            words_address(out, &m->addresses[i]);
            buffer_printf(out, " as a %s", words_part(m, i));
        } else {
            put_new_part(out, m, i, was, &has_clause);
            put_move(out, m, i, membership_address(before, id), &has_clause);
        }
    }
    put_removed(out, before, m, &has_clause);
    if (before->configuration.epoch != m->configuration.epoch) {
        begin_clause(out, &has_clause);
        buffer_printf(out, "epoch %" PRIu64 " begins", epoch_number(m->configuration.epoch));
    }
    put_joint(out, before, m, &has_clause);
    if (!has_clause) {
        buffer_printf(out, "changes nothing");
    }
}

/* --- lines -------------------------------------------------------------------------------- */

void words_wrap(struct buffer *out, struct slice text, size_t at, size_t columns)
{
    size_t column = at;
    size_t done = 0;

    while (done < text.size) {
        const char *blank = memchr(text.data + done, ' ', text.size - done);
        size_t size = blank == NULL ? text.size - done : (size_t)(blank - text.data) - done;

        if (done > 0) {
            if (columns > 0 && column + 1 + size > columns && column > at) {
                buffer_printf(out, "\n%*s", (int)at, "");
                column = at;
            } else {
                buffer_append(out, " ", 1);
                column++;
            }
        }
        buffer_append(out, text.data + done, size);
        column += size;
        done += size + (blank != NULL);
    }
}
