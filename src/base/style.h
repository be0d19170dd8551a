/* style.h - how output may look: decided once from the terminal, the
 * environment and the options, then only read. */
#ifndef RAKIT_BASE_STYLE_H
#define RAKIT_BASE_STYLE_H

#include <stdbool.h>
#include <stddef.h>

struct style {
    bool terminal; /* A person reads: types are shown, tables are drawn. */
    bool colour;   /* Only ever where `terminal` is. */
    bool utf8;     /* The terminal can show more than ASCII. */
    /* How wide it was when last asked; 0: whatever comes fits. */
    size_t columns;
};

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };

/* Looks at stdout, NO_COLOR, TERM and the locale (set that first). */
struct style style_detect(bool want_colour);

/* The bytes that switch a colour on, and all of them off; "" without colours. */
const char *style_on(const struct style *style, enum colour colour);
const char *style_off(const struct style *style, enum colour colour);

#endif /* RAKIT_BASE_STYLE_H */
