/* The grammar of RFC 8259, checked in one pass without building anything, one small
 * function per production. It is stricter than json-c's strict mode, which lets NaN,
 * Infinity, control characters in strings and malformed UTF-8 pass; and at a tenth of
 * the cost of a tree it is what stands on the message path, for frames and for
 * envelopes. tests/fuzz/fuzz_json.c holds it against json-c. */
#include "base/json.h"

#include "base/utf8.h"

/* Where the pass stands. */
struct scan {
  const unsigned char *at, *end;
  unsigned depth; /* how many more containers may be open */
};

static bool scan_value(struct scan *scan);

static void skip_white(struct scan *scan)
{
  while (scan->at < scan->end) {
    unsigned char c = *scan->at;
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    scan->at++;
  }
}

/* Takes the byte `c` if it is next. */
static bool take(struct scan *scan, unsigned char c)
{
  if (scan->at == scan->end || *scan->at != c) return false;
  scan->at++;
  return true;
}

static bool is_hex(unsigned char c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* What follows a reverse solidus (RFC 8259, 7). A lone surrogate is grammatical. */
static bool scan_escape(struct scan *scan)
{
  if (scan->at == scan->end) return false;
  unsigned char c = *scan->at++;
  if (c != 'u') return c != '\0' && strchr("\"\\/bfnrt", c);
  if (scan->end - scan->at < 4) return false;
  for (int i = 0; i < 4; i++) {
    if (!is_hex(*scan->at++)) return false;
  }
  return true;
}

/* From behind the opening quote to behind the closing one. */
static bool scan_string(struct scan *scan)
{
  while (scan->at < scan->end) {
    unsigned char c = *scan->at;
    if (c >= 0x80) {
      struct slice rest = {(const char *)scan->at, (size_t)(scan->end - scan->at)};
      size_t len = utf8_sequence(rest);
      if (len == 0) return false;
      scan->at += len;
      continue;
    }
    if (c < 0x20) return false;
    scan->at++;
    if (c == '"') return true;
    if (c == '\\' && !scan_escape(scan)) return false;
  }
  return false;
}

/* At least one digit. */
static bool scan_digits(struct scan *scan)
{
  const unsigned char *first = scan->at;
  while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') scan->at++;
  return scan->at > first;
}

/* RFC 8259, 6: no leading zero, no bare sign, no bare point. */
static bool scan_number(struct scan *scan)
{
  take(scan, '-');
  if (!take(scan, '0') && !scan_digits(scan)) return false;
  if (take(scan, '.') && !scan_digits(scan)) return false;
  if (take(scan, 'e') || take(scan, 'E')) {
    if (!take(scan, '+')) take(scan, '-');
    return scan_digits(scan);
  }
  return true;
}

static bool scan_literal(struct scan *scan, struct slice literal)
{
  struct slice rest = {(const char *)scan->at, (size_t)(scan->end - scan->at)};
  if (!slice_starts_with(rest, literal)) return false;
  scan->at += literal.len;
  return true;
}

/* A member's name and colon. */
static bool scan_name(struct scan *scan)
{
  if (!take(scan, '"') || !scan_string(scan)) return false;
  skip_white(scan);
  if (!take(scan, ':')) return false;
  skip_white(scan);
  return true;
}

/* From behind the opening bracket to behind `close`. */
static bool scan_container(struct scan *scan, unsigned char close)
{
  if (scan->depth == 0) return false;
  scan->depth--;
  skip_white(scan);
  bool first = true;
  while (!take(scan, close)) {
    if (!first) {
      if (!take(scan, ',')) return false;
      skip_white(scan);
    }
    if (close == '}' && !scan_name(scan)) return false;
    if (!scan_value(scan)) return false;
    skip_white(scan);
    first = false;
  }
  scan->depth++;
  return true;
}

static bool scan_value(struct scan *scan)
{
  if (scan->at == scan->end) return false;
  switch (*scan->at) {
  case '"':
    scan->at++;
    return scan_string(scan);
  case '{':
    scan->at++;
    return scan_container(scan, '}');
  case '[':
    scan->at++;
    return scan_container(scan, ']');
  case 't':
    return scan_literal(scan, SLICE("true"));
  case 'f':
    return scan_literal(scan, SLICE("false"));
  case 'n':
    return scan_literal(scan, SLICE("null"));
  default:
    return scan_number(scan);
  }
}

enum err json_check(struct slice text)
{
  return json_check_depth(text, JSON_MAX_DEPTH);
}

enum err json_check_depth(struct slice text, unsigned max_depth)
{
  if (text.len == 0) return ERR_MALFORMED;
  struct scan scan = {
      .at = (const unsigned char *)text.data,
      .end = (const unsigned char *)text.data + text.len,
      .depth = max_depth,
  };
  skip_white(&scan);
  if (!take(&scan, '{') || !scan_container(&scan, '}')) return ERR_MALFORMED;
  skip_white(&scan);
  return scan.at == scan.end ? ERR_OK : ERR_MALFORMED;
}
