#include "console.h"

/* The assembler reads the file (CONSOLE_PAGE, from CMakeLists.txt): nothing has to be
 * made from it before. */
__asm__(".section .rodata\n"
        ".global console_page_begin\n"
        ".global console_page_end\n"
        "console_page_begin:\n"
        ".incbin \"" CONSOLE_PAGE "\"\n"
        "console_page_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char console_page_begin[], console_page_end[];

struct slice console_page(void)
{
  return (struct slice){console_page_begin, (size_t)(console_page_end - console_page_begin)};
}
