/* msgpack_library.c - `cmsgpack` in scripts: values in MessagePack, as Redis packs them. */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "script/engine.h"
#include "script/sandbox.h"

enum { DEPTH_MAX = 16, PACK_STEPS = 2 };

/* --- packing ---------------------------------------------------------------------------------- */

static void pack_value(lua_State *L, struct buffer *out, int depth);

/* The number's low bytes, the highest of them first. */
static void put_big(struct buffer *out, int type, uint64_t number, int bytes)
{
    char text[9] = {(char)type};

    for (int i = 0; i < bytes; i++) {
        text[1 + i] = (char)(number >> 8 * (bytes - 1 - i));
    }
    buffer_append(out, text, (size_t)bytes + 1);
}

static void pack_integer(struct buffer *out, int64_t number)
{
    uint64_t bits = (uint64_t)number;

    if (number >= -32 && number <= 127) {
        put_big(out, (int)(bits & 0xff), 0, 0);
    } else if (number >= 0) {
        int width = bits <= UINT8_MAX ? 0 : bits <= UINT16_MAX ? 1 : bits <= UINT32_MAX ? 2 : 3;

        put_big(out, 0xcc + width, bits, 1 << width);
    } else {
        int width = number >= INT8_MIN ? 0 : number >= INT16_MIN ? 1 : number >= INT32_MIN ? 2 : 3;

        put_big(out, 0xd0 + width, bits, 1 << width);
    }
}

#define TWO_TO_63 9223372036854775808.0

static void pack_number(struct buffer *out, lua_Number number)
{
    float single = (float)number;
    uint32_t single_bits;
    uint64_t bits;

    if (number == floor(number) && number >= -TWO_TO_63 && number < TWO_TO_63) {
        pack_integer(out, (int64_t)number);
        return;
    }
    memcpy(&single_bits, &single, sizeof single_bits);
    memcpy(&bits, &number, sizeof bits);
    if ((lua_Number)single == number) {
        put_big(out, 0xca, single_bits, 4);
    } else {
        put_big(out, 0xcb, bits, 8);
    }
}

static void pack_string(lua_State *L, struct buffer *out)
{
    size_t size = 0;
    const char *text = lua_tolstring(L, -1, &size);

    if (size < 32) {
        put_big(out, 0xa0 | (int)size, 0, 0);
    } else {
        int width = size <= UINT8_MAX ? 0 : size <= UINT16_MAX ? 1 : 2;

        put_big(out, 0xd9 + width, size, 1 << width);
    }
    buffer_append(out, text, size);
}

/* Whether its keys are 1 to `*ret_count`; if not, that is how many there are. */
static bool is_array(lua_State *L, uint64_t *ret_count)
{
    lua_Number most = 0;
    bool are_indexes = true;

    *ret_count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_Number key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;

        are_indexes = are_indexes && key > 0 && key == floor(key);
        most = key > most ? key : most;
        (*ret_count)++;
        lua_pop(L, 1);
    }
    engine_spend(L, *ret_count);
    return are_indexes && most == (lua_Number)*ret_count;
}

static void pack_head(struct buffer *out, int fixed, int wide, uint64_t count)
{
    if (count < 16) {
        put_big(out, fixed | (int)count, 0, 0);
    } else {
        put_big(out, count <= UINT16_MAX ? wide : wide + 1, count, count <= UINT16_MAX ? 2 : 4);
    }
}

static void pack_table(lua_State *L, struct buffer *out, int depth)
{
    uint64_t count = 0;

    if (is_array(L, &count)) {
        pack_head(out, 0x90, 0xdc, count);
        for (uint64_t i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, (int)i);
            pack_value(L, out, depth + 1);
            lua_pop(L, 1);
        }
        return;
    }
    pack_head(out, 0x80, 0xde, count);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        pack_value(L, out, depth + 1);
        lua_pop(L, 1);
        pack_value(L, out, depth + 1);
        lua_pop(L, 1);
    }
}

/* The value on top of the stack; what has no form, or is too deep, is nil. */
static void pack_value(lua_State *L, struct buffer *out, int depth)
{
    luaL_checkstack(L, 4, "in function cmsgpack.pack");
    engine_spend(L, PACK_STEPS);
    if (buffer_size(out) > SCRIPT_STRING_MAX) {
        luaL_error(L, "resulting string too large");
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        pack_string(L, out);
        break;
    case LUA_TBOOLEAN:
        put_big(out, lua_toboolean(L, -1) ? 0xc3 : 0xc2, 0, 0);
        break;
    case LUA_TNUMBER:
        pack_number(out, lua_tonumber(L, -1));
        break;
    case LUA_TTABLE:
        if (depth < DEPTH_MAX) {
            pack_table(L, out, depth);
            break;
        }
        /* fall through */
    default:
        put_big(out, 0xc0, 0, 0);
    }
}

static int msgpack_pack(lua_State *L)
{
    struct buffer *out = &engine_get()->packed;
    int count = lua_gettop(L);

    luaL_argcheck(L, count > 0, 0, "MessagePack pack needs input.");
    buffer_clear(out);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
        pack_value(L, out, 0);
        lua_pop(L, 1);
    }
    lua_pushlstring(L, buffer_begin(out), buffer_size(out));
    return 1;
}

/* --- unpacking ------------------------------------------------------------------------------- */

struct input {
    lua_State *L;
    const unsigned char *at;
    const unsigned char *end;
    int depth;
};

static void unpack_value(struct input *in);

static const unsigned char *take(struct input *in, uint64_t size)
{
    const unsigned char *at = in->at;

    if (size > (uint64_t)(in->end - in->at)) {
        luaL_error(in->L, "Missing bytes in input.");
    }
    in->at += size;
    return at;
}

static uint64_t take_big(struct input *in, int bytes)
{
    const unsigned char *at = take(in, (uint64_t)bytes);
    uint64_t number = 0;

    for (int i = 0; i < bytes; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

static void push_string(struct input *in, uint64_t size)
{
    const unsigned char *text = take(in, size);

    lua_pushlstring(in->L, (const char *)text, size);
}

static void push_array(struct input *in, uint64_t count)
{
    lua_newtable(in->L);
    for (uint64_t i = 1; i <= count; i++) {
        unpack_value(in);
        lua_rawseti(in->L, -2, (int)i);
    }
}

static void push_map(struct input *in, uint64_t count)
{
    lua_newtable(in->L);
    for (uint64_t i = 0; i < count; i++) {
        unpack_value(in);
        if (lua_isnil(in->L, -1) ||
            (lua_type(in->L, -1) == LUA_TNUMBER && isnan(lua_tonumber(in->L, -1)))) {
            luaL_error(in->L, "Bad data format in input.");
        }
        unpack_value(in);
        lua_rawset(in->L, -3);
    }
}

static void push_float(struct input *in, bool is_double)
{
    union {
        uint64_t bits;
        double number;
    } eight = {.bits = take_big(in, is_double ? 8 : 4)};
    union {
        uint32_t bits;
        float number;
    } four = {.bits = (uint32_t)eight.bits};

    lua_pushnumber(in->L, is_double ? eight.number : (lua_Number)four.number);
}

static void push_signed(struct input *in, int bytes)
{
    uint64_t sign = 1ull << (8 * bytes - 1);

    lua_pushnumber(in->L, (lua_Number)(int64_t)((take_big(in, bytes) ^ sign) - sign));
}

static void unpack_long(struct input *in, int type)
{
    switch (type) {
    case 0xc0:
        lua_pushnil(in->L);
        break;
    case 0xc2:
    case 0xc3:
        lua_pushboolean(in->L, type == 0xc3);
        break;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        push_string(in, take_big(in, 1 << (type - 0xc4)));
        break;
    case 0xca:
    case 0xcb:
        push_float(in, type == 0xcb);
        break;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        lua_pushnumber(in->L, (lua_Number)take_big(in, 1 << (type - 0xcc)));
        break;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        push_signed(in, 1 << (type - 0xd0));
        break;
    case 0xd9:
    case 0xda:
    case 0xdb:
        push_string(in, take_big(in, 1 << (type - 0xd9)));
        break;
    case 0xdc:
    case 0xdd:
        push_array(in, take_big(in, type == 0xdc ? 2 : 4));
        break;
    case 0xde:
    case 0xdf:
        push_map(in, take_big(in, type == 0xde ? 2 : 4));
        break;
    default:
        luaL_error(in->L, "Bad data format in input.");
    }
}

static void unpack_value(struct input *in)
{
    int type = *take(in, 1);

    engine_spend(in->L, PACK_STEPS);
    luaL_checkstack(in->L, 4, "too many return values at once");
    if (in->depth++ == SCRIPT_DEPTH_MAX) {
        luaL_error(in->L, "Bad data format in input.");
    }
    if (type < 0x80 || type >= 0xe0) {
        lua_pushnumber(in->L, type < 0x80 ? type : type - 0x100);
    } else if (type < 0x90) {
        push_map(in, (uint64_t)(type & 15));
    } else if (type < 0xa0) {
        push_array(in, (uint64_t)(type & 15));
    } else if (type < 0xc0) {
        push_string(in, (uint64_t)(type & 31));
    } else {
        unpack_long(in, type);
    }
    in->depth--;
}

/* Up to `limit` values from `offset` on. With `shows_end`, before them comes the offset behind
 * them, -1 at the end. */
static int unpack_some(lua_State *L, lua_Integer limit, lua_Integer offset, bool shows_end)
{
    size_t size = 0;
    const char *text = luaL_checklstring(L, 1, &size);
    const unsigned char *begin = (const unsigned char *)text;

    if (limit < 0 || offset < 0 || (size_t)offset > size) {
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                          (int)offset, (int)limit);
    }
    struct input in = {L, begin + offset, begin + size, 0};
    int count = 0;

    lua_settop(L, 1);
    lua_pushnil(L);
    for (; in.at < in.end && (limit == 0 || count < limit); count++) {
        unpack_value(&in);
    }
    if (!shows_end) {
        return count;
    }
    lua_pushinteger(L, in.at == in.end ? -1 : in.at - begin);
    lua_replace(L, 2);
    return count + 1;
}

static int msgpack_unpack(lua_State *L)
{
    return unpack_some(L, 0, 0, false);
}

static int msgpack_unpack_one(lua_State *L)
{
    return unpack_some(L, 1, luaL_optinteger(L, 2, 0), true);
}

static int msgpack_unpack_limit(lua_State *L)
{
    return unpack_some(L, luaL_checkinteger(L, 2), luaL_optinteger(L, 3, 0), true);
}

void msgpack_library_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"pack", msgpack_pack},
                                         {"unpack", msgpack_unpack},
                                         {"unpack_one", msgpack_unpack_one},
                                         {"unpack_limit", msgpack_unpack_limit},
                                         {NULL, NULL}};

    luaL_register(L, NULL, functions);
}
