#include "inspect/output.h"

enum { SPILL_BYTES = 64 * 1024 };

static void write_text(struct output *o)
{
    if (buffer_size(&o->text) > 0) {
        (void)fwrite(buffer_slice(&o->text).data, 1, buffer_size(&o->text), o->file);
    }
    buffer_trim(&o->text, (size_t)4 * SPILL_BYTES);
}

void output_spill(struct output *o)
{
    if (o->file != NULL && buffer_size(&o->text) >= SPILL_BYTES) {
        write_text(o);
    }
}

bool output_finish(struct output *o)
{
    if (o->file == NULL) {
        return true;
    }
    write_text(o);
    return fflush(o->file) == 0 && ferror(o->file) == 0;
}
