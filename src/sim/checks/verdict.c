#include "sim/checks/verdict.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_broken(struct verdict *v, const char *rule, const char *format, ...)
{
    va_list arguments;

    if (v->is_guilty) {
        return;
    }
    v->is_guilty = true;
    snprintf(v->rule, sizeof v->rule, "%s", rule);
    v->format = format;
    va_start(arguments, format);
    vsnprintf(v->text, sizeof v->text, format, arguments);
    va_end(arguments);
}
