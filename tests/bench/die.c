/* See die.h. */
#include "die.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void die_with(int status, const char *format, va_list arguments)
{
  fflush(stdout);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(status);
}

void die(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  die_with(EXIT_FAILURE, format, arguments);
}

void die_not_offered(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  die_with(EXIT_NOT_OFFERED, format, arguments);
}
