/* string_library.c - the functions of strings whose time depends on more than what they return:
 * rep, and those with patterns. Patterns are Lua's; each comparison counts, so that one which
 * would try too many ways ends the script. */
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "base/mutant.h"
#include "script/engine.h"
#include "script/sandbox.h"

enum {
    CAPTURES_MAX = 32,
    NESTED_MAX = 200,  /* Matches within each other, on the C stack. */
    TRIED_CHUNK = 256, /* Comparisons between two looks, */
    TRIED_STEPS = 4,   /* of which so many are a step. */
    REPEATED_BYTES = 64,
    REPEATED_TIMES = 4,
    SOUGHT_BYTES = 16,
};

enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct capture {
    const char *begin;
    ptrdiff_t size; /* Or one of the above. */
};

struct match {
    lua_State *L;
    struct slice subject;
    const char *end; /* Of the subject; */
    const char *pattern_end;
    uint32_t depth;
    uint64_t tried;
    int count;
    struct capture captures[CAPTURES_MAX];
};

static const char *match_here(struct match *m, const char *s, const char *p);

static void note_tries(struct match *m, size_t count)
{
    uint64_t before = m->tried / TRIED_CHUNK;

    m->tried += count;
    if (m->tried / TRIED_CHUNK > before && !MUTANT(patterns_cost_nothing)) {
        engine_spend(m->L, (m->tried / TRIED_CHUNK - before) * (TRIED_CHUNK / TRIED_STEPS));
    }
}

static unsigned char byte_at(const char *p)
{
    return (unsigned char)*p;
}

/* --- single characters -------------------------------------------------------------------- */

static bool is_of_class(int c, int class)
{
    bool is_it;

    switch (tolower(class)) {
    case 'a':
        is_it = isalpha(c) != 0;
        break;
    case 'c':
        is_it = iscntrl(c) != 0;
        break;
    case 'd':
        is_it = isdigit(c) != 0;
        break;
    case 'l':
        is_it = islower(c) != 0;
        break;
    case 'p':
        is_it = ispunct(c) != 0;
        break;
    case 's':
        is_it = isspace(c) != 0;
        break;
    case 'u':
        is_it = isupper(c) != 0;
        break;
    case 'w':
        is_it = isalnum(c) != 0;
        break;
    case 'x':
        is_it = isxdigit(c) != 0;
        break;
    case 'z':
        is_it = c == 0;
        break;
    default:
        return class == c;
    }
    return isupper(class) ? !is_it : is_it;
}

/* The end of the item that begins at `p`: a character, %x, or a set in brackets. */
static const char *item_end(struct match *m, const char *p)
{
    const char *at = p + 1;

    if (*p == '%') {
        if (at == m->pattern_end) {
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        }
        return at + 1;
    }
    if (*p != '[') {
        return at;
    }
    at += at < m->pattern_end && *at == '^';
    do {
        if (at == m->pattern_end) {
            luaL_error(m->L, "malformed pattern (missing ']')");
        }
        at += *at == '%' && at + 1 < m->pattern_end ? 2 : 1;
    } while (at == m->pattern_end || *at != ']');
    note_tries(m, (size_t)(at - p));
    return at + 1;
}

/* `p` is at the bracket, `end` at the one that closes it. */
static bool is_in_set(int c, const char *p, const char *end)
{
    bool result = true;

    p++;
    if (*p == '^') {
        result = false;
        p++;
    }
    while (p < end) {
        if (*p == '%' && p + 1 < end) {
            if (is_of_class(c, byte_at(p + 1))) {
                return result;
            }
            p += 2;
        } else if (p + 2 < end && p[1] == '-') {
            if (byte_at(p) <= c && c <= byte_at(p + 2)) {
                return result;
            }
            p += 3;
        } else if (byte_at(p++) == c) {
            return result;
        }
    }
    return !result;
}

static bool fits_item(struct match *m, const char *s, const char *p, const char *end)
{
    note_tries(m, (size_t)(end - p));
    if (s >= m->end) {
        return false;
    }
    switch (*p) {
    case '.':
        return true;
    case '%':
        return is_of_class(byte_at(s), byte_at(p + 1));
    case '[':
        return is_in_set(byte_at(s), p, end - 1);
    default:
        return *p == *s;
    }
}

/* --- captures ----------------------------------------------------------------------------- */

static const char *match_capture(struct match *m, const char *s, const char *p, ptrdiff_t size)
{
    const char *after;

    if (m->count == CAPTURES_MAX) {
        luaL_error(m->L, "too many captures");
    }
    m->captures[m->count++] = (struct capture){s, size};
    after = match_here(m, s, p);
    m->count -= after == NULL;
    return after;
}

static const char *match_capture_end(struct match *m, const char *s, const char *p)
{
    const char *after;
    int i = m->count - 1;

    while (i >= 0 && m->captures[i].size != CAPTURE_OPEN) {
        i--;
    }
    if (i < 0) {
        luaL_error(m->L, "invalid pattern capture");
        return NULL;
    }
    m->captures[i].size = s - m->captures[i].begin;
    after = match_here(m, s, p);
    if (after == NULL) {
        m->captures[i].size = CAPTURE_OPEN;
    }
    return after;
}

static const char *match_back_reference(struct match *m, const char *s, char digit)
{
    int i = digit - '1';

    if (i < 0 || i >= m->count || m->captures[i].size == CAPTURE_OPEN) {
        luaL_error(m->L, "invalid capture index");
    }
    size_t size = m->captures[i].size < 0 ? 0 : (size_t)m->captures[i].size;

    engine_spend(m->L, size / SOUGHT_BYTES);
    if (size == 0) {
        return s;
    }
    return (size_t)(m->end - s) >= size && memcmp(m->captures[i].begin, s, size) == 0 ? s + size
                                                                                      : NULL;
}

/* --- repetitions and the rest --------------------------------------------------------------- */

static const char *match_most(struct match *m, const char *s, const char *p, const char *end)
{
    ptrdiff_t count = 0;

    while (fits_item(m, s + count, p, end)) {
        count++;
    }
    for (; count >= 0; count--) {
        const char *after = match_here(m, s + count, end + 1);

        if (after != NULL) {
            return after;
        }
    }
    return NULL;
}

static const char *match_fewest(struct match *m, const char *s, const char *p, const char *end)
{
    for (;; s++) {
        const char *after = match_here(m, s, end + 1);

        if (after != NULL || !fits_item(m, s, p, end)) {
            return after;
        }
    }
}

/* %bxy */
static const char *match_balance(struct match *m, const char *s, const char *p)
{
    int open = 1;

    if (m->pattern_end - p < 2) {
        luaL_error(m->L, "unbalanced pattern");
    }
    if (s >= m->end || *s != p[0]) {
        return NULL;
    }
    while (++s < m->end) {
        note_tries(m, 1);
        if (*s == p[1]) {
            if (--open == 0) {
                return s + 1;
            }
        } else if (*s == p[0]) {
            open++;
        }
    }
    return NULL;
}

/* %f[set]: between a character that is not in the set and one that is. */
static const char *match_frontier(struct match *m, const char *s, const char *p)
{
    if (p == m->pattern_end || *p != '[') {
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    }
    const char *end = item_end(m, p);
    int before = s == m->subject.data ? 0 : byte_at(s - 1);
    int here = s == m->end ? 0 : byte_at(s);

    return !is_in_set(before, p, end - 1) && is_in_set(here, p, end - 1) ? match_here(m, s, end)
                                                                         : NULL;
}

/* An item and what follows it; `*goes_on` if there is no repetition to decide about: then the
 * rest is to be matched at the position that it returns. */
static const char *match_item(struct match *m, const char *s, const char *p, const char **after,
                              bool *goes_on)
{
    const char *end = item_end(m, p);
    char repetition = end < m->pattern_end ? *end : '\0';

    *goes_on = false;
    switch (repetition) {
    case '?':
        if (fits_item(m, s, p, end)) {
            const char *found = match_here(m, s + 1, end + 1);

            if (found != NULL) {
                return found;
            }
        }
        *after = end + 1;
        *goes_on = true;
        return s;
    case '*':
        return match_most(m, s, p, end);
    case '+':
        return fits_item(m, s, p, end) ? match_most(m, s + 1, p, end) : NULL;
    case '-':
        return match_fewest(m, s, p, end);
    default:
        *after = end;
        *goes_on = fits_item(m, s, p, end);
        return *goes_on ? s + 1 : NULL;
    }
}

/* Items that begin with '%' and stand for no single character; false: it is another one. */
static bool match_special(struct match *m, const char *s, const char **p, const char **ret)
{
    const char *at = *p + 1;

    if (at == m->pattern_end) {
        return false;
    }
    if (*at == 'b') {
        *ret = match_balance(m, s, at + 1);
        *p = at + 3;
        return true;
    }
    if (isdigit(byte_at(at))) {
        *ret = match_back_reference(m, s, *at);
        *p = at + 1;
        return true;
    }
    return false;
}

static const char *match_rest(struct match *m, const char *s, const char *p)
{
    while (p < m->pattern_end && s != NULL) {
        bool goes_on = true;

        if (*p == '(') {
            bool is_position = p + 1 < m->pattern_end && p[1] == ')';

            return match_capture(m, s, is_position ? p + 2 : p + 1,
                                 is_position ? CAPTURE_POSITION : CAPTURE_OPEN);
        }
        if (*p == ')') {
            return match_capture_end(m, s, p + 1);
        }
        if (*p == '$' && p + 1 == m->pattern_end) {
            return s == m->end ? s : NULL;
        }
        if (*p == '%' && p + 1 < m->pattern_end && p[1] == 'f') {
            return match_frontier(m, s, p + 2);
        }
        if (*p != '%' || !match_special(m, s, &p, &s)) {
            s = match_item(m, s, p, &p, &goes_on);
        }
        if (!goes_on) {
            return s;
        }
    }
    return s;
}

static const char *match_here(struct match *m, const char *s, const char *p)
{
    if (m->depth++ == NESTED_MAX) {
        luaL_error(m->L, "pattern too complex");
    }
    note_tries(m, 1);
    const char *after = match_rest(m, s, p);

    m->depth--;
    return after;
}

/* --- results -------------------------------------------------------------------------------- */

static void push_capture(struct match *m, int i, const char *begin, const char *end)
{
    if (i >= m->count) {
        if (i > 0) {
            luaL_error(m->L, "invalid capture index");
        }
        lua_pushlstring(m->L, begin, (size_t)(end - begin)); /* All of the match. */
    } else if (m->captures[i].size == CAPTURE_OPEN) {
        luaL_error(m->L, "unfinished capture");
    } else if (m->captures[i].size == CAPTURE_POSITION) {
        lua_pushinteger(m->L, m->captures[i].begin - m->subject.data + 1);
    } else {
        lua_pushlstring(m->L, m->captures[i].begin, (size_t)m->captures[i].size);
    }
}

/* All captures; if there are none, all of the match, unless `begin` is NULL. */
static int push_captures(struct match *m, const char *begin, const char *end)
{
    int count = m->count == 0 && begin != NULL ? 1 : m->count;

    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; i++) {
        push_capture(m, i, begin, end);
    }
    return count;
}

static struct slice check_slice(lua_State *L, int index)
{
    size_t size = 0;
    const char *text = luaL_checklstring(L, index, &size);

    return slice_of(text, size);
}

static struct match match_of(lua_State *L, struct slice subject, struct slice pattern)
{
    return (struct match){.L = L,
                          .subject = subject,
                          .end = subject.data + subject.size,
                          .pattern_end = pattern.data + pattern.size};
}

/* --- find, match ----------------------------------------------------------------------------- */

static size_t start_of(lua_State *L, int index, size_t size)
{
    ptrdiff_t init = luaL_optinteger(L, index, 1);

    init = init < 0 ? init + (ptrdiff_t)size + 1 : init;
    init = init < 1 ? 0 : init - 1;
    return (size_t)init < size ? (size_t)init : size;
}

static bool is_plain(struct slice pattern)
{
    return pattern.size == 0 || strcspn(pattern.data, "^$*+?.([%-") >= pattern.size;
}

static int find_plain(lua_State *L, struct slice subject, struct slice wanted, size_t start)
{
    const char *found = wanted.size == 0 ? subject.data + start
                                         : memmem(subject.data + start, subject.size - start,
                                                  wanted.data, wanted.size);

    engine_spend(L, (subject.size - start) / SOUGHT_BYTES);
    if (found == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - subject.data + 1);
    lua_pushinteger(L, found - subject.data + (ptrdiff_t)wanted.size);
    return 2;
}

static int find_or_match(lua_State *L, bool is_find)
{
    struct slice subject = check_slice(L, 1);
    struct slice pattern = check_slice(L, 2);
    size_t start = start_of(L, 3, subject.size);
    bool is_anchored = pattern.size > 0 && *pattern.data == '^';
    struct match m = match_of(L, subject, pattern);

    if (is_find && (lua_toboolean(L, 4) || is_plain(pattern))) {
        return find_plain(L, subject, pattern, start);
    }
    for (const char *s = subject.data + start; s <= m.end; s++) {
        m.count = 0;
        const char *end = match_here(&m, s, pattern.data + is_anchored);

        if (end != NULL && is_find) {
            lua_pushinteger(L, s - subject.data + 1);
            lua_pushinteger(L, end - subject.data);
            return 2 + push_captures(&m, NULL, NULL);
        }
        if (end != NULL) {
            return push_captures(&m, s, end);
        }
        if (is_anchored) {
            break;
        }
    }
    lua_pushnil(L);
    return 1;
}

static int string_find(lua_State *L)
{
    return find_or_match(L, true);
}

static int string_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* --- gmatch ---------------------------------------------------------------------------------- */

/* Upvalues: subject, pattern, position. */
static int gmatch_next(lua_State *L)
{
    struct slice subject = check_slice(L, lua_upvalueindex(1));
    struct slice pattern = check_slice(L, lua_upvalueindex(2));
    struct match m = match_of(L, subject, pattern);

    engine_spend(L, 1);
    for (const char *s = subject.data + lua_tointeger(L, lua_upvalueindex(3)); s <= m.end; s++) {
        m.count = 0;
        const char *end = match_here(&m, s, pattern.data);

        if (end != NULL) {
            lua_pushinteger(L, end - subject.data + (end == s)); /* Not at an empty match again. */
            lua_replace(L, lua_upvalueindex(3));
            return push_captures(&m, s, end);
        }
    }
    return 0;
}

static int string_gmatch(lua_State *L)
{
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, gmatch_next, 3);
    return 1;
}

/* --- gsub ------------------------------------------------------------------------------------ */

/* "%1" in the replacement is a capture, "%0" the match. */
static void add_text(struct match *m, luaL_Buffer *b, const char *begin, const char *end)
{
    struct slice text = check_slice(m->L, 3);

    engine_spend(m->L, text.size / REPEATED_TIMES);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%' || i + 1 == text.size) {
            luaL_addchar(b, text.data[i]);
            continue;
        }
        i++;
        if (!isdigit(byte_at(text.data + i))) {
            luaL_addchar(b, text.data[i]);
        } else if (text.data[i] == '0') {
            luaL_addlstring(b, begin, (size_t)(end - begin));
        } else {
            push_capture(m, text.data[i] - '1', begin, end);
            luaL_addvalue(b);
        }
    }
}

static void add_value(struct match *m, luaL_Buffer *b, const char *begin, const char *end)
{
    int type = lua_type(m->L, 3);

    if (type == LUA_TNUMBER || type == LUA_TSTRING) {
        add_text(m, b, begin, end);
        return;
    }
    if (type == LUA_TTABLE) {
        push_capture(m, 0, begin, end);
        lua_gettable(m->L, 3);
    } else {
        lua_pushvalue(m->L, 3);
        lua_call(m->L, push_captures(m, begin, end), 1);
    }
    if (!lua_toboolean(m->L, -1)) {
        lua_pop(m->L, 1);
        lua_pushlstring(m->L, begin, (size_t)(end - begin));
    } else if (!lua_isstring(m->L, -1)) {
        luaL_error(m->L, "invalid replacement value (a %s)", luaL_typename(m->L, -1));
    }
    luaL_addvalue(b);
}

static int string_gsub(lua_State *L)
{
    struct slice subject = check_slice(L, 1);
    struct slice pattern = check_slice(L, 2);
    int type = lua_type(L, 3);
    ptrdiff_t count_max = luaL_optinteger(L, 4, (ptrdiff_t)subject.size + 1);
    bool is_anchored = pattern.size > 0 && *pattern.data == '^';
    struct match m = match_of(L, subject, pattern);
    const char *s = subject.data;
    ptrdiff_t count = 0;
    luaL_Buffer b;

    luaL_argcheck(L,
                  type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                      type == LUA_TTABLE,
                  3, "string/function/table expected");
    luaL_buffinit(L, &b);
    while (count < count_max) {
        m.count = 0;
        m.depth = 0;
        const char *end = match_here(&m, s, pattern.data + is_anchored);

        engine_spend(L, end == NULL ? 0 : 1);
        if (end != NULL) {
            count++;
            add_value(&m, &b, s, end);
        }
        if (end != NULL && end > s) {
            s = end;
        } else if (s != NULL && s < m.end) {
            luaL_addchar(&b, *s);
            s++;
        } else {
            break;
        }
        if (is_anchored) {
            break;
        }
    }
    luaL_addlstring(&b, s, (size_t)(m.end - s));
    luaL_pushresult(&b);
    lua_pushinteger(L, count);
    return 2;
}

/* --- rep ------------------------------------------------------------------------------------- */

static int string_rep(lua_State *L)
{
    struct slice text = check_slice(L, 1);
    lua_Integer count = luaL_checkinteger(L, 2);
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    if (text.size > 0 && count > 0) {
        if ((size_t)count > SCRIPT_STRING_MAX / text.size) {
            return luaL_error(L, "resulting string too large");
        }
        engine_spend(L, (uint64_t)count / REPEATED_TIMES +
                            (uint64_t)count * text.size / REPEATED_BYTES);
        for (lua_Integer i = 0; i < count; i++) {
            luaL_addlstring(&b, text.data, text.size);
        }
    }
    luaL_pushresult(&b);
    return 1;
}

void string_library_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", string_find},
        {"match", string_match},
        {"gmatch", string_gmatch},
        {"gfind", string_gmatch},
        {"gsub", string_gsub},
        {"rep", string_rep},
        {NULL, NULL},
    };

    luaL_register(L, NULL, functions);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump"); /* Of no use, as compiled code is not taken. */
}
