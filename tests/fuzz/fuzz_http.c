/* The REST surfaces, asked anything. */
#include "http_properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  check_http((struct slice){(const char *)data, size});
  return 0;
}
