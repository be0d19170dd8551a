/* shebang.h - the first line of a script: "#!lua flags=no-writes". */
#ifndef RAKIT_SCRIPT_SHEBANG_H
#define RAKIT_SCRIPT_SHEBANG_H

#include <stdbool.h>

#include "base/slice.h"
#include "resp/resp.h"

struct shebang {
    bool is_there;
    bool no_writes;
};

/* Its bytes, without the line end; 0: there is none. */
size_t shebang_size(struct slice body);
/* False: it is wrong, and the error was written. */
bool shebang_read(struct slice body, struct shebang *ret, struct resp_writer *reply);

#endif /* RAKIT_SCRIPT_SHEBANG_H */
