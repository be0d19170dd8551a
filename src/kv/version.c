/* version.c - what is stored with a key, in a few bytes: two values that differ have different
 * versions, so a transaction can tell whether what its client saw is still there. */
#include "kv/digest.h"
#include "kv/kv.h"

static struct kv_version version_of(const struct kv *kv, struct slice key,
                                    const struct kv_value *value)
{
    uint64_t digest = digest_of_item(kv_prefetch_bucket(kv, key), value->traits, value->bytes);

    return (struct kv_version){.digest = digest == 0 ? 1 : digest,
                               .value_bytes = (uint32_t)value->bytes.size};
}

struct kv_version kv_version(const struct kv *kv, struct slice key)
{
    struct kv_value value;

    return kv_find(kv, key, &value) ? version_of(kv, key, &value) : (struct kv_version){0};
}

bool kv_has_version(const struct kv *kv, struct slice key, struct kv_version version)
{
    struct kv_value value;

    if (!kv_find(kv, key, &value)) {
        return version.digest == 0;
    }
    return version.value_bytes == value.bytes.size &&
           version_of(kv, key, &value).digest == version.digest;
}
