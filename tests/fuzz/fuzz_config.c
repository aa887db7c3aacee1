/* Settings from any bytes: as a file, and, cut at line ends, as flags. Whatever is
 * accepted is printed and read again, and must then print the same. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { FLAGS_MAX = 32 };

static char *no_environment[] = {NULL};
static char file_path[64];
static int file;

static void write_file(struct slice text)
{
  int emptied = ftruncate(file, 0);
  ssize_t written = pwrite(file, text.data, text.len, 0);
  assert(emptied == 0 && written == (ssize_t)text.len);
}

static bool load_file(struct config *config)
{
  char error[256];
  char *arguments[] = {"parley", "--config", file_path, NULL};
  return config_load(config, arguments, no_environment, error, sizeof error);
}

static void load_flags(const uint8_t *data, size_t size)
{
  char error[256];
  char *text = malloc(size + 1), *arguments[FLAGS_MAX + 2] = {"parley"};
  assert(text);
  memcpy(text, data, size);
  text[size] = 0;
  size_t count = 1;
  for (char *line = strtok(text, "\n"); line && count <= FLAGS_MAX; line = strtok(NULL, "\n")) {
    /* Not other files of this machine. */
    if (!strstr(line, "--config")) arguments[count++] = line;
  }
  struct config config;
  if (config_load(&config, arguments, no_environment, error, sizeof error)) config_free(&config);
  free(text);
}

/* Without the comments, which say where a value is from, and what may be masked. */
static void write_values(const struct config *config, struct text *out)
{
  struct text all = {0};
  config_write(config, &all);
  struct slice rest = text_slice(&all);
  while (rest.len > 0) {
    struct slice line = slice_cut(&rest, '\n');
    if (line.len > 0 && line.data[0] == '#') continue;
    if (slice_starts_with(line, SLICE("redis =")) ||
        slice_starts_with(line, SLICE("admin-token ="))) {
      continue;
    }
    text_append(out, line);
    text_append_char(out, '\n');
  }
  text_free(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!file_path[0]) {
    file = memfd_create("config", MFD_CLOEXEC);
    assert(file >= 0);
    snprintf(file_path, sizeof file_path, "/proc/self/fd/%d", file);
  }
  load_flags(data, size);
  struct config first, second;
  write_file((struct slice){(const char *)data, size});
  if (!load_file(&first)) return 0;
  struct text before = {0}, after = {0};
  write_values(&first, &before);
  config_free(&first);
  write_file(text_slice(&before));
  bool again = load_file(&second);
  assert(again);
  write_values(&second, &after);
  assert(slice_equal(text_slice(&before), text_slice(&after)));
  config_free(&second);
  text_free(&before);
  text_free(&after);
  return 0;
}
