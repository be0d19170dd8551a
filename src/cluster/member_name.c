#include "cluster/member_name.h"

#include <string.h>
#include <strings.h>

#include "base/mutant.h"

static bool has_only(struct slice name, const char *characters)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == 0 || strchr(characters, name.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

const char *member_name_fault(struct slice name)
{
    if (name.size == 0 || name.size > MEMBER_NAME_MAX ||
        !has_only(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")) {
        return "the name of a node has 1 to 32 letters, digits, dots, underscores and hyphens";
    }
    if (has_only(name, "0123456789abcdefABCDEF") && !MUTANT(name_may_be_an_id)) {
        return "the name of a node must not be a hexadecimal number, which would be taken for an "
               "id: add a letter from g to z, or a hyphen";
    }
    return NULL;
}

bool member_name_equal(struct slice a, struct slice b)
{
    return a.size > 0 && a.size == b.size && strncasecmp(a.data, b.data, a.size) == 0;
}
