#include "native_openapi.h"

/* The assembler reads the file (NATIVE_OPENAPI, from CMakeLists.txt): nothing has to be made
 * from it before. */
__asm__(".section .rodata\n"
        ".global native_openapi_begin\n"
        ".global native_openapi_end\n"
        "native_openapi_begin:\n"
        ".incbin \"" NATIVE_OPENAPI "\"\n"
        "native_openapi_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char native_openapi_begin[], native_openapi_end[];

struct slice native_openapi(void)
{
  return (struct slice){native_openapi_begin, (size_t)(native_openapi_end - native_openapi_begin)};
}
