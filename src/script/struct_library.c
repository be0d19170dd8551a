/* struct_library.c - `struct` in scripts: values in binary strings, by a format as Redis has it:
 * b B h H l L T i[n] I[n] f d s c[n] x, and < > = ![n] for order and alignment. */
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "script/engine.h"
#include "script/sandbox.h"

enum { WIDTH_MAX = 8, PACKED_MAX = 1024 * 1024 };

struct format {
    lua_State *L;
    const char *at;
    bool is_big;
    size_t align;
};

/* One letter of the format, with its size. */
struct item {
    char letter;
    size_t size;
    size_t padding;
};

static size_t read_number(struct format *f, size_t otherwise)
{
    size_t number = 0;

    if (!isdigit((unsigned char)*f->at)) {
        return otherwise;
    }
    while (isdigit((unsigned char)*f->at)) {
        number = number * 10 + (size_t)(*f->at++ - '0');
        if (number > PACKED_MAX) {
            luaL_error(f->L, "integral size overflow");
        }
    }
    return number;
}

static size_t size_of_item(struct format *f, char letter)
{
    size_t size = 0;

    switch (letter) {
    case 'b':
    case 'B':
    case 'x':
        return 1;
    case 'h':
    case 'H':
        return 2;
    case 'l':
    case 'L':
    case 'T':
    case 'd':
        return 8;
    case 'f':
        return 4;
    case 's':
        return 0;
    case 'c':
        return read_number(f, 1);
    case 'i':
    case 'I':
        size = read_number(f, 4);
        if (size == 0 || size > WIDTH_MAX) {
            luaL_error(f->L, "integral size %d is larger than limit of %d", (int)size, WIDTH_MAX);
        }
        return size;
    default:
        return (size_t)luaL_error(f->L, "invalid format option '%c'", letter);
    }
}

static void read_option(struct format *f, char letter)
{
    if (letter == '!') {
        f->align = read_number(f, WIDTH_MAX);
        if (f->align == 0 || (f->align & (f->align - 1)) != 0) {
            luaL_error(f->L, "alignment is not a power of 2");
        }
    } else if (letter != ' ') {
        f->is_big = letter == '>';
    }
}

/* False at the end of the format. `total` is the size of what came before. */
static bool next_item(struct format *f, size_t total, struct item *ret)
{
    while (*f->at != '\0' && strchr("<>=! ", *f->at) != NULL) {
        read_option(f, *f->at++);
    }
    if (*f->at == '\0') {
        return false;
    }
    ret->letter = *f->at++;
    ret->size = size_of_item(f, ret->letter);
    size_t align = ret->size < f->align ? ret->size : f->align;

    ret->padding = align > 1 && strchr("scx", ret->letter) == NULL && (align & (align - 1)) == 0
                       ? (align - total % align) % align
                       : 0;
    return true;
}

static void reverse(char *bytes, size_t size)
{
    for (size_t i = 0; i < size / 2; i++) {
        char other = bytes[i];

        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = other;
    }
}

static uint64_t as_integer(lua_Number number)
{
    return number < 0 ? (number >= -0x1p63 ? (uint64_t)(int64_t)number : (uint64_t)INT64_MIN)
                      : (number < 0x1p64 ? (uint64_t)number : UINT64_MAX);
}

/* --- packing ---------------------------------------------------------------------------------- */

static void pack_number(const struct format *f, luaL_Buffer *b, const struct item *item,
                        lua_Number number)
{
    char bytes[WIDTH_MAX];
    float single = (float)number;
    uint64_t integer = as_integer(number);

    if (item->letter == 'f') {
        memcpy(bytes, &single, sizeof single);
    } else if (item->letter == 'd') {
        memcpy(bytes, &number, sizeof number);
    } else {
        memcpy(bytes, &integer, sizeof integer);
    }
    if (f->is_big) {
        reverse(bytes, item->size);
    }
    luaL_addlstring(b, bytes, item->size);
}

static size_t pack_string(lua_State *L, luaL_Buffer *b, const struct item *item, int argument)
{
    size_t size = 0;
    const char *text = luaL_checklstring(L, argument, &size);
    size_t wanted = item->letter == 's' || item->size == 0 ? size : item->size;

    luaL_argcheck(L, size >= wanted, argument, "string too short");
    luaL_addlstring(b, text, wanted);
    if (item->letter == 's') {
        luaL_addchar(b, '\0');
        wanted++;
    }
    return wanted;
}

static int struct_pack(lua_State *L)
{
    struct format f = {L, luaL_checkstring(L, 1), false, 1};
    struct item item;
    size_t total = 0;
    int argument = 2;
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    while (next_item(&f, total, &item)) {
        engine_spend(L, 1);
        for (size_t i = 0; i < item.padding; i++) {
            luaL_addchar(&b, '\0');
        }
        total += item.padding;
        if (item.letter == 'x') {
            luaL_addchar(&b, '\0');
            total++;
        } else if (item.letter == 's' || item.letter == 'c') {
            total += pack_string(L, &b, &item, argument++);
        } else {
            pack_number(&f, &b, &item, luaL_checknumber(L, argument++));
            total += item.size;
        }
    }
    luaL_pushresult(&b);
    return 1;
}

/* --- unpacking ------------------------------------------------------------------------------- */

static lua_Number unpack_number(const struct format *f, const struct item *item, const char *from)
{
    char bytes[WIDTH_MAX] = {0};
    float single;
    double number;
    uint64_t integer;

    memcpy(bytes, from, item->size);
    if (f->is_big) {
        reverse(bytes, item->size);
    }
    memcpy(&single, bytes, sizeof single);
    memcpy(&number, bytes, sizeof number);
    memcpy(&integer, bytes, sizeof integer);
    if (item->letter == 'f' || item->letter == 'd') {
        return item->letter == 'f' ? (lua_Number)single : number;
    }
    if (isupper((unsigned char)item->letter)) {
        return (lua_Number)integer;
    }
    uint64_t sign = item->size == 0 ? 0 : 1ull << (8 * item->size - 1);

    return (lua_Number)(int64_t)((integer ^ sign) - sign);
}

/* A string of the size that the number before it says, if the format has c0. */
static size_t size_by_number(lua_State *L)
{
    lua_Number size = lua_gettop(L) > 2 && lua_isnumber(L, -1) ? lua_tonumber(L, -1) : -1;

    if (!(size >= 0 && size <= PACKED_MAX)) {
        luaL_error(L, "format 'c0' needs a previous size");
    }
    lua_pop(L, 1);
    return (size_t)size;
}

static size_t unpack_string(lua_State *L, const struct item *item, const char *from, size_t left)
{
    if (item->letter == 's') {
        const char *end = memchr(from, '\0', left);

        if (end == NULL) {
            return (size_t)luaL_error(L, "unfinished string in data");
        }
        lua_pushlstring(L, from, (size_t)(end - from));
        return (size_t)(end - from) + 1;
    }
    size_t size = item->size == 0 ? size_by_number(L) : item->size;

    luaL_argcheck(L, size <= left, 2, "data string too short");
    lua_pushlstring(L, from, size);
    return size;
}

static int struct_unpack(lua_State *L)
{
    struct format f = {L, luaL_checkstring(L, 1), false, 1};
    struct item item;
    size_t size = 0;
    const char *data = luaL_checklstring(L, 2, &size);
    lua_Integer start = luaL_optinteger(L, 3, 1) - 1;
    size_t at = (size_t)start;

    luaL_argcheck(L, start >= 0 && at <= size, 3, "offset must be within the data");
    lua_settop(L, 2);
    while (next_item(&f, at, &item)) {
        engine_spend(L, 1);
        luaL_checkstack(L, 2, "too many results");
        luaL_argcheck(L, item.padding <= size - at && item.size <= size - at - item.padding, 2,
                      "data string too short");
        at += item.padding;
        if (item.letter == 's' || item.letter == 'c') {
            at += unpack_string(L, &item, data + at, size - at);
            continue;
        }
        if (item.letter != 'x') {
            lua_pushnumber(L, unpack_number(&f, &item, data + at));
        }
        at += item.size;
    }
    lua_pushinteger(L, (lua_Integer)at + 1);
    return lua_gettop(L) - 2;
}

static int struct_size(lua_State *L)
{
    struct format f = {L, luaL_checkstring(L, 1), false, 1};
    struct item item;
    size_t total = 0;

    while (next_item(&f, total, &item)) {
        luaL_argcheck(L, item.letter != 's' && item.size > 0, 1, "format has no fixed size");
        engine_spend(L, 1);
        total += item.padding + item.size;
    }
    lua_pushinteger(L, (lua_Integer)total);
    return 1;
}

void struct_library_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"pack", struct_pack}, {"unpack", struct_unpack}, {"size", struct_size}, {NULL, NULL}};

    luaL_register(L, NULL, functions);
}
