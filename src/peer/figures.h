/* figures.h - what a node reports about itself, about once a second, with messages that it sends
 * anyway (FIGURES in docs/WIRE.md). RAFT STATUS shows each figure under its name. To add one:
 * a row here, its value in replica/figures.c, and a row in the table of cli/status_figures.c. */
#ifndef RAKIT_PEER_FIGURES_H
#define RAKIT_PEER_FIGURES_H

#include <stdint.h>

enum { FIGURES_TROUBLE_BYTES = 240 };

enum figures_snapshot_work {
    FIGURES_NO_WORK = 0,
    FIGURES_MAKING = 1,
    FIGURES_FETCHING = 2,
    FIGURES_LOADING = 3, /* It was fetched, and is read into memory. */
    FIGURES_INSTALLING = 4,
};

/* Form on the wire, name, greatest value (0: any), and what is shown instead of the number: the
 * name of an array in replica/figures.c, or NULL. */
#define FIGURES(X)                                                                                 \
    X(U64, last_index, 0, NULL)                                                                    \
    X(U64, log_bytes, 0, NULL) /* Segments of the log on the disk. */                              \
    X(U32, election_timeout_ms, 0, NULL)                                                           \
    X(U32, sync_p50_us, 0, NULL) /* How long the disk takes for a write of the log. */             \
    X(U32, sync_p99_us, 0, NULL)                                                                   \
    X(U32, sync_max_us, 0, NULL)                                                                   \
    X(U32, sync_pending_us, 0, NULL) /* For how long the present write has run. */                 \
    X(U32, waiting, 0, NULL)         /* Commands that are in no log and not sent. */               \
    X(U32, proposed, 0, NULL)        /* Commands of this leader in its log, not applied. */        \
    X(U32, forwarded, 0, NULL)       /* Commands that the leader has. */                           \
    X(U64, outgoing_bytes, 0, NULL)  /* For other nodes, not taken by the network yet. */          \
    X(U64, snapshot_index, 0, NULL)  /* Of the newest one; 0: there is none. */                    \
    X(U64, snapshot_term, 0, NULL)   /* Of its last entry. */                                      \
    X(U64, snapshot_bytes, 0, NULL)                                                                \
    X(U64, snapshot_checksum, 0, NULL)                                                             \
    X(U64, snapshot_time_us, 0, NULL) /* The log time of its last entry. */                        \
    X(U8, snapshot_work, FIGURES_INSTALLING, snapshot_works)                                       \
    X(U64, fetched_index, 0, NULL)        /* Of the snapshot that is fetched; 0: none is. */       \
    X(U16, snapshot_permille, 1000, NULL) /* How far that is. */                                   \
    X(U64, snapshot_rate, 0, NULL)        /* Bytes a second that are fetched. */                   \
    X(U32, snapshot_left_s, 0, NULL)      /* 0: not known. */                                      \
    X(U64, scrub_bytes, 0, NULL)          /* Read by the scrub under way; 0: none is. */           \
    X(U64, scrub_time_us, 0, NULL)        /* When the last one ended, since 1970; 0: none has. */  \
    X(U64, scrub_damage, 0, NULL)         /* Damaged places that scrubs have found. */             \
    X(U64, trouble_ms, 0, NULL)           /* When, since 1970; 0: there was none since the start. */

#define FIGURES_TYPE_U8  uint8_t
#define FIGURES_TYPE_U16 uint16_t
#define FIGURES_TYPE_U32 uint32_t
#define FIGURES_TYPE_U64 uint64_t

struct figures {
#define FIGURE(form, name, max, words) FIGURES_TYPE_##form name;
    FIGURES(FIGURE)
#undef FIGURE
    char trouble[FIGURES_TROUBLE_BYTES + 1]; /* The last warning of the node, as a sentence. */
};

#endif /* RAKIT_PEER_FIGURES_H */
