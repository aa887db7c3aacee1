#include "metrics.h"

#include <assert.h>
#include <sys/mman.h>

enum metric_type { TYPE_COUNTER, TYPE_GAUGE };

enum metric_labels {
  LABELS_NONE,
  LABELS_PROTOCOL,
  LABELS_PROTOCOL_KIND,
  LABELS_CODE,
  LABELS_CODE_STATUS,
  LABELS_LINK,
};

struct family {
  const char *name, *help;
  enum metric_type type;
  enum metric_labels labels;
  unsigned first, cells;
};

static const struct family families[] = {
#define X(name, type, family, labels, help) \
  {"parley_" family, help, TYPE_##type, LABELS_##labels, METRIC_##name, METRIC_CELLS_##labels},
#include "metrics.def"
#undef X
};

#define FAMILY_COUNT (sizeof families / sizeof families[0])

static const char *const kind_texts[KIND_COUNT] = {
#define X(name, text) text,
    ENVELOPE_KINDS(X)
#undef X
};

/* A slot begins on a cache line of its own: workers must not slow each other down. */
enum {
  LINE_CELLS = 8,
  SLOT_CELLS = (METRIC_CELL_COUNT + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS
};

/* For a process that has no slot: a unit test, the supervisor. */
static uint64_t scratch[METRIC_CELL_COUNT];
uint64_t *metrics_slot = scratch;

static struct {
  uint64_t *cells; /* NULL: there is the scratch slot alone */
  unsigned workers;
} area;

static uint64_t *slot_of(unsigned worker)
{
  return area.cells ? area.cells + (size_t)worker * SLOT_CELLS : scratch;
}

static unsigned slot_count(void)
{
  return area.cells ? area.workers : 1;
}

void metrics_open(unsigned workers)
{
  assert(!area.cells && workers > 0);
  size_t bytes = (size_t)workers * SLOT_CELLS * sizeof(uint64_t);
  area.cells = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert(area.cells != MAP_FAILED);
  area.workers = workers;
}

void metrics_close(void)
{
  if (area.cells) munmap(area.cells, (size_t)area.workers * SLOT_CELLS * sizeof(uint64_t));
  area.cells = NULL;
  area.workers = 0;
  metrics_slot = scratch;
}

void metrics_use(unsigned worker)
{
  assert(worker < slot_count());
  metrics_slot = slot_of(worker);
}

void metrics_worker_died(unsigned worker, bool restarted)
{
  assert(worker < slot_count());
  uint64_t *slot = slot_of(worker);
  for (size_t i = 0; i < FAMILY_COUNT; i++) {
    if (families[i].type != TYPE_GAUGE) continue;
    for (unsigned cell = 0; cell < families[i].cells; cell++) {
      __atomic_store_n(&slot[families[i].first + cell], 0, __ATOMIC_RELAXED);
    }
  }
  if (restarted) __atomic_fetch_add(&slot[METRIC_WORKER_RESTARTS], 1, __ATOMIC_RELAXED);
}

static bool all_have(enum metric metric)
{
  for (unsigned worker = 0; worker < slot_count(); worker++) {
    if (!__atomic_load_n(&slot_of(worker)[metric], __ATOMIC_RELAXED)) return false;
  }
  return true;
}

bool metrics_all_ready(void)
{
  return all_have(METRIC_READY);
}

bool metrics_all_listening(void)
{
  return all_have(METRIC_LISTENING);
}

unsigned metric_protocol_index(const struct protocol *protocol)
{
  unsigned index = 0;
  while (index < PROTOCOL_COUNT && protocols[index] != protocol) index++;
  assert(index < PROTOCOL_COUNT);
  return index;
}

static void write_label(struct text *out, const char *name, struct slice value)
{
  text_append_format(out, ",%s=\"%.*s\"", name, SLICE_ARG(value));
}

static void write_labels(struct text *out, enum metric_labels labels, unsigned cell)
{
  static const char *const links[METRIC_LINK_COUNT] = {"command", "bus"};
  switch (labels) {
  case LABELS_NONE:
    break;
  case LABELS_PROTOCOL:
    write_label(out, "protocol", slice_of(protocols[cell]->name));
    break;
  case LABELS_PROTOCOL_KIND:
    write_label(out, "protocol", slice_of(protocols[cell / KIND_COUNT]->name));
    write_label(out, "kind", slice_of(kind_texts[cell % KIND_COUNT]));
    break;
  case LABELS_CODE:
    write_label(out, "code", err_code(cell));
    break;
  case LABELS_CODE_STATUS:
    write_label(out, "code", err_code(cell));
    text_append_format(out, ",status=\"%d\"", err_http_status(cell));
    break;
  case LABELS_LINK:
    assert(cell < METRIC_LINK_COUNT);
    write_label(out, "link", slice_of(links[cell]));
    break;
  }
}

/* Most errors and kinds never happen: a series of them begins when one does. */
static bool is_sparse(enum metric_labels labels)
{
  return labels == LABELS_PROTOCOL_KIND || labels == LABELS_CODE || labels == LABELS_CODE_STATUS;
}

static void write_family(struct text *out, const struct family *family)
{
  text_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                     family->type == TYPE_GAUGE ? "gauge" : "counter");
  for (unsigned worker = 0; worker < slot_count(); worker++) {
    for (unsigned cell = 0; cell < family->cells; cell++) {
      uint64_t value = __atomic_load_n(&slot_of(worker)[family->first + cell], __ATOMIC_RELAXED);
      if (value == 0 && is_sparse(family->labels)) continue;
      text_append_format(out, "%s{worker=\"%u\"", family->name, worker);
      write_labels(out, family->labels, cell);
      text_append(out, SLICE("} "));
      text_append_number(out, value);
      text_append_char(out, '\n');
    }
  }
}

void metrics_write(struct text *out)
{
  text_append(out, SLICE("# HELP parley_build_info Which version this is; always 1.\n"
                         "# TYPE parley_build_info gauge\n"
                         "parley_build_info{version=\"" PARLEY_VERSION "\"} 1\n"));
  for (size_t i = 0; i < FAMILY_COUNT; i++) write_family(out, &families[i]);
}
