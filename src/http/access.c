#include "http/access.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mutant.h"
#include "http/base64.h"

enum { HOST_BYTES_MAX = 255 };

/* --- the name of this node ------------------------------------------------------------------ */

static bool ends_with(struct slice text, const char *end)
{
    size_t size = strlen(end);

    return text.size >= size && slice_is(slice_of(text.data + text.size - size, size), end);
}

static bool is_address(struct slice host, int family)
{
    unsigned char address[sizeof(struct in6_addr)];
    char text[HOST_BYTES_MAX + 1];

    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    return inet_pton(family, text, address) == 1;
}

static bool is_port(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.size <= 5;
}

/* Public name servers have nothing to say about a name without a dot. */
static bool is_local_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!is_letter && c != '-' && c != '_') {
            return false;
        }
    }
    return name.size > 0;
}

static bool is_own_name(const struct access_names *names, struct slice name)
{
    return is_address(name, AF_INET) || is_local_name(name) || ends_with(name, ".localhost") ||
           slice_is(name, names->host) || slice_is(name, names->announced);
}

bool access_host_is_own(const struct access_names *names, struct slice host)
{
    const char *colon;
    struct slice name = host;

    MUTANT_DO(http_any_host, return true);
    if (host.size == 0 || host.size > HOST_BYTES_MAX) {
        return false;
    }
    if (host.data[0] == '[') {
        const char *end = memchr(host.data, ']', host.size);
        size_t size = end == NULL ? 0 : (size_t)(end - host.data);
        struct slice rest = slice_of(host.data + size + 1, end == NULL ? 0 : host.size - size - 1);

        return end != NULL && is_address(slice_of(host.data + 1, size - 1), AF_INET6) &&
               (rest.size == 0 ||
                (rest.data[0] == ':' && is_port(slice_of(rest.data + 1, rest.size - 1))));
    }
    colon = memchr(host.data, ':', host.size);
    if (colon != NULL) {
        name.size = (size_t)(colon - host.data);
        if (!is_port(slice_of(colon + 1, host.size - name.size - 1))) {
            return false;
        }
    }
    return is_own_name(names, name);
}

/* --- the page that a request comes from ----------------------------------------------------- */

bool access_is_same_site(const struct request *r)
{
    struct slice origin = r->origin;
    const char *schemes[] = {"http://", "https://"};

    MUTANT_DO(http_any_origin, return true);
    if (r->fetch_site.data != NULL && !slice_is(r->fetch_site, "same-origin") &&
        !slice_is(r->fetch_site, "none")) {
        return false;
    }
    if (origin.data == NULL) {
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(schemes[i]);

        if (origin.size == size + r->host.size && strncasecmp(origin.data, schemes[i], size) == 0 &&
            strncasecmp(origin.data + size, r->host.data, r->host.size) == 0) {
            return true;
        }
    }
    return false;
}

bool access_type_is(const struct request *r, const char *const *types)
{
    struct slice type = r->content_type;
    const char *end = type.size == 0 ? NULL : memchr(type.data, ';', type.size);

    MUTANT_DO(http_any_type, return true);
    type.size = end == NULL ? type.size : (size_t)(end - type.data);
    while (type.size > 0 && (type.data[type.size - 1] == ' ' || type.data[type.size - 1] == '\t')) {
        type.size--;
    }
    for (; *types != NULL; types++) {
        if (type.data != NULL && slice_is(type, *types)) {
            return true;
        }
    }
    return false;
}

/* --- credentials ---------------------------------------------------------------------------- */

bool access_read_credentials(const struct request *r, struct credentials *ret_credentials)
{
    static const char scheme[] = "Basic ";
    struct slice text = r->authorization;
    struct credentials *c = ret_credentials;
    const char *colon;
    size_t size;

    c->are_given = text.data != NULL;
    if (!c->are_given) {
        return true;
    }
    if (text.size < strlen(scheme) || strncasecmp(text.data, scheme, strlen(scheme)) != 0) {
        return false;
    }
    text = slice_of(text.data + strlen(scheme), text.size - strlen(scheme));
    if (text.size / 4 * 3 > sizeof c->text || !base64_read(text, c->text, &size)) {
        return false;
    }
    colon = size == 0 ? NULL : memchr(c->text, ':', size);
    if (colon == NULL) {
        return false;
    }
    c->user = slice_of(c->text, (size_t)(colon - c->text));
    c->password = slice_of(colon + 1, size - c->user.size - 1);
    return true;
}
