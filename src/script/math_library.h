/* math_library.h - functions of numbers that give the same bits on every machine. Lua's operator
 * ^ calls script_pow() too (meson.build). */
#ifndef RAKIT_SCRIPT_MATH_LIBRARY_H
#define RAKIT_SCRIPT_MATH_LIBRARY_H

double script_exp(double x);
double script_log(double x);
double script_pow(double x, double y);

#endif /* RAKIT_SCRIPT_MATH_LIBRARY_H */
