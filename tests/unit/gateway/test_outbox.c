/* The outbox: order, bounds, and that every frame is given back. */
#include "outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct frame *frame_of(const char *text)
{
  return frame_new_websocket(WEBSOCKET_TEXT, slice_of(text));
}

static void keeps_the_order_while_it_grows(void **state)
{
  (void)state;
  struct outbox outbox = {0};
  char text[16];
  size_t bytes = 0;
  for (int i = 0; i < 1000; i++) {
    snprintf(text, sizeof text, "%d", i);
    struct frame *frame = frame_of(text);
    bytes += frame->len;
    assert_true(outbox_push(&outbox, frame));
  }
  assert_int_equal(outbox.bytes, bytes);
  for (int i = 0; i < 1000; i++) {
    snprintf(text, sizeof text, "%d", i);
    struct frame *frame = outbox_pop(&outbox);
    assert_non_null(frame);
    struct slice payload = slice_skip(frame_slice(frame), 2);
    assert_true(slice_is(payload, text));
    frame_release(frame);
  }
  assert_null(outbox_pop(&outbox));
  assert_int_equal(outbox.bytes, 0);
  outbox_clear(&outbox);
}

static void wraps_around(void **state)
{
  (void)state;
  struct outbox outbox = {0};
  for (int round = 0; round < 100; round++) {
    assert_true(outbox_push(&outbox, frame_of("a")));
    assert_true(outbox_push(&outbox, frame_of("b")));
    assert_true(outbox_push(&outbox, frame_of("c")));
    for (const char *wanted = "abc"; *wanted; wanted++) {
      struct frame *frame = outbox_pop(&outbox);
      assert_int_equal(frame->bytes[frame->len - 1], *wanted);
      frame_release(frame);
    }
  }
  outbox_clear(&outbox);
}

static void takes_whole_frames_that_fit(void **state)
{
  (void)state;
  struct outbox outbox = {0};
  char buffer[10];
  assert_true(outbox_push(&outbox, frame_of("abc"))); /* 5 bytes each */
  assert_true(outbox_push(&outbox, frame_of("def")));
  assert_true(outbox_push(&outbox, frame_of("ghi")));
  assert_int_equal(outbox_take(&outbox, buffer, sizeof buffer), 10);
  assert_memory_equal(buffer + 7, "def", 3);
  assert_int_equal(outbox.count, 1);
  assert_int_equal(outbox_take(&outbox, buffer, 4), 0); /* larger than the room: stays */
  assert_int_equal(outbox.count, 1);
  outbox_clear(&outbox);
  assert_int_equal(outbox_take(&outbox, buffer, sizeof buffer), 0);
}

static void shares_frames(void **state)
{
  (void)state;
  struct outbox one = {0}, other = {0};
  struct frame *frame = frame_of("shared");
  assert_true(outbox_push(&one, frame_hold(frame)));
  assert_true(outbox_push(&other, frame_hold(frame)));
  assert_int_equal(frame->references, 3);
  outbox_clear(&one);
  outbox_clear(&other);
  assert_int_equal(frame->references, 1);
  frame_release(frame);
}

static void is_bounded(void **state)
{
  (void)state;
  struct outbox outbox = {0};
  struct frame *frame = frame_of("x");
  for (int i = 0; i < 32768; i++) assert_true(outbox_push(&outbox, frame_hold(frame)));
  assert_false(outbox_push(&outbox, frame_hold(frame)));
  assert_int_equal(frame->references, 32769);
  outbox_clear(&outbox);
  assert_int_equal(frame->references, 1);
  frame_release(frame);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_order_while_it_grows),
      cmocka_unit_test(wraps_around),
      cmocka_unit_test(takes_whole_frames_that_fit),
      cmocka_unit_test(shares_frames),
      cmocka_unit_test(is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
