/* The one way in which a measurement fails: a sentence on stderr and exit status 1.
 * A figure that was measured wrongly must never be printed, so nothing is retried
 * or repaired here. */
#ifndef PARLEY_BENCH_DIE_H
#define PARLEY_BENCH_DIE_H

/* Exit status of a load whose server does not offer what it wants to measure. */
enum { EXIT_NOT_OFFERED = 3 };

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with exit status EXIT_NOT_OFFERED. */
_Noreturn void die_not_offered(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
