/* The grammar of RFC 8259, one small function per production. It is stricter than
 * json-c's strict mode, which lets NaN, Infinity, control characters in strings and
 * malformed UTF-8 pass; and at a tenth of the cost of a tree it is what stands on the
 * message path, for frames and for envelopes. tests/fuzz/fuzz_json.c holds it against
 * json-c. */
#include "base/json_scan.h"

#include <endian.h>
#include <stdint.h>

#include "base/utf8.h"

static bool scan_value(struct json_scan *scan);

static bool break_off(struct json_scan *scan)
{
  scan->broken = true;
  scan->end = scan->at;
  return false;
}

static inline bool is_white(unsigned char c)
{
  return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

static inline void skip_white(struct json_scan *scan)
{
  const unsigned char *at = scan->at;
  while (at < scan->end && is_white(*at)) at++;
  scan->at = at;
}

/* Takes the byte `c` if it is next. */
static inline bool take(struct json_scan *scan, unsigned char c)
{
  if (scan->at == scan->end || *scan->at != c) return false;
  scan->at++;
  return true;
}

/* ---- strings ---- */

static bool is_hex(unsigned char c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* What follows a reverse solidus (RFC 8259, 7). A lone surrogate is grammatical. */
static bool scan_escape(struct json_scan *scan)
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

static bool scan_utf8(struct json_scan *scan)
{
  size_t len =
      utf8_sequence((struct slice){(const char *)scan->at, (size_t)(scan->end - scan->at)});
  scan->at += len;
  return len > 0;
}

/* Behind the run of ASCII that stands in a string as itself, eight bytes at a time: what
 * ends it has its high bit set, is below 0x20, or is a quote or a reverse solidus. A
 * difference has a byte's high bit set where that byte is smaller than what is taken from
 * it; a borrow spoils only bytes behind such a one, so that the first is exact. */
static inline const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
  const uint64_t each = UINT64_C(0x0101010101010101), high = each * 0x80;
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    word = le64toh(word); /* the first byte is the lowest */
    uint64_t quote = word ^ each * '"', escape = word ^ each * '\\';
    uint64_t ends = (word | (word - each * 0x20) | (quote - each) | (escape - each)) & high;
    if (ends) return at + __builtin_ctzll(ends) / 8;
  }
  while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
  return at;
}

/* From behind the opening quote to behind the closing one. */
static bool scan_string(struct json_scan *scan)
{
  for (;;) {
    scan->at = skip_plain(scan->at, scan->end);
    if (scan->at == scan->end) return false;
    unsigned char c = *scan->at;
    if (c >= 0x80) {
      if (!scan_utf8(scan)) return false;
      continue;
    }
    scan->at++;
    if (c == '"') return true;
    if (c != '\\' || !scan_escape(scan)) return false;
  }
}

/* ---- numbers and literals ---- */

/* At least one digit. */
static bool scan_digits(struct json_scan *scan)
{
  const unsigned char *first = scan->at, *at = first;
  while (at < scan->end && *at >= '0' && *at <= '9') at++;
  scan->at = at;
  return at > first;
}

/* RFC 8259, 6: no leading zero, no bare sign, no bare point. */
static bool scan_number(struct json_scan *scan)
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

static bool scan_literal(struct json_scan *scan, struct slice literal)
{
  struct slice rest = {(const char *)scan->at, (size_t)(scan->end - scan->at)};
  if (!slice_starts_with(rest, literal)) return false;
  scan->at += literal.len;
  return true;
}

/* ---- containers ---- */

bool json_scan_open(struct json_scan *scan, char bracket)
{
  if (!take(scan, (unsigned char)bracket)) return false;
  if (scan->depth == 0) return break_off(scan);
  scan->depth--;
  scan->fresh = true;
  skip_white(scan);
  return true;
}

/* At the closing bracket: true, taken. Else at the next member or element. */
static bool at_end(struct json_scan *scan, unsigned char close)
{
  skip_white(scan);
  if (take(scan, close)) {
    scan->depth++;
    scan->fresh = false;
    return true;
  }
  if (!scan->fresh && !take(scan, ',')) break_off(scan);
  scan->fresh = false;
  skip_white(scan);
  return false;
}

bool json_scan_member(struct json_scan *scan, struct slice *key)
{
  if (at_end(scan, '}')) return false;
  const unsigned char *first = scan->at;
  if (!take(scan, '"') || !scan_string(scan)) return break_off(scan);
  *key = (struct slice){(const char *)first, (size_t)(scan->at - first)};
  skip_white(scan);
  if (!take(scan, ':')) return break_off(scan);
  skip_white(scan);
  return true;
}

bool json_scan_element(struct json_scan *scan)
{
  return !at_end(scan, ']') && !scan->broken;
}

static bool scan_object(struct json_scan *scan)
{
  struct slice key;
  if (!json_scan_open(scan, '{')) return false;
  while (json_scan_member(scan, &key)) {
    if (!scan_value(scan)) return false;
  }
  return !scan->broken;
}

static bool scan_array(struct json_scan *scan)
{
  if (!json_scan_open(scan, '[')) return false;
  while (json_scan_element(scan)) {
    if (!scan_value(scan)) return false;
  }
  return !scan->broken;
}

/* Recurses as deep as json_scan_open lets containers nest. */
static bool scan_value(struct json_scan *scan)
{
  if (scan->at == scan->end) return false;
  switch (*scan->at) {
  case '"':
    scan->at++;
    return scan_string(scan);
  case '{':
    return scan_object(scan);
  case '[':
    return scan_array(scan);
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

bool json_scan_value(struct json_scan *scan, struct slice *raw)
{
  const unsigned char *first = scan->at;
  if (!scan_value(scan)) return break_off(scan);
  *raw = (struct slice){(const char *)first, (size_t)(scan->at - first)};
  return true;
}

/* ---- from one end to the other ---- */

struct json_scan json_scan(struct slice text, unsigned max_depth)
{
  struct json_scan scan = {.depth = max_depth};
  static const unsigned char none;
  scan.at = text.len ? (const unsigned char *)text.data : &none;
  scan.end = scan.at + text.len;
  skip_white(&scan);
  return scan;
}

bool json_scan_end(struct json_scan *scan)
{
  if (scan->broken) return false;
  skip_white(scan);
  return scan->at == scan->end;
}
