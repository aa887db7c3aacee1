/* The strict grammar of RFC 8259 as a scanner that its caller drives: every byte is
 * looked at once, checked, and handed out as a raw run. json_check goes over a whole text
 * with it; envelope_decode takes an object apart while it is being checked.
 *
 *   struct json_scan scan = json_scan(text, JSON_MAX_DEPTH);
 *   if (!json_scan_open(&scan, '{')) ...broken
 *   while (json_scan_member(&scan, &key)) json_scan_value(&scan, &value);
 *   good = json_scan_end(&scan);
 *
 * What is broken stays broken: every later call fails, and json_scan_end says so. So what
 * was handed out before counts only once json_scan_end has answered true. */
#ifndef PARLEY_BASE_JSON_SCAN_H
#define PARLEY_BASE_JSON_SCAN_H

#include "slice.h"

struct json_scan {
  const unsigned char *at, *end;
  unsigned depth; /* how many more containers may be opened */
  bool fresh;     /* a container was just opened: no comma is due */
  bool broken;
};

struct json_scan json_scan(struct slice text, unsigned max_depth);

/* Takes an opening bracket, '{' or '['. False where another byte stands there, which
 * breaks nothing, or where it would nest too deep, which does. */
bool json_scan_open(struct json_scan *scan, char bracket);

/* Takes the name of the next member, raw with its quotes, and the colon. False at the end
 * of the object, whose bracket is then taken, and where the text is broken. */
bool json_scan_member(struct json_scan *scan, struct slice *key);

/* The same in an array, where elements have no names. */
bool json_scan_element(struct json_scan *scan);

/* Takes one whole value of any type, raw. */
bool json_scan_value(struct json_scan *scan, struct slice *raw);

/* Was everything good, and is nothing left but white space? */
bool json_scan_end(struct json_scan *scan);

#endif
