#include "script/result.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "script/engine.h"

enum { VALUE_STEPS = 4, STACK_SLOTS = 8, WRITTEN_BYTES = 32 };

/* --- writing ------------------------------------------------------------------------------ */

struct result {
    lua_State *L;
    struct resp_writer *w;
    int script_version;
    uint32_t depth;
};

static void write_value(struct result *r);

#define TWO_TO_63 9223372036854775808.0

/* As a conversion of x86 does it, which is undefined in C. */
static int64_t truncated(lua_Number number)
{
    return number >= -TWO_TO_63 && number < TWO_TO_63 ? (int64_t)number : INT64_MIN;
}

static struct slice string_at(lua_State *L, int index)
{
    size_t size = 0;
    const char *text = lua_tolstring(L, index, &size);

    return slice_of(text, size);
}

/* Pushes the field of the table on top, if it is of that type. */
static bool push_field(struct result *r, const char *name, int type)
{
    lua_pushstring(r->L, name);
    lua_rawget(r->L, -2);
    if (lua_type(r->L, -1) == type) {
        return true;
    }
    lua_pop(r->L, 1);
    return false;
}

static void take_room(struct result *r, size_t size)
{
    if (buffer_size(r->w->out) + size > SCRIPT_REPLY_BYTES_MAX) {
        luaL_error(r->L, ERROR_SCRIPT_REPLY, (int)SCRIPT_REPLY_BYTES_MAX);
    }
    engine_spend(r->L, size / WRITTEN_BYTES);
}

static void write_error(struct result *r)
{
    take_room(r, lua_objlen(r->L, -1));
    resp_error(r->w, lua_tostring(r->L, -1));
}

static uint64_t count_pairs(lua_State *L)
{
    uint64_t count = 0;

    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        count++;
    }
    return count;
}

/* Of a set the keys alone. */
static void write_pairs(struct result *r, bool is_set)
{
    uint64_t count = count_pairs(r->L);

    engine_spend(r->L, count);
    if (is_set) {
        resp_set(r->w, count);
    } else {
        resp_map(r->w, count);
    }
    lua_pushnil(r->L);
    while (lua_next(r->L, -2) != 0) {
        lua_pushvalue(r->L, -2);
        write_value(r);
        lua_pop(r->L, 1);
        if (!is_set) {
            write_value(r);
        }
        lua_pop(r->L, 1);
    }
}

static void write_raw(struct result *r, char type, const char *format, struct slice text)
{
    take_room(r, text.size);
    if (r->w->version < 3) {
        resp_bulk(r->w, text);
    } else if (type == '(') {
        buffer_printf(r->w->out, "(%.*s\r\n", (int)strcspn(text.data, "\r\n"), text.data);
    } else {
        buffer_printf(r->w->out, "=%zu\r\n%-3.3s:", text.size + 4, format);
        buffer_append_slice(r->w->out, text);
        buffer_append(r->w->out, "\r\n", 2);
    }
}

static bool write_verbatim(struct result *r)
{
    bool is_written = false;

    if (!push_field(r, "verbatim_string", LUA_TTABLE)) {
        return false;
    }
    if (push_field(r, "string", LUA_TSTRING)) {
        struct slice text = string_at(r->L, -1);

        lua_pop(r->L, 1);
        if (push_field(r, "format", LUA_TSTRING)) {
            write_raw(r, '=', lua_tostring(r->L, -1), text);
            lua_pop(r->L, 1);
            is_written = true;
        }
    }
    lua_pop(r->L, 1);
    return is_written;
}

/* A table with a field that says what it stands for. */
static bool write_special(struct result *r)
{
    bool is_special = true;

    if (push_field(r, "err", LUA_TSTRING)) {
        write_error(r);
    } else if (push_field(r, "ok", LUA_TSTRING)) {
        take_room(r, lua_objlen(r->L, -1));
        resp_simple(r->w, lua_tostring(r->L, -1));
    } else if (push_field(r, "double", LUA_TNUMBER)) {
        resp_double(r->w, lua_tonumber(r->L, -1));
    } else if (push_field(r, "map", LUA_TTABLE)) {
        write_pairs(r, false);
    } else if (push_field(r, "set", LUA_TTABLE)) {
        write_pairs(r, true);
    } else if (push_field(r, "big_number", LUA_TSTRING)) {
        write_raw(r, '(', NULL, string_at(r->L, -1));
    } else {
        return write_verbatim(r);
    }
    lua_pop(r->L, 1);
    return is_special;
}

/* Up to the first nil. Its length comes before what it contains. */
static void write_array(struct result *r)
{
    int count = 0;

    for (;; count++) {
        lua_rawgeti(r->L, -1, count + 1);
        bool is_end = lua_isnil(r->L, -1);

        lua_pop(r->L, 1);
        if (is_end) {
            break;
        }
    }
    engine_spend(r->L, (uint64_t)count);
    resp_array(r->w, (uint64_t)count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(r->L, -1, i);
        write_value(r);
        lua_pop(r->L, 1);
    }
}

static void write_table(struct result *r)
{
    if (r->depth++ == SCRIPT_DEPTH_MAX || !lua_checkstack(r->L, STACK_SLOTS)) {
        luaL_error(r->L, ERROR_SCRIPT_DEPTH);
    }
    if (!write_special(r)) {
        write_array(r);
    }
    r->depth--;
}

static void write_boolean(struct result *r, bool value)
{
    if (r->script_version >= 3) {
        resp_boolean(r->w, value);
    } else if (value) {
        resp_integer(r->w, 1);
    } else {
        resp_null(r->w);
    }
}

static void write_string(struct result *r)
{
    struct slice text = string_at(r->L, -1);

    take_room(r, text.size);
    resp_bulk(r->w, text);
}

static void write_value(struct result *r)
{
    engine_spend(r->L, VALUE_STEPS);
    switch (lua_type(r->L, -1)) {
    case LUA_TSTRING:
        write_string(r);
        break;
    case LUA_TNUMBER:
        resp_integer(r->w, truncated(lua_tonumber(r->L, -1)));
        break;
    case LUA_TBOOLEAN:
        write_boolean(r, lua_toboolean(r->L, -1) != 0);
        break;
    case LUA_TTABLE:
        write_table(r);
        break;
    default:
        resp_null(r->w);
        break;
    }
}

void result_write(lua_State *L, struct resp_writer *w, int script_version)
{
    struct result r = {.L = L, .w = w, .script_version = script_version};

    write_value(&r);
}

/* --- reading ------------------------------------------------------------------------------ */

static void push_one(lua_State *L, struct slice *rest, uint32_t depth);

static struct slice take(struct slice *rest, size_t size)
{
    struct slice taken = slice_of(rest->data, size);

    CHECK(size <= rest->size); /* The reply is this server's own. */
    *rest = slice_of(rest->data + size, rest->size - size);
    return taken;
}

static struct slice take_line(struct slice *rest)
{
    const char *end = memchr(rest->data, '\r', rest->size);

    CHECK(end != NULL);
    struct slice line = take(rest, (size_t)(end - rest->data));

    take(rest, 2);
    return line;
}

static int64_t take_number(struct slice *rest)
{
    int64_t number = 0;

    CHECK(decimal_read(take_line(rest), &number));
    return number;
}

static void push_slice(lua_State *L, struct slice text)
{
    lua_pushlstring(L, text.size == 0 ? "" : text.data, text.size);
}

static void push_field_of(lua_State *L, const char *name, struct slice text)
{
    lua_createtable(L, 0, 1);
    push_slice(L, text);
    lua_setfield(L, -2, name);
}

static void push_bulk(lua_State *L, struct slice *rest)
{
    int64_t size = take_number(rest);

    if (size < 0) {
        lua_pushboolean(L, 0);
        return;
    }
    push_slice(L, take(rest, (size_t)size));
    take(rest, 2);
}

static void push_array(lua_State *L, struct slice *rest, uint32_t depth)
{
    int64_t count = take_number(rest);

    if (count < 0) {
        lua_pushboolean(L, 0);
        return;
    }
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 1; i <= count; i++) {
        push_one(L, rest, depth);
        lua_rawseti(L, -2, (int)i);
    }
}

/* {map = {...}} or {set = {key = true, ...}}. */
static void push_keyed(lua_State *L, struct slice *rest, uint32_t depth, bool is_map)
{
    int64_t count = take_number(rest);

    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, (int)count);
    for (int64_t i = 0; i < count; i++) {
        push_one(L, rest, depth);
        if (is_map) {
            push_one(L, rest, depth);
        } else {
            lua_pushboolean(L, 1);
        }
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, is_map ? "map" : "set");
}

static void push_verbatim(lua_State *L, struct slice *rest)
{
    struct slice text = take(rest, (size_t)take_number(rest));

    take(rest, 2);
    lua_createtable(L, 0, 1);
    push_field_of(L, "format", take(&text, 3));
    take(&text, 1);
    push_slice(L, text);
    lua_setfield(L, -2, "string");
    lua_setfield(L, -2, "verbatim_string");
}

static void push_double(lua_State *L, struct slice *rest)
{
    lua_createtable(L, 0, 1);
    push_slice(L, take_line(rest));
    lua_pushnumber(L, lua_tonumber(L, -1));
    lua_replace(L, -2);
    lua_setfield(L, -2, "double");
}

static void push_one(lua_State *L, struct slice *rest, uint32_t depth)
{
    char type = *take(rest, 1).data;

    if (depth == SCRIPT_DEPTH_MAX || !lua_checkstack(L, STACK_SLOTS)) {
        luaL_error(L, ERROR_SCRIPT_DEPTH);
    }
    switch (type) {
    case '+':
        push_field_of(L, "ok", take_line(rest));
        break;
    case '-':
        push_field_of(L, "err", take_line(rest));
        break;
    case ':':
        lua_pushnumber(L, (lua_Number)take_number(rest));
        break;
    case '$':
        push_bulk(L, rest);
        break;
    case '*':
        push_array(L, rest, depth + 1);
        break;
    case '%':
    case '~':
        push_keyed(L, rest, depth + 1, type == '%');
        break;
    case '_':
        take_line(rest);
        lua_pushnil(L);
        break;
    case '#':
        lua_pushboolean(L, *take_line(rest).data == 't');
        break;
    case ',':
        push_double(L, rest);
        break;
    case '(':
        push_field_of(L, "big_number", take_line(rest));
        break;
    case '=':
        push_verbatim(L, rest);
        break;
    default:
        check_failed("a type of reply that this server has", __FILE__, __LINE__);
    }
}

void result_push(lua_State *L, struct slice reply)
{
    push_one(L, &reply, 0);
}
