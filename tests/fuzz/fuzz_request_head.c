/* Heads of requests from any bytes, read besides by a reader that forgives: what is taken, both
 * take for the same, and all that is in front of a whole head's end is the beginning of one. */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "request_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* As lenient readers have it: lines end with LF, names and values have blanks around them. */
struct lenient {
  size_t lengths, encodings, hosts, end; /* end: where the body begins; 0: nowhere */
  bool stray;                            /* a CR that ends no line */
  struct slice length;
};

static bool name_is(struct slice name, const char *wanted)
{
  return name.len == strlen(wanted) && strncasecmp(name.data, wanted, name.len) == 0;
}

static struct lenient read_leniently(struct slice bytes)
{
  struct lenient found = {0};
  struct slice rest = bytes;
  while (memchr(rest.data, '\n', rest.len)) {
    struct slice line = slice_cut(&rest, '\n');
    if (line.len > 0 && line.data[line.len - 1] == '\r') line.len--;
    found.stray |= memchr(line.data, '\r', line.len) != NULL;
    if (line.len == 0) {
      found.end = bytes.len - rest.len;
      break;
    }
    struct slice name = slice_trim(slice_cut(&line, ':'));
    found.hosts += name_is(name, "host");
    found.encodings += name_is(name, "transfer-encoding");
    if (!name_is(name, "content-length")) continue;
    found.lengths++;
    found.length = slice_trim(line);
  }
  return found;
}

static void check_inside(struct slice bytes, struct slice part)
{
  assert(!part.data || (part.data >= bytes.data && part.data + part.len <= bytes.data + bytes.len));
}

static void check_whole(struct slice bytes, const struct request_head *head)
{
  struct lenient other = read_leniently(bytes);
  assert(other.end == bytes.len - head->more && !other.stray);
  assert(other.lengths == head->has_length && (other.encodings > 0) == head->chunked);
  assert(other.hosts <= 1 && !(head->has_length && head->chunked));
  assert(!head->has_length || strtoull(other.length.data, NULL, 10) == head->length);
  assert(!head->upgrade || (!head->length && !head->chunked));
  assert(head->request.path.len > 0 && head->request.path.data[0] == '/');
  const struct request *request = &head->request;
  const struct slice parts[] = {request->method, request->path,         request->query,
                                request->origin, request->subprotocols, request->authorization,
                                head->version,   request->forwarded_for};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) check_inside(bytes, parts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct request_head head, part;
  char *exact = malloc(size ? size : 1);
  if (size) memcpy(exact, data, size);
  const struct slice bytes = {exact, size};
  enum head_result result = request_head_read(bytes, &head);
  size_t end = result == HEAD_WHOLE ? size - head.more : size;
  for (size_t cut = 0, step = 1 + end / 16; cut < end; cut += step) {
    enum head_result before = request_head_read((struct slice){exact, cut}, &part);
    assert(result == HEAD_BROKEN || before == HEAD_PARTIAL);
  }
  if (result == HEAD_WHOLE) check_whole(bytes, &head);
  free(exact);
  return 0;
}
