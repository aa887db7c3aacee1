/* The backend's clocks. */
#ifndef PARLEY_BACKEND_CLOCK_H
#define PARLEY_BACKEND_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* Milliseconds that never run backwards; some milliseconds coarse, and cheap. */
static inline uint64_t clock_now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Microseconds that never run backwards. */
static inline uint64_t clock_now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Milliseconds since the epoch, as coarse. */
static inline uint64_t clock_wall_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline struct timeval clock_timeval(uint64_t ms)
{
  return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                          .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

#endif
