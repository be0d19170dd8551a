/* math_library.c - functions of numbers that give the same bits on every machine: only sums,
 * products, quotients and roots, which IEEE 754 defines, without fused operations (meson.build).
 * The C library's results depend on the processor. The last digit may differ from its. */
#include "script/math_library.h"

#include <lauxlib.h>
#include <limits.h>
#include <math.h>

#include "script/engine.h"
#include "script/sandbox.h"

#define LN2_HIGH  0x1.62e42fee00000p-1 /* Its product with an exponent is exact. */
#define LN2_LOW   0x1.a39ef35793c76p-33
#define HALF_PI_1 0x1.921fb54400000p+0 /* So is that of these, */
#define HALF_PI_2 0x1.0b4611a600000p-34
#define HALF_PI_3 0x1.3198a2e037073p-69 /* and the sum of all three is pi / 2. */
#define PI        0x1.921fb54442d18p+1
#define LN10      0x1.26bb1bbb55516p+1

enum { TERMS = 24 };

double script_exp(double x)
{
    if (isnan(x)) {
        return x;
    }
    if (x > 710) {
        return HUGE_VAL;
    }
    if (x < -746) {
        return 0;
    }
    double k = floor(x / (LN2_HIGH + LN2_LOW) + 0.5);
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double sum = 0;

    for (int n = TERMS; n > 0; n--) {
        sum = (sum + 1) * r / n;
    }
    return ldexp(1 + sum, (int)k);
}

double script_log(double x)
{
    int exponent = 0;
    double m = frexp(x, &exponent);
    double sum = 0;

    if (x == 0) {
        return -HUGE_VAL;
    }
    if (x < 0 || isnan(x)) {
        return NAN;
    }
    if (isinf(x)) {
        return x;
    }
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2;
        exponent--;
    }
    double z = (m - 1) / (m + 1);

    for (int n = TERMS; n > 0; n--) {
        sum = sum * z * z + 1.0 / (2 * n - 1);
    }
    return exponent * LN2_HIGH + (2 * z * sum + exponent * LN2_LOW);
}

static double whole_power(double x, double y)
{
    double result = 1;
    uint64_t rest = (uint64_t)fabs(y);

    double square = x;

    for (; rest > 0; rest >>= 1) {
        result = (rest & 1) != 0 ? result * square : result;
        square *= square;
    }
    return y < 0 ? 1 / result : result;
}

double script_pow(double x, double y)
{
    if (y == floor(y) && fabs(y) < 0x1p40) {
        return whole_power(x, y);
    }
    if (x == 1 || isnan(x) || isnan(y)) {
        return x == 1 ? 1 : NAN;
    }
    if (y == 0.5 && x >= 0) {
        return sqrt(x);
    }
    if (x < 0 && !isinf(y)) {
        return y == floor(y) ? script_exp(y * script_log(-x)) : NAN;
    }
    return x == 0 ? (y < 0 ? HUGE_VAL : 0) : script_exp(y * script_log(fabs(x)));
}

static double sine_near_0(double r)
{
    double sum = 0;

    for (int n = TERMS; n > 0; n--) {
        sum = -(sum + 1) * r * r / ((2.0 * n) * (2.0 * n + 1));
    }
    return r + r * sum;
}

static double cosine_near_0(double r)
{
    double sum = 0;

    for (int n = TERMS; n > 0; n--) {
        sum = -(sum + 1) * r * r / ((2.0 * n) * (2.0 * n - 1));
    }
    return 1 + sum;
}

/* Shifted by a number of quarter turns. */
static double sine(double x, int quarters)
{
    if (isnan(x) || isinf(x)) {
        return NAN;
    }
    double k = floor(x / (PI / 2) + 0.5);
    double r = ((x - k * HALF_PI_1) - k * HALF_PI_2) - k * HALF_PI_3;

    if (fabs(k) > 0x1p20) {
        r = remainder(x, PI / 2); /* Nobody knows the digits of such a number anyway. */
    }
    quarters += (int)fmod(k, 4) + 4;
    double value = quarters % 2 == 0 ? sine_near_0(r) : cosine_near_0(r);

    return quarters % 4 >= 2 ? -value : value;
}

static double script_atan(double x)
{
    double sum = 0;
    int halved = 0;

    if (isnan(x) || isinf(x)) {
        return isnan(x) ? x : copysign(PI / 2, x);
    }
    if (fabs(x) > 1) {
        return copysign(PI / 2, x) - script_atan(1 / x);
    }
    for (; fabs(x) > 0.2; halved++) {
        x = x / (1 + sqrt(1 + x * x));
    }
    for (int n = TERMS; n > 0; n--) {
        sum = 1.0 / (2 * n - 1) - sum * x * x;
    }
    return ldexp(x * sum, halved);
}

static double script_atan2(double y, double x)
{
    if (x > 0) {
        return script_atan(y / x);
    }
    if (x < 0) {
        return script_atan(y / x) + copysign(PI, y);
    }
    return y == 0 ? 0 : copysign(PI / 2, y);
}

/* --- for Lua --------------------------------------------------------------------------------- */

#define FUNCTION(name, value)                                                                      \
    static int math_##name(lua_State *L)                                                           \
    {                                                                                              \
        double x = luaL_checknumber(L, 1);                                                         \
                                                                                                   \
        engine_charge(1);                                                                          \
        lua_pushnumber(L, value);                                                                  \
        return 1;                                                                                  \
    }

FUNCTION(exp, script_exp(x))
FUNCTION(log, script_log(x))
FUNCTION(log10, script_log(x) / LN10)
FUNCTION(sin, sine(x, 0))
FUNCTION(cos, sine(x, 1))
FUNCTION(tan, sine(x, 0) / sine(x, 1))
FUNCTION(atan, script_atan(x))
FUNCTION(asin, script_atan2(x, sqrt(1 - x * x)))
FUNCTION(acos, PI / 2 - script_atan2(x, sqrt(1 - x * x)))
FUNCTION(sinh, (script_exp(x) - script_exp(-x)) / 2)
FUNCTION(cosh, (script_exp(x) + script_exp(-x)) / 2)
FUNCTION(tanh, fabs(x) > 20 ? copysign(1, x) : 1 - 2 / (script_exp(2 * x) + 1))
FUNCTION(pow, script_pow(x, luaL_checknumber(L, 2)))
FUNCTION(atan2, script_atan2(x, luaL_checknumber(L, 2)))

/* POSIX's lrand48(), which Redis uses too. */
static uint32_t next_random(void)
{
    struct engine *e = engine_get();

    e->random = (e->random * 0x5deece66d + 0xb) & 0xffffffffffff;
    return (uint32_t)(e->random >> 17);
}

static int math_random(lua_State *L)
{
    double r = next_random() % INT32_MAX / (double)INT32_MAX;
    int count = lua_gettop(L);

    if (count == 0) {
        lua_pushnumber(L, r);
        return 1;
    }
    lua_Number low = count == 1 ? 1 : luaL_checkint(L, 1);
    lua_Number high = luaL_checkint(L, count == 1 ? 1 : 2);

    luaL_argcheck(L, low <= high && count <= 2, count, "interval is empty");
    lua_pushnumber(L, floor(r * (high - low + 1)) + low);
    return 1;
}

static int math_randomseed(lua_State *L)
{
    uint32_t seed = (uint32_t)(int64_t)fmod(luaL_checknumber(L, 1), 0x1p31);

    engine_get()->random = ((uint64_t)seed << 16) + 0x330e;
    return 0;
}

void math_library_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"exp", math_exp},
        {"log", math_log},
        {"log10", math_log10},
        {"sin", math_sin},
        {"cos", math_cos},
        {"tan", math_tan},
        {"atan", math_atan},
        {"asin", math_asin},
        {"acos", math_acos},
        {"sinh", math_sinh},
        {"cosh", math_cosh},
        {"tanh", math_tanh},
        {"pow", math_pow},
        {"atan2", math_atan2},
        {"random", math_random},
        {"randomseed", math_randomseed},
        {NULL, NULL},
    };

    luaL_register(L, NULL, functions);
}
