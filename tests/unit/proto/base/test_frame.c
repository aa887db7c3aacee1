/* Frames: the header at each of its lengths (RFC 6455, 5.2), and the count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/frame.h"

static void assert_frame(size_t payload_len, const unsigned char *header, size_t header_len)
{
  char *payload = malloc(payload_len + 1);
  memset(payload, 'x', payload_len + 1);
  struct frame *frame = frame_new_websocket(WEBSOCKET_TEXT, (struct slice){payload, payload_len});
  struct slice bytes = frame_slice(frame);
  assert_int_equal(bytes.len, header_len + payload_len);
  assert_memory_equal(bytes.data, header, header_len);
  assert_memory_equal(bytes.data + header_len, payload, payload_len);
  frame_release(frame);
  free(payload);
}

#define ASSERT_FRAME(len, ...)                    \
  do {                                            \
    const unsigned char header[] = {__VA_ARGS__}; \
    assert_frame(len, header, sizeof header);     \
  } while (0)

static void the_header_fits_the_length(void **state)
{
  (void)state;
  ASSERT_FRAME(0, 0x81, 0);
  ASSERT_FRAME(125, 0x81, 125);
  ASSERT_FRAME(126, 0x81, 126, 0, 126);
  ASSERT_FRAME(65535, 0x81, 126, 0xff, 0xff);
  ASSERT_FRAME(65536, 0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0);
  ASSERT_FRAME(70000, 0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70);
}

static void the_opcode_is_final(void **state)
{
  (void)state;
  static const enum websocket_opcode opcodes[] = {WEBSOCKET_CLOSE, WEBSOCKET_PING, WEBSOCKET_PONG};
  for (size_t i = 0; i < 3; i++) {
    struct frame *frame = frame_new_websocket(opcodes[i], SLICE("17"));
    assert_int_equal((unsigned char)frame->bytes[0], 0x80 | opcodes[i]);
    assert_memory_equal(frame->bytes + 1,
                        "\x02"
                        "17",
                        3);
    frame_release(frame);
  }
}

/* The sanitizers see a release too many or too few. */
static void the_last_release_frees(void **state)
{
  (void)state;
  struct frame *frame = frame_new_websocket(WEBSOCKET_TEXT, SLICE("{}"));
  assert_int_equal(frame->references, 1);
  assert_ptr_equal(frame_hold(frame), frame);
  assert_int_equal(frame->references, 2);
  frame_release(frame);
  assert_int_equal(frame->references, 1);
  frame_release(frame);
  frame_release(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_header_fits_the_length),
      cmocka_unit_test(the_opcode_is_final),
      cmocka_unit_test(the_last_release_frees),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
