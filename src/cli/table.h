/* table.h - a table of text: titles, rows, columns as wide as their widest cell.
 * Cells are filled in row by row, left to right. */
#ifndef RAKIT_CLI_TABLE_H
#define RAKIT_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/style.h"

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
    const char *title;
    enum table_align align;
    bool may_go; /* May be left out on a narrow terminal; never the last column. */
};

struct table_cell {
    char *text; /* Owned. */
    enum colour colour;
};

struct table {
    const struct table_column *columns; /* Borrowed. */
    size_t column_count;
    struct table_cell *cells; /* column_count of them per row. */
    size_t cell_count;
    size_t cell_capacity;
};

void table_init(struct table *t, const struct table_column *columns, size_t column_count);
void table_deinit(struct table *t);

/* Appends a cell; an empty one is drawn as "-", so that every row has as many words as there are
 * columns. */
void table_add(struct table *t, enum colour colour, struct slice text);
/* The same, of text that a server has sent: what a terminal would obey is escaped. */
void table_add_text(struct table *t, enum colour colour, struct slice text);
void table_add_number(struct table *t, enum colour colour, long long number);

/* Appends titles, a line under them if a person reads, and the rows. The last row must be
 * complete. */
void table_draw(const struct table *t, const struct style *style, struct buffer *out);

#endif /* RAKIT_CLI_TABLE_H */
