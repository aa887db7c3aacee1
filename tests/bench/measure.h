/* What is read off the machine: time, CPU seconds and memory of the servers'
 * processes, how much CPU somebody else took meanwhile, and distributions of
 * latencies. */
#ifndef PARLEY_BENCH_MEASURE_H
#define PARLEY_BENCH_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

#define NS_PER_S 1000000000ull

uint64_t now_ns(void);

/* A program under test: a process and all its descendants, as they were found. */
enum { TREE_PROCESSES = 64, TREES = 4 };
struct process_tree {
  const char *label; /* "node", "redis" */
  pid_t pids[TREE_PROCESSES];
  unsigned count;
};

/* `what` is "label=pid" and must outlive the tree. */
void process_tree_find(struct process_tree *tree, char *what);

/* User and system time, in seconds (proc(5), /proc/pid/stat). */
double process_tree_cpu_s(const struct process_tree *tree);

/* Proportional set size: shared pages count in parts (proc(5), smaps_rollup). */
uint64_t process_tree_pss_bytes(const struct process_tree *tree);

/* The CPU between two moments: of the programs under test, of this process, and of
 * everything else on the machine, which spoils a measurement. */
struct cpu_mark {
  uint64_t at_ns;
  double trees_s[TREES], own_s, machine_s;
};
struct cpu_mark cpu_mark(const struct process_tree *trees, unsigned count);

/* Writes the members `seconds`, `cpu_<label>`, `cpu_load` and `cpu_foreign` (cores)
 * of the result, each with a comma behind it. */
void cpu_report(const struct process_tree *trees, unsigned count, const struct cpu_mark *from,
                const struct cpu_mark *to);

/* Ends the program when `count` did not change for `patience_s`. */
struct stall {
  unsigned patience_s;
  const char *what;
  uint64_t count, since_ns;
};
void stall_check(struct stall *stall, uint64_t count);

/* Latencies in buckets about 1.5 % wide. */
enum { HISTOGRAM_STEPS = 64, HISTOGRAM_BUCKETS = 40 * HISTOGRAM_STEPS };
struct histogram {
  uint64_t counts[HISTOGRAM_BUCKETS], total;
};
void histogram_add(struct histogram *histogram, uint64_t ns);

/* The upper edge of the bucket below which that share of all lies. */
uint64_t histogram_quantile_ns(const struct histogram *histogram, double share);

#endif
