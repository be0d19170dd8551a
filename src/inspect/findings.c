#include "inspect/findings.h"

#include <inttypes.h>
#include <stdio.h>

static struct finding *add(struct findings *f, const char *subject)
{
    struct finding *finding = &f->list[f->count++];

    finding->subject = subject;
    return finding;
}

/* For a file that is not the subject of any row in the table. */
static void add_fault(struct findings *f, const char *subject, const char *fault, const char *good)
{
    struct finding *finding = add(f, subject);

    finding->verdict = fault[0] == '\0' ? FINDING_GOOD : FINDING_REFUSED;
    snprintf(finding->text, sizeof finding->text, "%s", fault[0] == '\0' ? good : fault);
}

static enum finding_verdict verdict_of(const struct recovery_row *row)
{
    if (row->verdict == RECOVERY_REPAIR) {
        return FINDING_REPAIRED;
    }
    if (!recovery_lets_start(row)) {
        return FINDING_REFUSED;
    }
    return row->verdict == RECOVERY_MEND ? FINDING_MENDED : FINDING_GOOD;
}

static void add_row(struct findings *f, const char *subject, const struct recovery_row *row,
                    const struct recovery_facts *facts)
{
    struct finding *finding = add(f, subject);

    finding->id = row->id;
    finding->verdict = verdict_of(row);
    if (finding->verdict >= FINDING_REPAIRED) {
        recovery_sentence(row, facts, finding->text, sizeof finding->text);
        finding->advice = finding->verdict == FINDING_REFUSED
                              ? recovery_advice(row, facts)
                              : "the next start keeps what comes before the damage, puts damaged "
                                "files into the directory damaged, and gets the rest from other "
                                "members; if this is the only member, it refuses";
        return;
    }
    if (row->verdict == RECOVERY_START) {
        snprintf(finding->text, sizeof finding->text, "%s", row->found);
        return;
    }
    if (row->verdict == RECOVERY_MEND) {
        snprintf(finding->text, sizeof finding->text, "%s; %s", row->found, row->why);
        finding->advice = "nothing is lost, and the next start makes the copy again; see whether "
                          "the disk is failing";
    } else if (row->verdict == RECOVERY_RESTART) {
        snprintf(finding->text, sizeof finding->text, "%s; %s", row->found, row->why);
        finding->advice = "nothing: the next start drops the log and goes on from the snapshot";
    } else {
        snprintf(finding->text, sizeof finding->text,
                 "%s: a crash left it, and it was never acknowledged", row->found);
        finding->advice = "nothing: the next start overwrites it with zeros";
    }
}

/* A start checks two sectors of a snapshot, and finds other damage when it loads it. */
static void add_snapshots(struct findings *f, const struct survey *s,
                          const struct snapshot_files *snapshots)
{
    const struct snapshot_file *newest = snapshot_files_newest(snapshots);

    if (newest == NULL || newest->state == FILE_GOOD || !recovery_lets_start(s->snapshot_row)) {
        add_row(f, "snapshots", s->snapshot_row, &s->recovery.facts);
        return;
    }

    struct finding *finding = add(f, "snapshots");

    finding->verdict = FINDING_REFUSED;
    snprintf(finding->text, sizeof finding->text,
             "%s is damaged from byte %" PRIu64 " of %" PRIu64 " on, and a start loads it",
             newest->name, newest->good_bytes, newest->file_bytes);
    finding->advice = RESTORE_ADVICE;
}

void findings_list(const struct survey *s, const struct snapshot_files *snapshots,
                   struct findings *ret_findings)
{
    const struct recovery_facts *facts = &s->recovery.facts;

    *ret_findings = (struct findings){0};
    add_fault(ret_findings, "identity", s->identity_fault,
              s->is_member             ? "it names a cluster and a node"
              : s->identity.is_joining ? "it names a node that is to join a cluster and has not"
                                       : "it names a node that belongs to no cluster yet");
    if (!s->is_member) {
        return;
    }
    add_fault(ret_findings, "key", s->key_fault,
              "it is of this cluster, and only its owner may read it");
    add_row(ret_findings, "votes", s->vote_row, facts);
    if (s->log_row != NULL) {
        add_row(ret_findings, "log", s->log_row, facts);
    } else {
        add_fault(
            ret_findings, "log",
            "it was read, but cannot be judged without a vote, which would name what it must hold",
            "");
    }
    if (s->snapshot_row != NULL) {
        add_snapshots(ret_findings, s, snapshots);
    }
}

enum finding_verdict findings_verdict(const struct findings *f)
{
    enum finding_verdict worst = FINDING_GOOD;

    for (uint32_t i = 0; i < f->count; i++) {
        worst = f->list[i].verdict > worst ? f->list[i].verdict : worst;
    }
    return worst;
}

const char *finding_verdict_text(enum finding_verdict verdict)
{
    switch (verdict) {
    case FINDING_GOOD:
        return "good: a node would start here";
    case FINDING_MENDED:
        return "damaged: a node would start here and mend it";
    case FINDING_REPAIRED:
        return "damaged: a node would start here if there are other members, and get from them "
               "what is missing";
    case FINDING_REFUSED:
        break;
    }
    return "damaged: a node would refuse to start here";
}
