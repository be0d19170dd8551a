/* checker_matches.h - a write-once map from (index, term) to the hash of a log up to there. */
#ifndef RAKIT_SIM_CHECKS_CHECKER_MATCHES_H
#define RAKIT_SIM_CHECKS_CHECKER_MATCHES_H

#include <stdbool.h>
#include <stdint.h>

struct checker_match;

/* Zeroed at first. */
struct checker_matches {
    struct checker_match *slots;
    uint64_t count;
    uint64_t capacity; /* A power of two. */
};

void checker_matches_deinit(struct checker_matches *m);
/* Records it for good; false if another hash was recorded before. */
bool checker_matches_note(struct checker_matches *m, uint64_t index, uint64_t term, uint64_t chain);
bool checker_matches_has(const struct checker_matches *m, uint64_t index, uint64_t term);

#endif /* RAKIT_SIM_CHECKS_CHECKER_MATCHES_H */
