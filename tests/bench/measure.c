/* See measure.h. */
#include "measure.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "die.h"

uint64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- processes --------------------------------------------------------------------------- */

/* What /proc/pid/stat tells. False when there is no such process. */
static bool process_stat(pid_t pid, pid_t *parent, uint64_t *ticks)
{
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  size_t len = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[len] = '\0';
  /* The second field, the name, may hold anything, a ')' too. */
  const char *rest = strrchr(line, ')');
  int parent_read;
  uint64_t user, system;
  if (!rest || sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                      &parent_read, &user, &system) != 3) {
    return false;
  }
  *parent = parent_read;
  *ticks = user + system;
  return true;
}

static bool tree_holds(const struct process_tree *tree, pid_t pid)
{
  for (unsigned i = 0; i < tree->count; i++) {
    if (tree->pids[i] == pid) return true;
  }
  return false;
}

/* Adds the children of processes that the tree holds; false when there were none. */
static bool tree_grow(struct process_tree *tree)
{
  bool grown = false;
  DIR *folder = opendir("/proc");
  if (!folder) die("/proc: %m");
  for (struct dirent *entry; (entry = readdir(folder));) {
    pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10), parent;
    uint64_t ticks;
    if (pid <= 0 || !process_stat(pid, &parent, &ticks)) continue;
    if (!tree_holds(tree, parent) || tree_holds(tree, pid)) continue;
    if (tree->count == TREE_PROCESSES) die("%s has too many processes", tree->label);
    tree->pids[tree->count++] = pid;
    grown = true;
  }
  closedir(folder);
  return grown;
}

void process_tree_find(struct process_tree *tree, char *what)
{
  char *equals = strchr(what, '=');
  pid_t root = equals ? (pid_t)strtol(equals + 1, NULL, 10) : 0, parent;
  uint64_t ticks;
  if (root <= 0 || !process_stat(root, &parent, &ticks))
    die("not label=pid of a process: %s", what);
  *equals = '\0';
  *tree = (struct process_tree){.label = what, .pids = {root}, .count = 1};
  while (tree_grow(tree)) continue;
}

double process_tree_cpu_s(const struct process_tree *tree)
{
  uint64_t total = 0;
  for (unsigned i = 0; i < tree->count; i++) {
    pid_t parent;
    uint64_t ticks;
    if (!process_stat(tree->pids[i], &parent, &ticks))
      die("a process of %s has ended", tree->label);
    total += ticks;
  }
  return (double)total / (double)sysconf(_SC_CLK_TCK);
}

uint64_t process_tree_pss_bytes(const struct process_tree *tree)
{
  uint64_t total = 0;
  for (unsigned i = 0; i < tree->count; i++) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)tree->pids[i]);
    FILE *file = fopen(path, "re");
    if (!file) die("%s: %m", path);
    uint64_t kib = 0;
    bool found = false;
    while (!found && fgets(line, sizeof line, file))
      found = sscanf(line, "Pss: %" SCNu64 " kB", &kib) == 1;
    fclose(file);
    if (!found) die("%s has no Pss", path);
    total += kib * 1024;
  }
  return total;
}

/* ---- the machine ------------------------------------------------------------------------- */

static double own_cpu_s(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Everything but idle and waiting for the disk, of all cores together. */
static double machine_busy_s(void)
{
  uint64_t user, nice, system, idle, waiting, irq, softirq, steal;
  FILE *file = fopen("/proc/stat", "re");
  if (!file || fscanf(file,
                      "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                      " %" SCNu64 " %" SCNu64,
                      &user, &nice, &system, &idle, &waiting, &irq, &softirq, &steal) != 8) {
    die("/proc/stat cannot be read");
  }
  fclose(file);
  return (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}

struct cpu_mark cpu_mark(const struct process_tree *trees, unsigned count)
{
  struct cpu_mark mark = {.at_ns = now_ns(), .own_s = own_cpu_s(), .machine_s = machine_busy_s()};
  for (unsigned i = 0; i < count; i++) mark.trees_s[i] = process_tree_cpu_s(&trees[i]);
  return mark;
}

void cpu_report(const struct process_tree *trees, unsigned count, const struct cpu_mark *from,
                const struct cpu_mark *to)
{
  double seconds = (double)(to->at_ns - from->at_ns) / (double)NS_PER_S;
  double own = to->own_s - from->own_s, foreign = to->machine_s - from->machine_s - own;
  printf("\"seconds\":%.4f,", seconds);
  for (unsigned i = 0; i < count; i++) {
    double used = to->trees_s[i] - from->trees_s[i];
    foreign -= used;
    printf("\"cpu_%s\":%.3f,", trees[i].label, used);
  }
  printf("\"cpu_load\":%.3f,\"cpu_foreign\":%.2f,", own, foreign < 0 ? 0 : foreign / seconds);
}

void stall_check(struct stall *stall, uint64_t count)
{
  uint64_t now = now_ns();
  if (stall->since_ns == 0 || count != stall->count) {
    stall->count = count;
    stall->since_ns = now;
  } else if (now - stall->since_ns > stall->patience_s * NS_PER_S) {
    die("nothing more for %u s after %" PRIu64 " %s", stall->patience_s, count, stall->what);
  }
}

/* ---- distributions ----------------------------------------------------------------------- */

/* Exact below HISTOGRAM_STEPS; above, the leading bits choose a power of two and the
 * next six a step inside it. */
static unsigned bucket_of(uint64_t ns)
{
  if (ns < HISTOGRAM_STEPS) return (unsigned)ns;
  unsigned power = 63u - (unsigned)__builtin_clzll(ns), shift = power - 6;
  unsigned bucket = (shift + 1) * HISTOGRAM_STEPS + (unsigned)(ns >> shift) % HISTOGRAM_STEPS;
  return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_edge(unsigned bucket)
{
  if (bucket < HISTOGRAM_STEPS) return bucket;
  unsigned shift = bucket / HISTOGRAM_STEPS - 1;
  return ((uint64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS) + 1) << shift;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
  histogram->counts[bucket_of(ns)]++;
  histogram->total++;
}

uint64_t histogram_quantile_ns(const struct histogram *histogram, double share)
{
  uint64_t wanted = (uint64_t)((double)histogram->total * share), seen = 0;
  for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen > wanted) return bucket_edge(bucket);
  }
  return bucket_edge(HISTOGRAM_BUCKETS - 1);
}
