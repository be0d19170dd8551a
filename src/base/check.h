/* check.h - the assertion that stays on in every build. A CHECK states one fact that only a bug
 * can make false, without side effects. What input or hardware can make false is an error, not a
 * CHECK. */
#ifndef RAKIT_BASE_CHECK_H
#define RAKIT_BASE_CHECK_H

#define CHECK(condition)                                                                           \
    (__builtin_expect(!!(condition), 1) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* Reports the broken fact on stderr and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif /* RAKIT_BASE_CHECK_H */
