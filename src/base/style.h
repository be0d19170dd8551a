/* style.h - how output looks: determined once from the terminal, the environment and the
 * options. */
#ifndef RAKIT_BASE_STYLE_H
#define RAKIT_BASE_STYLE_H

#include <stdbool.h>
#include <stddef.h>

struct style {
    bool terminal; /* A person reads: types are shown, tables are drawn. */
    bool colour;   /* Only if `terminal` is set. */
    bool utf8;     /* The terminal can show more than ASCII. */
    /* Width when last asked; 0: unlimited. */
    size_t columns;
};

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };

/* Uses stdout, NO_COLOR, TERM and the locale, which must be set before. */
struct style style_detect(bool want_colour);

/* The bytes that switch a colour on, and all of them off; "" without colours. */
const char *style_on(const struct style *style, enum colour colour);
const char *style_off(const struct style *style, enum colour colour);

#endif /* RAKIT_BASE_STYLE_H */
