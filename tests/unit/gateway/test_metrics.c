/* Metrics: one slot a worker, seen by all; the text format; the table. */
#include "metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct text written(void)
{
  struct text out = {0};
  metrics_write(&out);
  text_append_char(&out, 0);
  return out;
}

static bool is_written(const char *line)
{
  struct text out = written();
  bool found = strstr(out.data, line) != NULL;
  text_free(&out);
  return found;
}

static void cells_of_different_metrics_do_not_overlap(void **state)
{
  (void)state;
  unsigned next = 0;
#define X(name, type, family, labels, help) \
  assert_int_equal(METRIC_##name, next);    \
  next += METRIC_CELLS_##labels;            \
  assert_int_equal(METRIC_LAST_##name, next - 1);
#include "metrics.def"
#undef X
  assert_int_equal(METRIC_CELL_COUNT, next);
}

static void works_without_an_area(void **state)
{
  (void)state;
  uint64_t before = metric_get(METRIC_BYTES_IN);
  metric_add(METRIC_BYTES_IN, 2);
  metric_subtract(METRIC_BYTES_IN, 1);
  assert_int_equal(metric_get(METRIC_BYTES_IN), before + 1);
  assert_true(is_written("parley_bytes_in_total{worker=\"0\"} "));
}

static void every_worker_is_seen_by_all(void **state)
{
  (void)state;
  metrics_open(3);
  for (unsigned worker = 0; worker < 3; worker++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      metrics_use(worker);
      metric_add(METRIC_BYTES_OUT, 10 + worker);
      metric_set(METRIC_OUTBOX_BYTES, 7);
      metric_set(METRIC_READY, worker != 1);
      metric_set(METRIC_LISTENING, 1);
      _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  assert_true(is_written("parley_bytes_out_total{worker=\"0\"} 10\n"));
  assert_true(is_written("parley_bytes_out_total{worker=\"1\"} 11\n"));
  assert_true(is_written("parley_bytes_out_total{worker=\"2\"} 12\n"));
  assert_false(metrics_all_ready());
  assert_true(metrics_all_listening());
  metrics_use(1);
  metric_set(METRIC_READY, 1);
  assert_true(metrics_all_ready());

  metrics_worker_died(1, true);
  assert_false(metrics_all_ready());
  assert_false(metrics_all_listening());
  assert_true(is_written("parley_outbox_bytes{worker=\"0\"} 7\n"));
  assert_true(is_written("parley_outbox_bytes{worker=\"1\"} 0\n"));
  assert_true(is_written("parley_bytes_out_total{worker=\"1\"} 11\n"));
  assert_true(is_written("parley_worker_restarts_total{worker=\"1\"} 1\n"));
  metrics_worker_died(1, false);
  assert_true(is_written("parley_worker_restarts_total{worker=\"1\"} 1\n"));
  metrics_close();
}

static void labels_are_those_of_the_tables(void **state)
{
  (void)state;
  metrics_open(2);
  metrics_use(1);
  unsigned simple = metric_protocol_index(protocol_by_name(SLICE("simple")));
  metric_add_at(METRIC_FRAMES_IN, simple, 4);
  metric_add_at(METRIC_EVENTS_UNSAYABLE, metric_kind_index(simple, KIND_TYPING), 5);
  metric_add_at(METRIC_CLOSES, ERR_TOO_SLOW, 6);
  metric_add_at(METRIC_UPGRADES_REFUSED, ERR_UNAUTHORIZED, 7);
  metric_set_at(METRIC_REDIS_LINK_UP, METRIC_LINK_BUS, 1);
  static const char *const lines[] = {
      "\nparley_frames_in_total{worker=\"1\",protocol=\"simple\"} 4\n",
      "\nparley_events_unsayable_total{worker=\"1\",protocol=\"simple\",kind=\"typing\"} 5\n",
      "\nparley_closes_total{worker=\"1\",code=\"too_slow\"} 6\n",
      "\nparley_upgrades_refused_total{worker=\"1\",code=\"unauthorized\",status=\"401\"} 7\n",
      "\nparley_redis_link_up{worker=\"1\",link=\"bus\"} 1\n",
      "\nparley_redis_link_up{worker=\"1\",link=\"command\"} 0\n",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    if (!is_written(lines[i])) fail_msg("not written: %s", lines[i]);
  }
  assert_false(is_written("code=\"forbidden\"")); /* did not happen */
  metrics_close();
}

static int compare(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each line by the grammar of the format; one HELP and TYPE a family, in front of its
 * series; no series twice. */
static void the_format_is_kept(void **state)
{
  (void)state;
  metrics_open(2);
  for (unsigned worker = 0; worker < 2; worker++) {
    metrics_use(worker);
    for (unsigned cell = 0; cell < METRIC_CELL_COUNT; cell++) metrics_slot[cell] = cell + 1;
  }
  struct text out = written();
  size_t series_count = 0;
  char **series = NULL;
  char family[128] = "", type[16], name[128], labels[512];
  for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n")) {
    if (strncmp(line, "# HELP ", 7) == 0) {
      assert_int_equal(sscanf(line, "# HELP %127s", family), 1);
      assert_true(strlen(line) > strlen("# HELP  ") + strlen(family));
    } else if (strncmp(line, "# TYPE ", 7) == 0) {
      assert_int_equal(sscanf(line, "# TYPE %127s %15s", name, type), 2);
      assert_string_equal(name, family);
      bool counts = strcmp(type, "counter") == 0;
      assert_true(counts || strcmp(type, "gauge") == 0);
      const char *end = strstr(name, "_total");
      assert_int_equal(counts, end && strlen(end) == 6);
    } else {
      unsigned long long value;
      assert_int_equal(sscanf(line, "%127[a-z_]{%511[^}]} %llu", name, labels, &value), 3);
      assert_string_equal(name, family);
      *strrchr(line, ' ') = 0;
      series = realloc(series, (series_count + 1) * sizeof *series);
      assert_non_null(series);
      series[series_count++] = line;
    }
  }
  assert_int_equal(series_count, 2 * METRIC_CELL_COUNT + 1);
  qsort(series, series_count, sizeof *series, compare);
  for (size_t i = 1; i < series_count; i++) assert_string_not_equal(series[i - 1], series[i]);
  free(series);
  text_free(&out);
  metrics_close();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cells_of_different_metrics_do_not_overlap),
      cmocka_unit_test(works_without_an_area),
      cmocka_unit_test(every_worker_is_seen_by_all),
      cmocka_unit_test(labels_are_those_of_the_tables),
      cmocka_unit_test(the_format_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
